//! Arrays, as they are written: those of columns, lists, and the columns of many rows, which travel as one value each.

use bytes::{BufMut, BytesMut};
use orm_core::compile::Arrays;
use orm_core::error::{Error, Result, ValueError};
use orm_core::types::unbindable;
use orm_core::value::{Value, ValueRef};
use tokio_postgres::types::{Kind, Oid, Type};

use crate::value::{Form, encode, not, without_nul};

/// The server's limit for one value.
const MOST_BYTES: usize = 0x3fff_ffff;

/// Finds the type of an array of a type.
pub(crate) const FIND: &str = "SELECT typarray FROM pg_catalog.pg_type WHERE oid = $1";

/// Those that every server has under the same number.
const KNOWN: [Type; 19] = [
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::VARCHAR_ARRAY,
    Type::INT4_ARRAY,
    Type::INT2_ARRAY,
    Type::BOOL_ARRAY,
    Type::FLOAT8_ARRAY,
    Type::FLOAT4_ARRAY,
    Type::NUMERIC_ARRAY,
    Type::BYTEA_ARRAY,
    Type::UUID_ARRAY,
    Type::DATE_ARRAY,
    Type::TIME_ARRAY,
    Type::TIMESTAMP_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::JSON_ARRAY,
    Type::JSONB_ARRAY,
    Type::BPCHAR_ARRAY,
    Type::INET_ARRAY,
];

/// The type of an array of a type, if it is one of the server's own.
pub(crate) fn known(inside: &Type) -> Option<Type> {
    KNOWN.into_iter().find(|array| matches!(array.kind(), Kind::Array(known) if known == inside))
}

/// The type of an array of a type, under the number that the server said.
pub(crate) fn found(inside: &Type, oid: Oid) -> Result<Type> {
    if oid == 0 {
        return Err(Error::Statement(format!(
            "`{}` has no arrays, in which rows are sent together: send them one by one",
            inside.name()
        )));
    }
    let name = format!("_{}", inside.name());
    Ok(Type::new(name, oid, Kind::Array(inside.clone()), inside.schema().to_owned()))
}

/// Rows on their way: an array for each of their columns.
pub(crate) struct Rows<'t> {
    pub(crate) arrays: Vec<Array<'t>>,
    /// The cells that are still to come.
    pub(crate) missing: usize,
    /// The column of the next one.
    column: usize,
}

impl<'t> Rows<'t> {
    pub(crate) fn new(shape: Arrays<'_>, types: &'t [Type]) -> Result<Self> {
        let arrays: Vec<Array<'t>> = types
            .iter()
            .take(shape.columns)
            .map(|array| Array::new(array, shape.rows))
            .collect::<Result<_, _>>()
            .map_err(unbindable)?;
        Ok(Rows { missing: arrays.len() * shape.rows, arrays, column: 0 })
    }

    #[inline]
    pub(crate) fn cell(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.missing -= 1;
        if let Some(array) = self.arrays.get_mut(self.column) {
            array.push(value).map_err(unbindable)?;
        }
        self.column = if self.column + 1 == self.arrays.len() { 0 } else { self.column + 1 };
        Ok(())
    }

    /// Ends the arrays. There must be a value for each cell.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.missing > 0 {
            return Err(Error::Statement(format!("{} values of the statement's rows are not bound", self.missing)));
        }
        self.arrays.iter_mut().try_for_each(Array::end).map_err(unbindable)
    }
}

/// An array of one dimension.
pub(crate) struct Array<'t> {
    inside: &'t Type,
    common: Common,
    pub(crate) bytes: BytesMut,
    count: usize,
    nulls: bool,
    /// Whether its values are known as text only, and so it is text as a whole.
    pub(crate) form: Form,
}

/// A type of which there are very many values, so that each need not find out how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Common {
    Text,
    Int8,
    /// None of these.
    No,
}

impl Common {
    fn of(inside: &Type) -> Self {
        match *inside {
            Type::TEXT | Type::VARCHAR => Common::Text,
            Type::INT8 => Common::Int8,
            _ => Common::No,
        }
    }
}

impl<'t> Array<'t> {
    /// The dimensions, whether there are NULLs, the type; then the length and the first number of the dimension.
    const HEAD: usize = 20;

    fn new(array: &'t Type, room: usize) -> Result<Self, ValueError> {
        let Kind::Array(inside) = array.kind() else { return Err(not("a list")) };
        let mut bytes = BytesMut::with_capacity(Self::HEAD + room * 12);
        bytes.put_bytes(0, Self::HEAD);
        Ok(Array { inside, common: Common::of(inside), bytes, count: 0, nulls: false, form: Form::Binary })
    }

    #[inline]
    fn push(&mut self, value: ValueRef<'_>) -> Result<(), ValueError> {
        self.count += 1;
        match (self.common, value) {
            (_, ValueRef::Null) => {
                self.nulls = true;
                self.bytes.put_i32(-1);
                Ok(())
            }
            (Common::Text, ValueRef::Text(text)) => {
                let bytes = without_nul(text)?.as_bytes();
                self.bytes.reserve(4 + bytes.len());
                self.bytes.put_i32(i32::try_from(bytes.len()).map_err(too_long)?);
                self.bytes.put_slice(bytes);
                Ok(())
            }
            (Common::Int8, ValueRef::Int(number)) => {
                self.bytes.reserve(12);
                self.bytes.put_i32(8);
                self.bytes.put_i64(number);
                Ok(())
            }
            _ => self.push_any(value),
        }
    }

    fn push_any(&mut self, value: ValueRef<'_>) -> Result<(), ValueError> {
        let at = self.bytes.len();
        self.bytes.put_i32(0);
        match encode(value, self.inside, &mut self.bytes)? {
            Form::Binary => {}
            Form::Text if is_text_inside(self.inside) => {}
            Form::Text => self.form = Form::Text,
        }
        let length = i32::try_from(self.bytes.len() - at - 4).map_err(too_long)?;
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Writes the head, for all is known now.
    fn end(&mut self) -> Result<(), ValueError> {
        if let Form::Text = self.form {
            self.bytes = as_text(self.bytes.get(Self::HEAD..).unwrap_or_default());
        }
        // The server takes no larger value.
        if self.bytes.len() > MOST_BYTES {
            return Err(too_long(()));
        }
        if let Form::Text = self.form {
            return Ok(());
        }
        let count = i32::try_from(self.count).map_err(too_long)?;
        let mut head: &mut [u8] = self.bytes.get_mut(..Self::HEAD).unwrap_or_default();
        head.put_i32(1);
        head.put_i32(self.nulls.into());
        head.put_u32(self.inside.oid());
        head.put_i32(count);
        head.put_i32(1);
        Ok(())
    }
}

/// An array as text, of values that each have their length before them: `{"10.0.0.1",NULL}`.
fn as_text(mut values: &[u8]) -> BytesMut {
    let mut text = BytesMut::with_capacity(values.len() + 2);
    while let Some((length, rest)) = values.split_first_chunk::<4>() {
        text.put_u8(if text.is_empty() { b'{' } else { b',' });
        // None has a length below zero.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            text.put_slice(b"NULL");
            values = rest;
            continue;
        };
        let (value, rest) = rest.split_at(length.min(rest.len()));
        text.put_u8(b'"');
        for byte in value {
            if matches!(byte, b'"' | b'\\') {
                text.put_u8(b'\\');
            }
            text.put_u8(*byte);
        }
        text.put_u8(b'"');
        values = rest;
    }
    text.put_slice(if text.is_empty() { b"{}" } else { b"}" });
    text
}

fn too_long<E>(_: E) -> ValueError {
    ValueError::OutOfRange { target: "an array: send fewer rows at once" }
}

/// Whether the binary form of a type that is sent as text is the text.
fn is_text_inside(column_type: &Type) -> bool {
    matches!(column_type.kind(), Kind::Enum(_)) || column_type.name() == "citext"
}

/// Writes a list as an array of this type.
pub(crate) fn write(values: &[Value], column_type: &Type, out: &mut BytesMut) -> Result<Form, ValueError> {
    let mut array = Array::new(column_type, values.len())?;
    values.iter().try_for_each(|value| array.push(value.borrowed()?))?;
    array.end()?;
    out.put_slice(&array.bytes);
    Ok(array.form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_as_text_only_makes_an_array_of_text() {
        let texts = ["10.0.0.1", "a \"quoted\" \\ one", ""].map(|text| Value::Text(text.into()));
        let values = [&texts[..], &[Value::Null]].concat();
        let mut out = BytesMut::new();
        let form = write(&values, &Type::INET_ARRAY, &mut out).expect("an array");
        assert!(matches!(form, Form::Text));
        assert_eq!(out, br#"{"10.0.0.1","a \"quoted\" \\ one","",NULL}"#[..]);

        let mut out = BytesMut::new();
        write(&[Value::Int(7), Value::Null], &Type::INT2_ARRAY, &mut out).expect("an array");
        assert_eq!(
            out,
            [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 21, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 255, 255, 255, 255][..]
        );
        assert!(write(&[Value::Int(70_000)], &Type::INT2_ARRAY, &mut out).is_err(), "out of range");
    }

    #[test]
    fn the_arrays_of_the_servers_own_types_are_known() {
        assert_eq!(known(&Type::INT8), Some(Type::INT8_ARRAY));
        assert_eq!(known(&Type::INT8_ARRAY), None);
        assert!(found(&Type::INT8_ARRAY, 0).is_err());
    }
}
