//! The names that every program needs: `use orm::prelude::*;`.

#[doc(no_inline)]
pub use crate::connect::Connect;
#[doc(no_inline)]
pub use orm_core::engine::{
    Connection, Engine, Executor, Isolation, Retry, Rows, Scope, Transaction, TransactionOptions,
};
#[doc(no_inline)]
#[cfg(feature = "json")]
pub use orm_core::expr::JsonExpression;
#[doc(no_inline)]
pub use orm_core::expr::{
    ArrayExpression, Column, Condition, Expr, Expression, NumberExpression, RangeExpression, TextExpression, and, avg,
    case, coalesce, count, count_all, cume_dist, dense_rank, exists, first_value, lag, lag_or, last_value, lead,
    lead_or, max, min, not, not_exists, nth_value, ntile, or, partition_by, percent_rank, rank, row, row_number,
    string_agg, sum, value, window,
};
#[doc(no_inline)]
pub use orm_core::model::{Entity, FromRow, InsertRow, Model};
#[doc(no_inline)]
pub use orm_core::query::{
    Delete, EntityExt, Insert, Query, Runnable, Select, Shape, Update, delete, delete_rows, excluded, insert, label,
    select, shape, update, update_rows,
};
#[doc(no_inline)]
pub use orm_core::session::{Hooks, Ref, Session, State};
#[doc(no_inline)]
#[cfg(feature = "json")]
pub use orm_core::types::Json;
#[doc(no_inline)]
pub use orm_core::{schema, sql};
#[doc(no_inline)]
#[cfg(feature = "derive")]
pub use orm_derive::{DbEnum, DbType, FromRow, Model, Shape};
