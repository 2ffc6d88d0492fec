//! Times as S3 writes and reads them. It must never ask what time it is: all times are milliseconds
//! since 1970 that the caller brings.

use time::format_description::FormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const ISO_MS: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const HTTP: &[FormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[FormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);

/// The latest time that these formats carry: the end of the year 9999.
pub const TIME_MAX_MS: u64 = 253_402_300_799_999;

/// `2026-11-21T12:13:14.567Z`, as in XML documents.
#[must_use]
pub fn iso(time_ms: u64) -> String {
    written(time_ms, ISO_MS)
}

/// `Sat, 21 Nov 2026 12:13:14 GMT`, as in `Last-Modified`; milliseconds are cut off.
#[must_use]
pub fn http(time_ms: u64) -> String {
    written(time_ms, HTTP)
}

fn written(time_ms: u64, format: &[FormatItem<'_>]) -> String {
    let nanos = i128::from(time_ms.min(TIME_MAX_MS)) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos);
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// Reads an HTTP date in any of its three forms, or an ISO date. `None` for anything else, which
/// RFC 9110 wants ignored in a condition, and for times before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let plain = |format| {
        PrimitiveDateTime::parse(text, format)
            .ok()
            .map(PrimitiveDateTime::assume_utc)
    };
    let time = plain(HTTP)
        .or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok())
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok())
        .or_else(|| plain(ASCTIME))
        .or_else(|| rfc_850(text))?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Reads an ISO 8601 date with a zone, as the object lock headers carry.
#[must_use]
pub fn parse_iso(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The form with a two-digit year: 70 to 99 are of the last century.
fn rfc_850(text: &str) -> Option<OffsetDateTime> {
    let (start, rest) = text.rsplit_once('-')?;
    let century = if rest.get(..2)?.parse::<u8>().ok()? >= 70 {
        "19"
    } else {
        "20"
    };
    let day = start.split_once(", ")?.1;
    const FULL: &[FormatItem<'_>] =
        format_description!("[day]-[month repr:short]-[year] [hour]:[minute]:[second] GMT");
    let full = format!("{day}-{century}{rest}");
    PrimitiveDateTime::parse(&full, FULL)
        .ok()
        .map(PrimitiveDateTime::assume_utc)
}
