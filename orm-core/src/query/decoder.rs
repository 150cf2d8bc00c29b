//! [`Decoder`]: from a row to a Rust value.

use std::fmt;
use std::sync::Arc;

use crate::driver::Row;
use crate::error::Result;

/// Reads a row as a `T`. It is chosen when the statement is built, so that running it asks nothing of types.
pub struct Decoder<T>(Kind<T>);

enum Kind<T> {
    Plain(fn(&dyn Row) -> Result<T>),
    Mapped(Arc<Mapped<T>>),
}

type Mapped<T> = dyn Fn(&dyn Row) -> Result<T> + Send + Sync;

impl<T: 'static> Decoder<T> {
    /// A decoder that is a plain function.
    #[must_use]
    pub const fn new(decode: fn(&dyn Row) -> Result<T>) -> Self {
        Decoder(Kind::Plain(decode))
    }

    /// Reads a row.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`](crate::Error::Decode) names the column that does not fit.
    #[inline]
    pub fn decode(&self, row: &dyn Row) -> Result<T> {
        match &self.0 {
            Kind::Plain(decode) => decode(row),
            Kind::Mapped(decode) => decode(row),
        }
    }

    /// The same, and what is read is converted.
    pub(crate) fn map<U: 'static>(self, convert: fn(T) -> U) -> Decoder<U> {
        Decoder(Kind::Mapped(match self.0 {
            Kind::Plain(decode) => Arc::new(move |row| decode(row).map(convert)),
            Kind::Mapped(decode) => Arc::new(move |row| decode(row).map(convert)),
        }))
    }
}

impl<T> Clone for Decoder<T> {
    fn clone(&self) -> Self {
        Decoder(match &self.0 {
            Kind::Plain(decode) => Kind::Plain(*decode),
            Kind::Mapped(decode) => Kind::Mapped(Arc::clone(decode)),
        })
    }
}

impl<T> fmt::Debug for Decoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
