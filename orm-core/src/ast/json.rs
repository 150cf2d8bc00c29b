//! What lies within JSON.

/// A step of a path into JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonStep {
    /// The value of a key of an object.
    Key(Box<str>),
    /// The value at a place of an array; the first is 0, the last -1.
    Index(i32),
}

/// As what a value within JSON is read. A value of another kind is NULL, and so is one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonRead {
    /// A text.
    Text,
    /// A number without a fraction that 64 bits can hold.
    Integer,
    /// Any number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Whatever it is, as JSON.
    Document,
    /// Whether there is one; never NULL.
    Exists,
    /// How many elements an array has.
    Length,
}
