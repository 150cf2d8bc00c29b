//! Dates and times as text and as numbers, without a date library: what backends that store text need.
//!
//! The form is fixed, so that text sorts like time: `2024-02-29`, `23:59:59.000000`, `2024-02-29 23:59:59.000000`, and
//! with `+00:00` at its end for a point in time. Reading is more lenient: `T` for the space, `Z`, an offset, and any
//! number of fraction digits (from the seventh on they are cut off). The least and the greatest number that a date or a
//! time with a date can have are `-infinity` and `infinity`.
//!
//! The calendar is the proleptic Gregorian one, counted in days as in
//! <https://howardhinnant.github.io/date_algorithms.html>.

use std::fmt::Write;

use crate::error::ValueError;

/// A time before all others: in text, it sorts before every year that has no sign.
const NEGATIVE_INFINITY: &str = "-infinity";
/// A time after all others.
const INFINITY: &str = "infinity";

/// Microseconds in a day.
pub const DAY: i64 = 86_400_000_000;

/// Writes days since 1970-01-01 as `YYYY-MM-DD`.
pub fn write_date(days: i32, out: &mut String) {
    match days {
        i32::MIN => return out.push_str(NEGATIVE_INFINITY),
        i32::MAX => return out.push_str(INFINITY),
        _ => {}
    }
    let (year, month, day) = civil(i64::from(days));
    let _infallible = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// Writes microseconds since midnight as `HH:MM:SS.ffffff`.
pub fn write_time(micros: i64, out: &mut String) {
    let seconds = micros / 1_000_000;
    let _infallible =
        write!(out, "{:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000);
}

/// Writes microseconds since 1970-01-01T00:00:00 as `YYYY-MM-DD HH:MM:SS.ffffff`.
pub fn write_datetime(micros: i64, out: &mut String) {
    match micros {
        i64::MIN => return out.push_str(NEGATIVE_INFINITY),
        i64::MAX => return out.push_str(INFINITY),
        _ => {}
    }
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let _infallible = write!(out, "{year:04}-{month:02}-{day:02} ");
    write_time(micros.rem_euclid(DAY), out);
}

/// Writes a point in time in UTC, with its offset.
pub fn write_timestamp(micros: i64, out: &mut String) {
    write_datetime(micros, out);
    if !matches!(micros, i64::MIN | i64::MAX) {
        out.push_str("+00:00");
    }
}

/// Reads `YYYY-MM-DD`.
///
/// # Errors
///
/// The text is no date.
pub fn parse_date(text: &str) -> Result<i32, ValueError> {
    date_or_infinity(text).ok_or(ValueError::Malformed { expected: "a date (YYYY-MM-DD)" })
}

/// Reads `HH:MM[:SS[.f]]`.
///
/// # Errors
///
/// The text is no time of day.
pub fn parse_time(text: &str) -> Result<i64, ValueError> {
    time(text).ok_or(ValueError::Malformed { expected: "a time (HH:MM:SS)" })
}

/// Reads a date and a time; an offset at the end is not allowed.
///
/// # Errors
///
/// The text is neither a date nor a date and time.
pub fn parse_datetime(text: &str) -> Result<i64, ValueError> {
    micros_or_infinity(text, datetime)
        .ok_or(ValueError::Malformed { expected: "a date and time (YYYY-MM-DD HH:MM:SS)" })
}

/// Reads a date and a time with an offset (`Z`, `+02:00`); without one it is UTC.
///
/// # Errors
///
/// The text is no point in time.
pub fn parse_timestamp(text: &str) -> Result<i64, ValueError> {
    micros_or_infinity(text, timestamp)
        .ok_or(ValueError::Malformed { expected: "a timestamp (YYYY-MM-DD HH:MM:SS+00:00)" })
}

fn date_or_infinity(text: &str) -> Option<i32> {
    match text {
        NEGATIVE_INFINITY => Some(i32::MIN),
        INFINITY => Some(i32::MAX),
        text => date(text),
    }
}

fn micros_or_infinity(text: &str, finite: fn(&str) -> Option<i64>) -> Option<i64> {
    match text {
        NEGATIVE_INFINITY => Some(i64::MIN),
        INFINITY => Some(i64::MAX),
        text => finite(text),
    }
}

fn timestamp(text: &str) -> Option<i64> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return datetime(utc);
    }
    // An offset's sign can only stand after the time; the date's hyphens stand before it.
    match text.rfind(['+', '-']).filter(|position| *position > "YYYY-MM-DD".len()) {
        None => datetime(text),
        Some(position) => {
            let (local, offset) = text.split_at(position);
            let (sign, offset) = offset.split_at(1);
            let offset = match offset.len() {
                2 => number(offset)?.checked_mul(3_600_000_000)?,
                _ => time(offset)?,
            };
            let offset = if sign == "-" { -offset } else { offset };
            datetime(local)?.checked_sub(offset)
        }
    }
}

fn datetime(text: &str) -> Option<i64> {
    let (day, rest) = match text.find([' ', 'T', 't']) {
        Some(position) => (text.get(..position)?, text.get(position + 1..)?),
        None => (text, "00:00"),
    };
    i64::from(date(day)?).checked_mul(DAY)?.checked_add(time(rest)?)
}

fn date(text: &str) -> Option<i32> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = digits.split('-');
    let (year, month, day) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let year = if negative { -year } else { year };
    let days = days(year, month, day);
    // A day that does not exist, such as February 30th, counts as another one.
    let exists = parts.next().is_none() && civil(days) == (year, month, day);
    i32::try_from(days).ok().filter(|_| exists)
}

fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    let in_range = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    let micros = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .try_fold(0i64, |all, digit| digit.is_ascii_digit().then(|| all * 10 + i64::from(digit - b'0')))?;
    in_range.then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 of a date; days and months beyond their ranges run over.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_six_centuries_survives_the_way_there_and_back() {
        for day in -110_000..110_000 {
            let mut text = String::new();
            write_date(day, &mut text);
            assert_eq!(parse_date(&text), Ok(day), "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_in_the_forms_that_databases_write() {
        let mut text = String::new();
        write_timestamp(951_868_799_000_001, &mut text);
        assert_eq!(text, "2000-02-29 23:59:59.000001+00:00");
        for form in
            ["2000-02-29T23:59:59.000001Z", "2000-03-01 01:59:59.0000019+02:00", "2000-02-29 15:59:59.000001-08"]
        {
            assert_eq!(parse_timestamp(form), Ok(951_868_799_000_001), "{form}");
        }
        assert_eq!(parse_datetime("2000-02-29"), Ok(951_782_400_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["2023-02-29", "2023-13-01", "", "tomorrow", "2023-01-01-01"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
        for text in ["24:00", "12", "12:60:00", "12:00:00.x", "12:00:00:00"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
