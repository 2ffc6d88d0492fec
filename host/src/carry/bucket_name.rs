//! Which names a bucket can be made under: those under which a request could make it.
//!
//! The gateway has the same rules and refuses other names before the host is asked. Must never
//! take a name that it refuses.

/// Shortest and longest name, bytes.
const NAME_BYTES: std::ops::RangeInclusive<usize> = 3..=63;

/// What AWS keeps for itself.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap"];

/// Whether a bucket of this name can be made.
pub(super) fn is_fit(name: &str) -> bool {
    let is_reserved = RESERVED_PREFIXES.iter().any(|part| name.starts_with(part))
        || RESERVED_SUFFIXES.iter().any(|part| name.ends_with(part));
    NAME_BYTES.contains(&name.len())
        && name.split('.').all(is_label)
        && !is_address(name)
        && !is_reserved
}

/// Lower-case letters, digits and, between them, hyphens.
fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (label.bytes().next(), label.bytes().next_back());
    first.is_some_and(is_plain)
        && last.is_some_and(is_plain)
        && label.bytes().all(|byte| is_plain(byte) || byte == b'-')
}

/// Four numbers, as an IPv4 address has them.
fn is_address(name: &str) -> bool {
    let is_number = |label: &str| label.len() <= 3 && label.bytes().all(|b| b.is_ascii_digit());
    name.split('.').count() == 4 && name.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(name: &str) -> bool {
        let fit = is_fit(name);
        let gateway = billet_s3::bucket_name::check_new(name).is_ok();
        assert_eq!(fit, gateway, "{name:?}");
        fit
    }

    #[test]
    fn the_gateway_takes_the_same_names() {
        let long = "a".repeat(63);
        let dotted = ["ab", "a.b", "a.b.c.d", "1.2.3", "1.2.3.4.5", "1.2.3.4444"];
        let fit = [
            "abc",
            "photos-2026",
            "0-0",
            "192.168.0.a",
            "mrap",
            "xn-a",
            "a--b",
            &long,
        ];
        for name in fit.iter().chain(&dotted[1..]) {
            assert!(same(name), "{name}");
        }
        let longer = "a".repeat(64);
        let unfit = [
            "",
            "a",
            "ab",
            &longer,
            "192.168.0.1",
            "999.0.00.000",
            "a-.b",
            "a.-b",
            "-ab",
            "ab-",
            ".ab",
            "ab.",
            "a..b",
            "A-b",
            "a_b",
            "a b",
            "a/b",
            "ab\n",
            "\u{e4}bc",
            "xn--a",
            "sthree-a",
            "amzn-s3-demo-a",
            "a-s3alias",
            "a--ol-s3",
            "a--x-s3",
            "a--table-s3",
            "a.mrap",
        ];
        for name in unfit {
            assert!(!same(name), "{name}");
        }
    }

    #[test]
    fn the_gateway_takes_the_same_short_names() {
        const LETTERS: [char; 6] = ['a', 'z', '0', '-', '.', 'A'];
        let (mut names, mut fit) = (vec![String::new()], 0);
        for _ in 0..6 {
            let longer = |name: &String| LETTERS.map(|letter| format!("{name}{letter}"));
            names = names.iter().flat_map(longer).collect();
            fit += names.iter().filter(|name| same(name)).count();
        }
        assert!(fit > 1_000, "{fit}");
        // Addresses, nearly.
        let numbers = ["0", "00", "255", "999", "1000", "a", "", "1-1"];
        for index in 0..numbers.len().pow(4) {
            let digit = |power: u32| numbers[index / numbers.len().pow(power) % numbers.len()];
            same(&[0, 1, 2, 3].map(digit).join("."));
        }
    }
}
