//! What the system tells about a process.
//!
//! Must never signal one.

/// Clock ticks a second of `/proc/PID/stat` on Linux, whatever the kernel's own.
const TICKS_PER_S: u64 = 100;

/// Processor time of a process so far, user and system, in microseconds.
pub fn cpu_us(pid: u32) -> Option<u64> {
    cpu_us_of(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The same from the text of its `stat`.
pub fn cpu_us_of(stat: &str) -> Option<u64> {
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.saturating_add(system);
    ticks.saturating_mul(1_000_000).checked_div(TICKS_PER_S)
}
