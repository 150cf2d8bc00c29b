//! The models of the examples in the documentation, and the macro with which they show their SQL.

use crate::prelude::*;

/// A person.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(crate = crate, table = "users", has_many(posts: Post.author_id))]
pub struct User {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
    /// Where to write.
    #[model(unique, max_length = 255)]
    pub email: String,
    /// What friends say.
    pub nickname: Option<String>,
    /// In years.
    pub age: Option<i32>,
    /// Who is above.
    #[model(belongs_to(manager: User), on_delete = set_null)]
    pub manager_id: Option<i64>,
}

/// Something that a [`User`](struct@User) wrote.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(crate = crate)]
pub struct Post {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Who wrote it.
    #[model(belongs_to(author: User), on_delete = cascade, index)]
    pub author_id: i64,
    /// What it is about.
    pub title: String,
    /// The text.
    pub body: Option<String>,
}

/// Asserts the SQL of a statement in one or more dialects.
#[macro_export]
macro_rules! assert_sql {
    ($statement:expr, $($dialect:ident: $sql:expr),+ $(,)?) => {{
        let statement = &$statement;
        $(::core::assert_eq!(
            $crate::query::Runnable::to_sql(statement, $crate::docs::dialect::$dialect()).map_err(|error| error.to_string()),
            ::core::result::Result::Ok(::std::string::String::from($sql)),
        );)+
    }};
}
pub use crate::assert_sql;

/// The dialects by name.
pub mod dialect {
    use orm_core::dialect::Dialect;

    /// SQLite's.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn sqlite() -> &'static dyn Dialect {
        &orm_sqlite::SqliteDialect
    }

    /// PostgreSQL's.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn postgres() -> &'static dyn Dialect {
        &orm_postgres::PostgresDialect
    }
}
