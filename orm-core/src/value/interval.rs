//! [`Interval`]: a span of time as a calendar counts it.

/// A span of time in SQL's `interval`: months, days and microseconds, each counted for itself.
///
/// A month is no number of days, and a day on which clocks change is no number of hours, so no duration in seconds can
/// hold what `interval '1 month 1 day'` says. Added to a date the months come first, then the days, then the rest.
///
/// Two of these are equal in Rust when their parts are; PostgreSQL compares them with months of 30 days and days of 24
/// hours, so that `1 month` equals `30 days` there.
///
/// ```
/// use orm::types::Interval;
///
/// let span = Interval { months: 14, days: -3, micros: 4_005_000_600 };
/// assert_eq!(span.to_string(), "1 year 2 mons -3 days 01:06:45.000600");
/// assert_eq!(Interval::default().to_string(), "00:00:00");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// Whole months; a year is twelve.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// So many months.
    #[must_use]
    pub const fn months(months: i32) -> Self {
        Interval { months, days: 0, micros: 0 }
    }

    /// So many days.
    #[must_use]
    pub const fn days(days: i32) -> Self {
        Interval { months: 0, days, micros: 0 }
    }

    /// So many microseconds.
    #[must_use]
    pub const fn micros(micros: i64) -> Self {
        Interval { months: 0, days: 0, micros }
    }

    /// So many seconds. Beyond what can be counted in microseconds it is the longest there is.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Interval::micros(seconds.saturating_mul(1_000_000))
    }
}

/// As PostgreSQL writes it.
impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut separator, parts) = ("", [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")]);
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
            write!(f, "{separator}{count} {unit}{}", if count == 1 { "" } else { "s" })?;
            separator = " ";
        }
        if self.micros == 0 && !separator.is_empty() {
            return Ok(());
        }
        let (sign, micros) = (if self.micros < 0 { "-" } else { "" }, self.micros.unsigned_abs());
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        write!(f, "{separator}{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if fraction == 0 { Ok(()) } else { write!(f, ".{fraction:06}") }
    }
}
