//! A statement becomes SQL text and an order of binds; a statement of a shape seen before is not rendered again.
//!
//! ```text
//! Statement ──shape──> words + binds ──Cache──> text known? ──yes──> Prepared
//!                                                   │ no                 ▲
//!                                                   └─> check ─> Writer ─┘
//! ```
//!
//! - `shape.rs` walks a statement once. What decides the text goes into words, what does not is a bind. It is the only
//!   walk that a statement of a known shape costs.
//! - `check.rs` finds what the types could not see, before anything is rendered: a column of a table that is not in
//!   FROM, an aggregate in WHERE, an ability that the backend lacks.
//! - [`Writer`] writes the text, asking the [`Dialect`] where databases differ. A bind's placeholder is numbered where
//!   it appears in the text; if that is not the order of the walk, [`Compiled`] keeps the order.
//!
//! Whatever the text depends on must be in the shape: otherwise two statements would share a text.

mod cache;
mod check;
mod copy;
mod ddl;
mod delete;
mod expr;
mod insert;
mod missing;
mod prepared;
mod raw;
mod rows;
mod select;
mod shape;
mod source;
mod update;
mod window;
mod writer;

#[cfg(test)]
pub(crate) mod fixtures;

pub use cache::{Cache, LastTexts};
pub use copy::{copy_in, copy_out, table_name};
pub use prepared::{Arrays, Prepared};
pub use writer::Writer;

use crate::ast::Statement;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::value::Value;

use self::shape::{Binds, Shape, walk};

/// SQL text, and where each placeholder's value comes from.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The text.
    pub sql: String,
    /// For each placeholder the number of its bind in the order of the walk; none if that is the natural order.
    order: Option<Box<[usize]>>,
    /// If the first placeholders are arrays, of all rows' cells of a column each: the text for a row by itself.
    row: Option<Box<str>>,
}

/// Compiles a statement without a [`Cache`].
///
/// # Errors
///
/// The statement's parts do not fit, or the backend cannot do what it asks for. The variants from
/// [`Error::MissingFrom`](crate::error::Error::MissingFrom) to
/// [`Error::Unsupported`](crate::error::Error::Unsupported) tell which; nothing has been sent.
pub fn compile(statement: Statement<'_>, dialect: &dyn Dialect) -> Result<Compiled> {
    render(statement, dialect, &binds(statement, dialect)?, &[])
}

/// Writes a statement with these texts in place of its placeholders, the first in place of number 1: for what a database
/// runs without bound values. A backend MUST have escaped them; [`Prepared::bind`] gives the values in this order.
///
/// # Errors
///
/// As [`compile`].
pub fn compile_with_literals(statement: Statement<'_>, dialect: &dyn Dialect, literals: &[String]) -> Result<String> {
    Ok(render(statement, dialect, &binds(statement, dialect)?, literals)?.sql)
}

/// A statement's values in the order of the walk.
fn binds<'a>(statement: Statement<'a>, dialect: &dyn Dialect) -> Result<Binds<'a>> {
    let mut binds = Binds::new();
    walk(&statement, dialect.features(), &mut Shape::new(), &mut binds)?;
    Ok(binds)
}

/// Checks and writes. `binds` are the statement's values in the order of the walk.
fn render(statement: Statement<'_>, dialect: &dyn Dialect, binds: &[&Value], literals: &[String]) -> Result<Compiled> {
    check::statement(statement, dialect.features())?;
    let mut out = Writer::new(dialect, binds).with_literals(literals);
    match statement {
        Statement::Select(select) => out.select(select)?,
        Statement::Table(table) => out.whole_table(table)?,
        Statement::ByKey { table, key } => out.by_key(table, key)?,
        Statement::Insert(chunk) => out.insert(chunk)?,
        Statement::Update(update) => out.update(update)?,
        Statement::Delete(delete) => out.delete(delete)?,
        Statement::UpdateRows(chunk) => out.update_rows(chunk)?,
        Statement::DeleteRows(chunk) => out.delete_rows(chunk)?,
        Statement::Raw(raw) => out.raw(raw)?,
        Statement::Ddl(ddl) => out.ddl(ddl)?,
    }
    let arrays = out.arrays;
    let mut compiled = out.finish()?;
    if arrays {
        compiled.row = Some(render(first_row(statement), dialect, binds, literals)?.sql.into());
    }
    Ok(compiled)
}

/// The same of the first of its rows.
fn first_row(statement: Statement<'_>) -> Statement<'_> {
    match statement {
        Statement::Insert(chunk) => Statement::Insert(chunk.first()),
        Statement::UpdateRows(chunk) => Statement::UpdateRows(chunk.first()),
        Statement::DeleteRows(chunk) => Statement::DeleteRows(chunk.first()),
        Statement::Select(_)
        | Statement::Table(_)
        | Statement::ByKey { .. }
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Raw(_)
        | Statement::Ddl(_) => statement,
    }
}
