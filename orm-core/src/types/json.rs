//! Any serde type as a JSON column.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BindSink, ColumnType, NotNull, Nullable, Scalar, SqlType, mismatch, unbindable};
use crate::ast;
use crate::error::{Error, ValueError};
use crate::value::ValueRef;

/// A value of any serde type, kept as JSON.
///
/// ```
/// # use orm::prelude::*;
/// #[derive(Model)]
/// struct Job {
///     #[model(primary_key)]
///     id: i64,
///     arguments: Json<Vec<String>>,
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![Job]).await?;
/// engine.execute(insert(Job::builder().arguments(Json(vec!["-v".to_string()])))).await?;
/// let job = engine.fetch_one(select(Job)).await?;
/// assert_eq!(job.arguments.0, ["-v"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Scalar for Json<T> {
    const COLUMN: ColumnType = ColumnType::Json;
    const NAME: &'static str = "Json<_>";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        match serde_json::to_string(&self.0) {
            Ok(text) => sink.bind(ValueRef::Json(&text)),
            Err(error) => Err(unbindable(ValueError::Json(error.to_string()))),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let text = match value {
            ValueRef::Json(text) | ValueRef::Text(text) => text,
            other => return Err(mismatch::<Self>(other)),
        };
        serde_json::from_str(text).map(Json).map_err(|error| ValueError::Json(error.to_string()))
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Json(value)
    }
}

impl<T> std::ops::Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[diagnostic::do_not_recommend]
impl<T> super::Element for Json<T> where Json<T>: Scalar {}

// What `literal!` writes for types without parameters.
#[diagnostic::do_not_recommend]
impl<T> super::Comparable<Json<T>> for Json<T>
where
    Json<T>: Scalar,
{
    type Type = Json<T>;

    fn into_operand(self) -> ast::Expr {
        ast::Expr::Bind(self.to_value())
    }
}

#[diagnostic::do_not_recommend]
impl<T> super::Assign<Json<T>, NotNull> for Json<T>
where
    Json<T>: Scalar,
{
    fn into_assigned(self) -> ast::Expr {
        ast::Expr::Bind(self.to_value())
    }
}

#[diagnostic::do_not_recommend]
impl<T> super::Assign<Json<T>, Nullable> for Json<T>
where
    Json<T>: Scalar,
{
    fn into_assigned(self) -> ast::Expr {
        ast::Expr::Bind(self.to_value())
    }
}

#[diagnostic::do_not_recommend]
impl<T> super::Assign<Json<T>, Nullable> for Option<Json<T>>
where
    Json<T>: Scalar,
{
    fn into_assigned(self) -> ast::Expr {
        ast::Expr::Bind(self.to_value())
    }
}
