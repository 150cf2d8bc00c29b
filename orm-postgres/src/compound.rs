//! Ranges, written and read in PostgreSQL's binary form, and arrays, read from it. `array.rs` writes those.
//!
//! An array says its dimensions, whether it holds a NULL, the type of its elements, then each element with its length. A
//! range begins with a byte of flags, followed by the bounds that it has, each with its length.

use bytes::{BufMut, BytesMut};
use orm_core::error::ValueError;
use orm_core::types::{ColumnType, Range};
use orm_core::value::{Codec, Compound, Each, Encoded, Value, ValueRef};
use tokio_postgres::types::{Kind, Type};

use crate::row::decode;
use crate::value::{encode_binary, not};

const EMPTY: u8 = 0x01;
const LOWER_INCLUDED: u8 = 0x02;
const UPPER_INCLUDED: u8 = 0x04;
const NO_LOWER: u8 = 0x08;
const NO_UPPER: u8 = 0x10;

/// Writes a range.
pub(crate) fn write_range(range: &Range<Value>, element: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let Some((lower, upper)) = range.bounds() else {
        out.put_u8(EMPTY);
        return Ok(());
    };
    let lower_flag = match lower {
        Included(_) => LOWER_INCLUDED,
        Excluded(_) => 0,
        Unbounded => NO_LOWER,
    };
    let upper_flag = match upper {
        Included(_) => UPPER_INCLUDED,
        Excluded(_) => 0,
        Unbounded => NO_UPPER,
    };
    out.put_u8(lower_flag | upper_flag);
    [lower, upper].into_iter().try_for_each(|bound| match bound {
        Included(value) | Excluded(value) => write_part(value.borrowed()?, element, out),
        Unbounded => Ok(()),
    })
}

/// Writes a value after its length.
fn write_part(value: ValueRef<'_>, element: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    let at = out.len();
    out.put_i32(0);
    encode_binary(value, element, out)?;
    let length = i32::try_from(out.len() - at - 4).map_err(|_| too_long())?;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// An array or a range of the server, to be taken apart when it is read; none if its elements cannot be read.
pub(crate) fn encoded<'a>(column_type: &Type, bytes: &'a [u8]) -> Option<ValueRef<'a>> {
    let codec = match column_type.kind() {
        Kind::Array(element) => array_codec(element)?,
        Kind::Range(element) => range_codec(element)?,
        _ => return None,
    };
    Some(ValueRef::Encoded(Encoded::new(bytes, codec)))
}

/// A codec for each type of elements. The functions in them must know the type, for they are given bytes only.
macro_rules! codecs {
    ($element:ident, $read:ident, $kind:ident, $($type:ident => $column:expr),*) => {
        match *$element {
            $(Type::$type => {
                static CODEC: Codec = Codec {
                    element: $column,
                    kind: Compound::$kind,
                    read: |bytes, each| $read(&Type::$type, bytes, each),
                };
                Some(&CODEC)
            })*
            _ => None,
        }
    };
}

fn array_codec(element: &Type) -> Option<&'static Codec> {
    let known: Option<&'static Codec> = codecs!(
        element, read_array, Array,
        INT8 => ColumnType::Int64,
        INT4 => ColumnType::Int32,
        INT2 => ColumnType::Int16,
        TEXT => ColumnType::Text { max_length: None },
        VARCHAR => ColumnType::Text { max_length: None },
        BPCHAR => ColumnType::Text { max_length: None },
        NAME => ColumnType::Text { max_length: None },
        BOOL => ColumnType::Bool,
        FLOAT8 => ColumnType::Float64,
        FLOAT4 => ColumnType::Float32,
        NUMERIC => ColumnType::Decimal,
        BYTEA => ColumnType::Bytes,
        UUID => ColumnType::Uuid,
        DATE => ColumnType::Date,
        TIME => ColumnType::Time,
        TIMESTAMP => ColumnType::DateTime,
        TIMESTAMPTZ => ColumnType::Timestamp,
        JSON => ColumnType::Json,
        JSONB => ColumnType::Json,
        OID => ColumnType::Int64,
        INTERVAL => ColumnType::Interval,
        INET => ColumnType::Inet,
        CIDR => ColumnType::Cidr,
        INT4_RANGE => ColumnType::Range(&ColumnType::Int32),
        INT8_RANGE => ColumnType::Range(&ColumnType::Int64),
        NUM_RANGE => ColumnType::Range(&ColumnType::Decimal),
        DATE_RANGE => ColumnType::Range(&ColumnType::Date),
        TS_RANGE => ColumnType::Range(&ColumnType::DateTime),
        TSTZ_RANGE => ColumnType::Range(&ColumnType::Timestamp)
    );
    match element.kind() {
        _ if known.is_some() => known,
        Kind::Domain(inside) => array_codec(inside),
        // In binary as in text.
        Kind::Enum(_) => array_codec(&Type::TEXT),
        _ if element.name() == "citext" => array_codec(&Type::TEXT),
        _ => None,
    }
}

fn range_codec(element: &Type) -> Option<&'static Codec> {
    codecs!(
        element, read_range, Range,
        INT8 => ColumnType::Int64,
        INT4 => ColumnType::Int32,
        NUMERIC => ColumnType::Decimal,
        DATE => ColumnType::Date,
        TIMESTAMP => ColumnType::DateTime,
        TIMESTAMPTZ => ColumnType::Timestamp
    )
}

fn read_array<'a>(element: &Type, bytes: &'a [u8], each: &mut Each<'_, 'a>) -> Result<(), ValueError> {
    let mut bytes = Bytes(bytes);
    let (dimensions, _has_null, _element) = (bytes.number()?, bytes.number()?, bytes.number()?);
    let count = match dimensions {
        0 => return Ok(()),
        1 => bytes.number()?,
        _ => return Err(ValueError::Malformed { expected: "an array of one dimension" }),
    };
    let _first_index = bytes.number()?;
    (0..count).try_for_each(|_| match bytes.part()? {
        Some(part) => each(decode(element, part)?),
        None => each(ValueRef::Null),
    })
}

fn read_range<'a>(element: &Type, bytes: &'a [u8], each: &mut Each<'_, 'a>) -> Result<(), ValueError> {
    let (flags, rest) = bytes.split_first().ok_or_else(malformed)?;
    let mut bytes = Bytes(rest);
    let has = |flag: u8| flags & flag != 0;
    each(ValueRef::Text(match (has(LOWER_INCLUDED), has(UPPER_INCLUDED)) {
        _ if has(EMPTY) => "empty",
        (true, true) => "[]",
        (true, false) => "[)",
        (false, true) => "(]",
        (false, false) => "()",
    }))?;
    [NO_LOWER, NO_UPPER].into_iter().try_for_each(|none| match has(none) || has(EMPTY) {
        true => each(ValueRef::Null),
        false => each(decode(element, bytes.part()?.ok_or_else(malformed)?)?),
    })
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ValueError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, ValueError> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into().map_err(|_| malformed())?))
    }

    /// Bytes after their length; none for NULL.
    fn part(&mut self) -> Result<Option<&'a [u8]>, ValueError> {
        match self.number()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| malformed())?).map(Some),
        }
    }
}

fn malformed() -> ValueError {
    not("a whole array or range")
}

fn too_long() -> ValueError {
    ValueError::OutOfRange { target: "a range" }
}
