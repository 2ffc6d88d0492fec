//! The times in a signature: `yyyyMMdd'T'HHmmss'Z'` and its day. It must never read a clock.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

/// A time as a request states it, valid in the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// As received: `20130524T000000Z`.
    pub(super) text: String,
    /// Since 1970; negative before.
    pub(super) time_ms: i64,
}

impl Stamp {
    /// Reads the one accepted form; `None` for any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (day, clock) = text.strip_suffix('Z')?.split_once('T')?;
        let date = date(day)?;
        let [hour, minute, second] = numbers(clock, [2, 2, 2])?;
        let clock = Time::from_hms(
            u8::try_from(hour).ok()?,
            u8::try_from(minute).ok()?,
            u8::try_from(second).ok()?,
        );
        let seconds = date.with_time(clock.ok()?).assume_utc().unix_timestamp();
        Some(Self {
            text: text.to_owned(),
            time_ms: seconds.checked_mul(1000)?,
        })
    }

    /// The day: `20130524`.
    pub(super) fn day(&self) -> &str {
        self.text.split_once('T').map_or("", |(day, _)| day)
    }
}

/// Whether a text is a day of the calendar: `yyyyMMdd`.
pub(super) fn is_day(text: &str) -> bool {
    date(text).is_some()
}

/// A time for an error's field: `2013-05-24T00:00:00Z`.
pub(super) fn rfc3339(time_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(time_ms.div_euclid(1000))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn date(text: &str) -> Option<Date> {
    let [year, month, day] = numbers(text, [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

/// Splits a text into numbers of exactly so many digits.
fn numbers(text: &str, digits: [usize; 3]) -> Option<[u16; 3]> {
    let mut rest = text;
    let mut found = [0; 3];
    for (number, count) in found.iter_mut().zip(digits) {
        let (head, tail) = rest.split_at_checked(count)?;
        if !head.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        (*number, rest) = (head.parse().ok()?, tail);
    }
    rest.is_empty().then_some(found)
}
