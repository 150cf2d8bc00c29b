//! Columns as the server sends them, borrowed as [`ValueRef`]s.

use std::error::Error as StdError;
use std::net::IpAddr;

use orm_core::driver::Row;
use orm_core::error::ValueError;
use orm_core::types::{Inet, Interval};
use orm_core::value::ValueRef;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::compound::encoded;
use crate::numeric;
use crate::value::{DAYS_TO_2000, IPV4, IPV6, MICROS_TO_2000, not};

/// A row of a statement that runs.
pub(crate) struct PostgresRow<'a>(pub(crate) &'a tokio_postgres::Row);

impl Row for PostgresRow<'_> {
    fn width(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        match self.0.try_get::<usize, Decoded<'_>>(index) {
            Ok(Decoded(value)) => value,
            Err(_) => Err(ValueError::NoColumn { width: self.width() }),
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.0.columns().get(index).map(|column| column.name())
    }
}

/// A value, or what is wrong with it: the protocol's own error could not carry that.
struct Decoded<'a>(Result<ValueRef<'a>, ValueError>);

impl<'a> FromSql<'a> for Decoded<'a> {
    #[inline]
    fn from_sql(column_type: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Decoded(decode(column_type, bytes)))
    }

    fn from_sql_null(_column_type: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Decoded(Ok(ValueRef::Null)))
    }

    fn accepts(_column_type: &Type) -> bool {
        true
    }
}

pub(crate) fn decode<'a>(column_type: &Type, bytes: &'a [u8]) -> Result<ValueRef<'a>, ValueError> {
    Ok(match *column_type {
        Type::INT8 => ValueRef::Int(i64::from_be_bytes(fixed(bytes)?)),
        Type::INT4 => ValueRef::Int(i32::from_be_bytes(fixed(bytes)?).into()),
        Type::INT2 => ValueRef::Int(i16::from_be_bytes(fixed(bytes)?).into()),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML => text(bytes)?,
        Type::BOOL => ValueRef::Bool(fixed::<1>(bytes)? != [0]),
        Type::FLOAT8 => ValueRef::Float(f64::from_be_bytes(fixed(bytes)?)),
        Type::FLOAT4 => ValueRef::Float(f32::from_be_bytes(fixed(bytes)?).into()),
        Type::BYTEA => ValueRef::Bytes(bytes),
        Type::DATE => ValueRef::Date(date(i32::from_be_bytes(fixed(bytes)?))?),
        Type::TIME => ValueRef::Time(i64::from_be_bytes(fixed(bytes)?)),
        Type::TIMESTAMP => ValueRef::DateTime(point(i64::from_be_bytes(fixed(bytes)?))?),
        Type::TIMESTAMPTZ => ValueRef::Timestamp(point(i64::from_be_bytes(fixed(bytes)?))?),
        Type::UUID => ValueRef::Uuid(fixed(bytes)?),
        Type::NUMERIC => ValueRef::Decimal(numeric::read(bytes)?),
        Type::JSON => ValueRef::Json(utf8(bytes)?),
        // The first byte is the version of the form.
        Type::JSONB => ValueRef::Json(utf8(bytes.get(1..).unwrap_or_default())?),
        Type::INTERVAL => ValueRef::Interval(interval(bytes)?),
        Type::INET | Type::CIDR => ValueRef::Inet(inet(bytes)?),
        Type::OID => ValueRef::Int(u32::from_be_bytes(fixed(bytes)?).into()),
        Type::VOID => ValueRef::Null,
        _ => return decode_other(column_type, bytes),
    })
}

/// Arrays, ranges, and types that extensions and users make.
fn decode_other<'a>(column_type: &Type, bytes: &'a [u8]) -> Result<ValueRef<'a>, ValueError> {
    match column_type.kind() {
        Kind::Domain(inside) => decode(inside, bytes),
        Kind::Enum(_) => text(bytes),
        _ if column_type.name() == "citext" => text(bytes),
        Kind::Array(_) | Kind::Range(_) => encoded(column_type, bytes).ok_or(UNREADABLE),
        _ => Err(UNREADABLE),
    }
}

const UNREADABLE: ValueError =
    ValueError::Malformed { expected: "of a type that can be read: cast it in the statement, as in `CAST(x AS text)`" };

/// Microseconds, days and months.
fn interval(bytes: &[u8]) -> Result<Interval, ValueError> {
    let Some((micros, rest)) = bytes.split_at_checked(8) else { return Err(not("a whole interval")) };
    let Some((days, months)) = rest.split_at_checked(4) else { return Err(not("a whole interval")) };
    let (micros, days) = (i64::from_be_bytes(fixed(micros)?), i32::from_be_bytes(fixed(days)?));
    let interval = Interval { months: i32::from_be_bytes(fixed(months)?), days, micros };
    match interval == LONGEST || interval == SHORTEST {
        true => Err(ValueError::OutOfRange { target: "an interval: it is infinite" }),
        false => Ok(interval),
    }
}

/// Servers of version 17 and later call these infinite.
const LONGEST: Interval = Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX };
const SHORTEST: Interval = Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN };

/// The family, the prefix, whether it is a `cidr`, and the address after its length.
fn inet(bytes: &[u8]) -> Result<Inet, ValueError> {
    let address = |bytes: &[u8]| Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?));
    let address_v6 = |bytes: &[u8]| Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?));
    match bytes {
        [IPV4, prefix, _, 4, bytes @ ..] => address(bytes).map(|address| Inet::new(address, *prefix)),
        [IPV6, prefix, _, 16, bytes @ ..] => address_v6(bytes).map(|address| Inet::new(address, *prefix)),
        _ => None,
    }
    .unwrap_or(Err(not("a whole IP address")))
}

#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| ValueError::Malformed { expected: "as long as its type" })
}

#[inline]
fn text(bytes: &[u8]) -> Result<ValueRef<'_>, ValueError> {
    utf8(bytes).map(ValueRef::Text)
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(bytes).map_err(|_| ValueError::Utf8)
}

/// The least and the greatest are infinite, on both sides.
fn date(days: i32) -> Result<i32, ValueError> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        days => days.checked_add(DAYS_TO_2000).ok_or_else(too_late),
    }
}

fn point(micros: i64) -> Result<i64, ValueError> {
    match micros {
        i64::MIN | i64::MAX => Ok(micros),
        micros => micros.checked_add(MICROS_TO_2000).ok_or_else(too_late),
    }
}

fn too_late() -> ValueError {
    ValueError::OutOfRange { target: "the times of this library" }
}
