//! Dates and times of `chrono`. Columns keep microseconds: finer digits are cut off.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

use super::range::sealed::Sealed;
use super::{BindSink, ColumnType, HasInfinity, RangeBound, Scalar, mismatch, time, unbindable};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::ValueRef;

const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1970, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

#[diagnostic::do_not_recommend]
impl Scalar for NaiveDate {
    const COLUMN: ColumnType = ColumnType::Date;
    const NAME: &'static str = "NaiveDate";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        let days = i32::try_from(self.signed_duration_since(EPOCH).num_days());
        sink.bind(ValueRef::Date(days.map_err(|_| unbindable(ValueError::OutOfRange { target: "a date column" }))?))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let days = match value {
            ValueRef::Date(days) => days,
            ValueRef::Text(text) => time::parse_date(text)?,
            other => return Err(mismatch::<Self>(other)),
        };
        EPOCH
            .checked_add_signed(chrono::TimeDelta::days(i64::from(days)))
            .ok_or_else(|| too_far(matches!(days, i32::MIN | i32::MAX), "NaiveDate"))
    }
}
literal!(NaiveDate);

#[diagnostic::do_not_recommend]
impl Scalar for NaiveTime {
    const COLUMN: ColumnType = ColumnType::Time;
    const NAME: &'static str = "NaiveTime";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        // A leap second has a fraction beyond one second; it is kept as the last microsecond of its second.
        let micros = i64::from(self.nanosecond() / 1000).min(999_999);
        sink.bind(ValueRef::Time(i64::from(self.num_seconds_from_midnight()) * 1_000_000 + micros))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let micros = match value {
            ValueRef::Time(micros) => micros,
            ValueRef::Text(text) => time::parse_time(text)?,
            other => return Err(mismatch::<Self>(other)),
        };
        let out_of_range = ValueError::OutOfRange { target: "NaiveTime" };
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        match (u32::try_from(seconds), u32::try_from(rest * 1000)) {
            (Ok(seconds), Ok(nanos)) => {
                NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos).ok_or(out_of_range)
            }
            _ => Err(out_of_range),
        }
    }
}
literal!(NaiveTime);

#[diagnostic::do_not_recommend]
impl Scalar for NaiveDateTime {
    const COLUMN: ColumnType = ColumnType::DateTime;
    const NAME: &'static str = "NaiveDateTime";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::DateTime(self.and_utc().timestamp_micros()))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let micros = match value {
            ValueRef::DateTime(micros) => micros,
            ValueRef::Text(text) => time::parse_datetime(text)?,
            other => return Err(mismatch::<Self>(other)),
        };
        DateTime::from_timestamp_micros(micros)
            .map(|instant| instant.naive_utc())
            .ok_or_else(|| too_far(infinite(micros), "NaiveDateTime"))
    }
}
literal!(NaiveDateTime);

#[diagnostic::do_not_recommend]
impl Scalar for DateTime<Utc> {
    const COLUMN: ColumnType = ColumnType::Timestamp;
    const NAME: &'static str = "DateTime<Utc>";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Timestamp(self.timestamp_micros()))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let micros = match value {
            ValueRef::Timestamp(micros) => micros,
            ValueRef::Text(text) => time::parse_timestamp(text)?,
            other => return Err(mismatch::<Self>(other)),
        };
        DateTime::from_timestamp_micros(micros).ok_or_else(|| too_far(infinite(micros), "DateTime<Utc>"))
    }
}
literal!(DateTime<Utc>);

fn infinite(micros: i64) -> bool {
    matches!(micros, i64::MIN | i64::MAX)
}

fn too_far(infinite: bool, target: &'static str) -> ValueError {
    match infinite {
        true => ValueError::OutOfRange { target: "a finite time: it is infinite, and `MaybeInfinite<..>` holds that" },
        false => ValueError::OutOfRange { target },
    }
}

macro_rules! infinity {
    ($($type:ty => $kind:ident($least:expr, $greatest:expr)),*) => {$(
        impl HasInfinity for $type {
            const LEAST: ValueRef<'static> = ValueRef::$kind($least);
            const GREATEST: ValueRef<'static> = ValueRef::$kind($greatest);
        }
        impl Sealed for $type {}
    )*};
}

infinity!(
    NaiveDate => Date(i32::MIN, i32::MAX),
    NaiveDateTime => DateTime(i64::MIN, i64::MAX),
    DateTime<Utc> => Timestamp(i64::MIN, i64::MAX)
);

impl RangeBound for NaiveDate {
    fn successor(&self) -> Option<Self> {
        self.succ_opt()
    }
}

impl RangeBound for NaiveDateTime {}
impl RangeBound for DateTime<Utc> {}
