//! [`CiText`]: text in which upper and lower case are the same.

use super::{BindSink, ColumnType, Scalar, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{Value, ValueRef};

/// Text in a column that compares, sorts and is unique without regard to upper and lower case, for ASCII letters
/// everywhere, and for others as the database has it. What was written comes back as it was written.
///
/// It is PostgreSQL's `citext`, an extension that a database has to be given: `CREATE EXTENSION citext`. SQLite has it as
/// a collation. In Rust, two of these compare letter by letter.
///
/// ```
/// # use orm::prelude::*;
/// use orm::types::CiText;
///
/// #[derive(Model)]
/// struct Login {
///     #[model(primary_key)]
///     id: i64,
///     #[model(unique)]
///     email: CiText,
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![Login]).await?;
/// engine.execute(insert(Login::builder().email("Ann@Example.com"))).await?;
///
/// let ann = engine.fetch_one(select(Login.email).filter(Login.email.eq("ann@example.COM"))).await?;
/// assert_eq!(&*ann, "Ann@Example.com");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CiText(pub String);

#[diagnostic::do_not_recommend]
impl Scalar for CiText {
    const COLUMN: ColumnType = ColumnType::CiText;
    const NAME: &'static str = "CiText";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Text(&self.0))
    }

    fn into_value(self) -> Value {
        Value::Text(self.0)
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Text(text) => Ok(CiText(text.into())),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(CiText);
literal!(@impls [], CiText, &str, CiText, |_| None);
literal!(@impls [], CiText, String, CiText, |_| None);

impl From<String> for CiText {
    fn from(text: String) -> Self {
        CiText(text)
    }
}

impl From<&str> for CiText {
    fn from(text: &str) -> Self {
        CiText(text.into())
    }
}

impl std::ops::Deref for CiText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CiText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
