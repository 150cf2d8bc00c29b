//! Numbers, truth values, text and bytes.

use super::{BindSink, ColumnType, Scalar, mismatch, unbindable};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{Value, ValueRef};

macro_rules! integers {
    ($($type:ident => $column:ident),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Scalar for $type {
            const COLUMN: ColumnType = ColumnType::$column;
            const NAME: &'static str = stringify!($type);

            #[inline]
            fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
                sink.bind(ValueRef::Int(i64::from(*self)))
            }

            #[inline]
            fn into_value(self) -> Value {
                Value::Int(i64::from(self))
            }

            #[inline]
            fn as_integer(&self) -> Option<i64> {
                Some(i64::from(*self))
            }

            #[inline]
            fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
                match value {
                    ValueRef::Int(value) => {
                        value.try_into().map_err(|_| ValueError::OutOfRange { target: Self::NAME })
                    }
                    other => Err(mismatch::<Self>(other)),
                }
            }
        }
        literal!(@impls [], $type, $type, $type, Scalar::as_integer);
    )*};
}

integers!(i8 => Int16, i16 => Int16, i32 => Int32, i64 => Int64, u8 => Int16, u16 => Int32, u32 => Int64);

macro_rules! elements {
    ($($type:ty),*) => {$( #[diagnostic::do_not_recommend] impl super::Element for $type {} )*};
}

// A `Vec<u8>` is bytes.
elements!(i8, i16, i32, i64, u16, u32);

/// Columns hold 64-bit signed integers at most, so a `u64` beyond `i64::MAX` is an error, never a wrap.
#[diagnostic::do_not_recommend]
impl Scalar for u64 {
    const COLUMN: ColumnType = ColumnType::Int64;
    const NAME: &'static str = "u64";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        match i64::try_from(*self) {
            Ok(value) => sink.bind(ValueRef::Int(value)),
            Err(_) => Err(unbindable(ValueError::OutOfRange { target: "a 64-bit signed integer column" })),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Int(value) => value.try_into().map_err(|_| ValueError::OutOfRange { target: "u64" }),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(u64);

#[diagnostic::do_not_recommend]
impl Scalar for bool {
    const COLUMN: ColumnType = ColumnType::Bool;
    const NAME: &'static str = "bool";

    #[inline]
    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Bool(*self))
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Bool(value) => Ok(value),
            ValueRef::Int(0) => Ok(false),
            ValueRef::Int(1) => Ok(true),
            ValueRef::Int(_) => Err(ValueError::OutOfRange { target: "bool" }),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(bool);

#[diagnostic::do_not_recommend]
impl Scalar for f64 {
    const COLUMN: ColumnType = ColumnType::Float64;
    const NAME: &'static str = "f64";

    /// SQLite would store a NaN as NULL, so it is refused, on every backend alike.
    #[inline]
    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        if self.is_nan() {
            return Err(unbindable(ValueError::OutOfRange { target: "a float column: it is NaN" }));
        }
        sink.bind(ValueRef::Float(*self))
    }

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "a float column that holds whole numbers may be given as integers")]
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Float(value) => Ok(value),
            ValueRef::Int(value) => Ok(value as f64),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(f64);

#[diagnostic::do_not_recommend]
impl Scalar for f32 {
    const COLUMN: ColumnType = ColumnType::Float32;
    const NAME: &'static str = "f32";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        Scalar::bind(&f64::from(*self), sink)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the column holds what was an `f32`")]
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match f64::decode(value) {
            Ok(value) if value.is_finite() && value.abs() > f64::from(f32::MAX) => {
                Err(ValueError::OutOfRange { target: "f32" })
            }
            Ok(value) => Ok(value as f32),
            Err(_) => Err(mismatch::<Self>(value)),
        }
    }
}
literal!(f32);

#[diagnostic::do_not_recommend]
impl Scalar for String {
    const COLUMN: ColumnType = ColumnType::Text { max_length: None };
    const NAME: &'static str = "String";

    #[inline]
    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Text(self))
    }

    #[inline]
    fn into_value(self) -> Value {
        Value::Text(self)
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Text(value) | ValueRef::Json(value) => Ok(value.to_owned()),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(String);
literal!(&str, String);
literal!(&String, String);
literal!(std::borrow::Cow<'_, str>, String);

#[diagnostic::do_not_recommend]
impl Scalar for Vec<u8> {
    const COLUMN: ColumnType = ColumnType::Bytes;
    const NAME: &'static str = "Vec<u8>";

    #[inline]
    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Bytes(self))
    }

    #[inline]
    fn into_value(self) -> Value {
        Value::Bytes(self)
    }

    #[inline]
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Bytes(value) => Ok(value.to_vec()),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(Vec<u8>);
literal!(&[u8], Vec<u8>);
