//! Values that are made of values: arrays and ranges, and the words of an enum type.

use super::{Range, Value, ValueRef};
use crate::error::ValueError;
use crate::types::ColumnType;

/// The values of an array column.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayValue {
    /// The type of each.
    pub element: &'static ColumnType,
    /// The values; [`Value::Null`] among them if elements may be NULL.
    pub values: Box<[Value]>,
}

/// The range of a range column.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeValue {
    /// The type of both bounds.
    pub element: &'static ColumnType,
    /// The bounds.
    pub range: Range<Value>,
}

/// A word of an enum that is a type of the database.
#[derive(Debug, PartialEq)]
pub struct Word {
    /// The word.
    pub text: &'static str,
    /// The enum.
    pub column: ColumnType,
}

/// An array or a range as a database sent it: taken apart when it is read.
#[derive(Clone, Copy)]
pub struct Encoded<'a> {
    bytes: &'a [u8],
    codec: &'static Codec,
}

/// How the bytes of an [`Encoded`] are taken apart. A backend has one for each type of elements.
#[derive(Debug)]
pub struct Codec {
    /// The type of the elements, or of the bounds.
    pub element: ColumnType,
    /// An array or a range.
    pub kind: Compound,
    /// Calls the function for each element of an array, in order. Of a range: with a text that is `empty` or says which
    /// bounds belong to it, as in `[)`; then with the lower and the upper bound, NULL where there is none.
    ///
    /// # Errors
    ///
    /// The bytes are of another form, and whatever the function gives.
    pub read: Read,
}

/// See [`Codec::read`].
pub type Read = for<'a> fn(&'a [u8], &mut Each<'_, 'a>) -> Result<(), ValueError>;

/// What is called for each part of an [`Encoded`].
pub type Each<'f, 'a> = dyn FnMut(ValueRef<'a>) -> Result<(), ValueError> + 'f;

/// What an [`Encoded`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compound {
    /// An array.
    Array,
    /// A range.
    Range,
}

impl<'a> Encoded<'a> {
    /// Bytes of a form.
    #[must_use]
    pub const fn new(bytes: &'a [u8], codec: &'static Codec) -> Self {
        Encoded { bytes, codec }
    }

    /// Whether it is an array or a range.
    #[must_use]
    pub const fn kind(self) -> Compound {
        self.codec.kind
    }

    /// Takes it apart: see [`Codec::read`].
    ///
    /// # Errors
    ///
    /// The bytes are of another form, and whatever `each` gives.
    pub fn read(self, each: &mut Each<'_, 'a>) -> Result<(), ValueError> {
        (self.codec.read)(self.bytes, each)
    }

    /// The bytes.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// A copy of its values.
    pub(super) fn to_owned(self) -> Result<Value, ValueError> {
        let mut values = Vec::new();
        self.read(&mut |value| {
            values.push(value.to_owned());
            Ok(())
        })?;
        let element = &self.codec.element;
        match self.codec.kind {
            Compound::Array => Ok(Value::Array(ArrayValue { element, values: values.into() })),
            Compound::Range => range_of(values).map(|range| Value::Range(Box::new(RangeValue { element, range }))),
        }
    }
}

/// The range of the three values that a [`Codec`] gives.
pub(crate) fn range_of(parts: Vec<Value>) -> Result<Range<Value>, ValueError> {
    use std::ops::Bound;
    let malformed = || ValueError::Malformed { expected: "a range" };
    let [form, lower, upper] = <[Value; 3]>::try_from(parts).map_err(|_| malformed())?;
    let Value::Text(form) = form else { return Err(malformed()) };
    let bound = |value: Value, included: bool| match value {
        Value::Null => Bound::Unbounded,
        value if included => Bound::Included(value),
        value => Bound::Excluded(value),
    };
    Ok(match form.as_str() {
        "empty" => Range::empty(),
        form => Range::with(Some((bound(lower, form.starts_with('[')), bound(upper, form.ends_with(']'))))),
    })
}

impl PartialEq for Encoded<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.codec, other.codec) && self.bytes == other.bytes
    }
}

/// Shows the kind only.
impl std::fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Encoded").field(&self.codec.kind).finish()
    }
}
