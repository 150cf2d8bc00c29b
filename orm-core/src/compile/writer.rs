//! [`Writer`]: the text while it is being written.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Compiled;
use crate::ast::{ColumnRef, Cte, QUERY, Select};
use crate::dialect::{Dialect, Features};
use crate::error::{Error, Result};
use crate::meta::{ColumnMeta, TableMeta};
use crate::types::ColumnType;
use crate::value::Value;

/// Writes a statement's text. A [`Dialect`] gets it where it writes a part in its own form.
#[derive(Debug)]
pub struct Writer<'a> {
    sql: String,
    pub(super) dialect: &'a dyn Dialect,
    pub(super) features: &'a Features,
    /// The `SELECT` that is being written, whose joins tell which columns may be NULL.
    pub(super) select: Option<&'a Select>,
    /// It, and those around it: their queries in FROM say what columns are called.
    pub(super) around: SmallVec<[&'a Select; 2]>,
    /// The common table expressions that are written already.
    pub(super) ctes: Vec<&'a Arc<Cte>>,
    quote: char,
    /// The table of the last column, and where its `"table".` stands. Neighbours are mostly of one table.
    prefix: (&'static str, Range<usize>),
    /// The statement's values in the order of the walk.
    binds: &'a [&'a Value],
    /// What is written where placeholders would be.
    literals: &'a [String],
    /// For each placeholder so far, the number of its bind.
    order: SmallVec<[usize; 16]>,
    /// Placeholders of a statement's rows, which come before those of `order`.
    cells: usize,
    /// Whether those are arrays of all rows' cells.
    pub(super) arrays: bool,
    /// Binds that may share their number with an equal one: each with its number. None where numbers do not matter.
    shared: Option<Vec<(&'a Value, usize)>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(dialect: &'a dyn Dialect, binds: &'a [&'a Value]) -> Self {
        Writer {
            sql: String::with_capacity(512),
            dialect,
            features: dialect.features(),
            select: None,
            around: SmallVec::new(),
            ctes: Vec::new(),
            quote: dialect.quote(),
            prefix: ("", 0..0),
            binds,
            literals: &[],
            order: SmallVec::new(),
            cells: 0,
            arrays: false,
            shared: None,
        }
    }

    /// Writes texts in place of placeholders.
    pub(super) fn with_literals(mut self, literals: &'a [String]) -> Self {
        self.literals = literals;
        self
    }

    /// For a part of a statement, which a dialect writes before it knows where it stands.
    #[must_use]
    pub fn for_part(dialect: &'a dyn Dialect) -> Self {
        Writer::new(dialect, &[])
    }

    /// The part.
    #[must_use]
    pub fn into_part(self) -> String {
        self.sql
    }

    /// Writes text as it is.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    /// Writes a name in quotes; quotes in it are doubled.
    ///
    /// # Errors
    ///
    /// [`Error::Identifier`] for a name that is empty, too long for the backend, or holds a NUL.
    #[inline]
    pub fn push_identifier(&mut self, name: &str) -> Result<()> {
        if !is_plain(name, self.quote) || name.len() > self.features.max_identifier {
            return self.push_odd_identifier(name);
        }
        self.push_plain(name);
        Ok(())
    }

    /// `"users"`, or `"audit"."log"` of a table in a schema.
    #[inline]
    pub(super) fn table_name(&mut self, table: &'static TableMeta) -> Result<()> {
        if let Some(schema) = table.schema {
            self.schema(schema)?;
        }
        self.push_identifier(table.name)
    }

    /// `"audit".`
    #[cold]
    pub(super) fn schema(&mut self, schema: &str) -> Result<()> {
        self.needs(self.features.schemas, "schemas", "leave `schema` out of the model, or use PostgreSQL")?;
        self.push_identifier(schema)?;
        self.push(".");
        Ok(())
    }

    /// Refuses what the backend cannot do.
    pub(super) fn needs(&self, can: bool, feature: &'static str, hint: &'static str) -> Result<()> {
        match can {
            true => Ok(()),
            false => Err(Error::Unsupported { feature, backend: self.features.backend, hint }),
        }
    }

    /// Writes text in single quotes; such quotes in it are doubled. Only for texts of the program's own.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] for a text that holds a NUL, at which databases end a statement.
    pub fn push_literal(&mut self, text: &str) -> Result<()> {
        if text.contains('\0') {
            return Err(Error::Statement(format!("text in a statement cannot hold a NUL: {text:?}")));
        }
        self.push("'");
        self.push(&text.replace('\'', "''"));
        self.push("'");
        Ok(())
    }

    /// Writes a whole number.
    pub fn push_number(&mut self, number: u64) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        let digit = usize::try_from(number % 10).unwrap_or_default();
        self.push(&"0123456789"[digit..=digit]);
    }

    /// Writes the placeholder with this number, counted from 1. For [`Dialect::list`], which is given its number.
    pub fn push_placeholder(&mut self, position: usize) {
        match position.checked_sub(1).and_then(|index| self.literals.get(index)) {
            Some(literal) => self.sql.push_str(literal),
            None => self.dialect.placeholder(position, &mut self.sql),
        }
    }

    /// The text so far, for a dialect's methods that take a `String`.
    pub(super) fn text(&mut self) -> &mut String {
        &mut self.sql
    }

    /// Writes what `write` writes for each item, with `separator` between.
    pub(super) fn separated<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        separator: &str,
        mut write: impl FnMut(&mut Self, T) -> Result<()>,
    ) -> Result<()> {
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.push(separator);
            }
            write(self, item)?;
        }
        Ok(())
    }

    /// `"users"."name"`
    #[inline]
    pub(super) fn column(&mut self, column: ColumnRef) -> Result<()> {
        if let Some(query) = column.table.query()
            && std::ptr::eq(column.table.meta, &QUERY)
        {
            return self.query_column(query, column.index);
        }
        let meta = column_of(column.table.meta, column.index)?;
        self.qualified(column.table.name(), meta)
    }

    #[inline]
    pub(super) fn qualified(&mut self, table: &'static str, column: &ColumnMeta) -> Result<()> {
        if std::ptr::eq(self.prefix.0, table) && !self.prefix.1.is_empty() {
            self.sql.extend_from_within(self.prefix.1.clone());
        } else {
            let start = self.sql.len();
            self.push_identifier(table)?;
            self.sql.push('.');
            self.prefix = (table, start..self.sql.len());
        }
        if column.plain {
            self.push_plain(column.name);
            return Ok(());
        }
        self.push_identifier(column.name)
    }

    #[inline]
    fn push_plain(&mut self, name: &str) {
        self.sql.push(self.quote);
        self.sql.push_str(name);
        self.sql.push(self.quote);
    }

    /// Writes the placeholder of a value.
    #[inline]
    pub(super) fn bind(&mut self, value: &Value) -> Result<()> {
        let position = self.bind_values(value, 1)?;
        self.push_placeholder(position);
        Ok(())
    }

    /// Writes the placeholder of a value where nothing beside it tells the database its type.
    pub(super) fn typed_bind(&mut self, value: &'a Value) -> Result<()> {
        let known = self.features.untyped_binds.then(|| type_of(value)).flatten();
        if known.is_some() {
            self.push("CAST(");
        }
        self.shared_bind(value)?;
        if let Some(column_type) = known {
            self.cast_end(column_type);
        }
        Ok(())
    }

    /// Whether a bare value is cast to this very type.
    pub(super) fn says_its_type(&self, value: &Value, column_type: ColumnType) -> bool {
        self.features.untyped_binds && type_of(value) == Some(column_type)
    }

    /// As [`bind`](Writer::bind), under the number of an equal value if there may be one.
    fn shared_bind(&mut self, value: &'a Value) -> Result<()> {
        let Some(shared) = &self.shared else { return self.bind(value) };
        if let Some((_, position)) = shared.iter().find(|(earlier, _)| *earlier == value) {
            self.push_placeholder(*position);
            return Ok(());
        }
        let position = self.bind_values(value, 1)?;
        self.shared.get_or_insert_default().push((value, position));
        self.push_placeholder(position);
        Ok(())
    }

    /// Begins a `SELECT` in which equal values do or do not share a number. Gives what was before.
    pub(super) fn share_binds(&mut self, share: bool) -> Option<Vec<(&'a Value, usize)>> {
        std::mem::replace(&mut self.shared, share.then(Vec::new))
    }

    /// Ends it.
    pub(super) fn share_again(&mut self, outer: Option<Vec<(&'a Value, usize)>>) {
        self.shared = outer;
    }

    /// Takes placeholders for `count` values of which `first` is the first, and gives the first one's number.
    pub(super) fn bind_values(&mut self, first: &Value, count: usize) -> Result<usize> {
        let index = self.index_of(first)?;
        let position = self.cells + self.order.len() + 1;
        self.order.extend(index..index + count);
        Ok(position)
    }

    /// Writes the placeholder of the next cell of a statement's rows. For [`Dialect::values`].
    pub fn push_cell(&mut self) {
        self.cell();
    }

    /// Writes the placeholder of the next cell of a statement's rows.
    pub(super) fn cell(&mut self) {
        let position = self.next_cell();
        self.push_placeholder(position);
    }

    /// Takes the next placeholder of a statement's rows, and gives its number.
    pub(super) fn next_cell(&mut self) -> usize {
        self.cells += 1;
        self.cells
    }

    /// `?1, ?2`
    pub(super) fn cells(&mut self, count: usize) {
        for number in 0..count {
            if number > 0 {
                self.push(", ");
            }
            self.cell();
        }
    }

    /// Writes the placeholders of the cells of many rows: `(?1, ?2), (?3, ?4)`. For [`Dialect::values`].
    pub fn push_rows(&mut self, width: usize, rows: usize) {
        for number in 0..rows {
            self.push(if number > 0 { ", (" } else { "(" });
            self.cells(width);
            self.push(")");
        }
    }

    /// The number of a bind, found by its address: a value of the tree is only equal to itself.
    fn index_of(&self, value: &Value) -> Result<usize> {
        let is_it = |bind: &&Value| std::ptr::eq(*bind, value);
        // Text and walk have the same order nearly everywhere, so it is nearly always the next one.
        let next = self.order.last().map_or(0, |last| last + 1);
        if self.binds.get(next).is_some_and(is_it) {
            return Ok(next);
        }
        let found = self.binds.iter().position(is_it);
        found.ok_or_else(|| {
            Error::Statement("a value got lost while the statement was compiled: please report this".into())
        })
    }

    /// Refuses a type that the backend does not have.
    pub(super) fn supported(&self, column_type: ColumnType) -> Result<()> {
        match (self.features.unsupported_type)(column_type) {
            Some((feature, hint)) => Err(Error::Unsupported { feature, backend: self.features.backend, hint }),
            None => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<Compiled> {
        let count = self.cells + self.order.len();
        if count > self.features.max_binds {
            let (limit, backend) = (self.features.max_binds, self.features.backend);
            return Err(Error::TooManyBinds { count, limit, backend });
        }
        let natural =
            self.order.len() == self.binds.len() && self.order.iter().enumerate().all(|(at, index)| at == *index);
        let order = if natural { None } else { Some(self.order.as_slice().into()) };
        Ok(Compiled { sql: self.sql, order, row: None })
    }

    #[cold]
    fn push_odd_identifier(&mut self, name: &str) -> Result<()> {
        let refused =
            |reason: String| Err(Error::Identifier { name: name.to_owned(), backend: self.features.backend, reason });
        if name.is_empty() {
            return refused("it is empty".into());
        }
        if name.contains('\0') {
            return refused("it holds a NUL".into());
        }
        if name.len() > self.features.max_identifier {
            let (length, limit) = (name.len(), self.features.max_identifier);
            return refused(format!("it has {length} bytes, and {limit} are allowed"));
        }
        self.sql.push(self.quote);
        for letter in name.chars() {
            if letter == self.quote {
                self.sql.push(letter);
            }
            self.sql.push(letter);
        }
        self.sql.push(self.quote);
        Ok(())
    }
}

/// A column by its position.
#[inline]
pub(super) fn column_of(table: &'static TableMeta, index: u16) -> Result<&'static ColumnMeta> {
    table
        .columns
        .get(usize::from(index))
        .ok_or_else(|| Error::Statement(format!("`{}` has no column number {index}", table.model)))
}

/// The type that a value has by itself.
fn type_of(value: &Value) -> Option<ColumnType> {
    Some(match value {
        Value::Bool(_) => ColumnType::Bool,
        Value::Int(_) => ColumnType::Int64,
        Value::Float(_) => ColumnType::Float64,
        Value::Text(_) => ColumnType::Text { max_length: None },
        Value::Bytes(_) => ColumnType::Bytes,
        Value::Date(_) => ColumnType::Date,
        Value::Time(_) => ColumnType::Time,
        Value::DateTime(_) => ColumnType::DateTime,
        Value::Timestamp(_) => ColumnType::Timestamp,
        Value::Uuid(_) => ColumnType::Uuid,
        Value::Decimal(_) => ColumnType::Decimal,
        Value::Json(_) => ColumnType::Json,
        Value::Array(array) => ColumnType::Array(array.element),
        Value::Range(range) => ColumnType::Range(range.element),
        Value::Interval(_) => ColumnType::Interval,
        Value::Inet(_) => ColumnType::Inet,
        Value::Word(word) => word.column,
        Value::Null | Value::List(_) | Value::Invalid(_) => return None,
    })
}

/// Whether a name is written as it is.
#[inline]
fn is_plain(name: &str, quote: char) -> bool {
    // Two passes without a branch in them are faster than one that stops early: names are short.
    let quote = quote as u32;
    let odd = name.bytes().fold(false, |odd, byte| odd | (byte == 0) | (u32::from(byte) == quote));
    !odd && !name.is_empty() && quote < 0x80
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;

    fn quoted(name: &str) -> Result<String> {
        let mut out = Writer::new(&LITE, &[]);
        out.push_identifier(name)?;
        Ok(out.finish()?.sql)
    }

    #[test]
    fn every_name_is_quoted() {
        for (name, expected) in [
            ("users", "\"users\""),
            ("select", "\"select\""),
            ("a b; --", "\"a b; --\""),
            ("gro\u{df}", "\"gro\u{df}\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"", "\"\"\"\""),
        ] {
            assert_eq!(quoted(name).expect("a name"), expected);
        }
        let long = "a".repeat(200);
        assert_eq!(quoted(&long).expect("a name"), format!("\"{long}\""));
    }

    #[test]
    fn names_that_no_database_can_have_are_refused() {
        let reason = |name: &str| quoted(name).expect_err("no name").to_string();
        assert_eq!(reason("a\0b"), r#""a\0b" cannot be a name in lite: it holds a NUL"#);
        assert_eq!(reason(""), r#""" cannot be a name in lite: it is empty"#);
        assert!(reason(&"a".repeat(256)).ends_with("cannot be a name in lite: it has 256 bytes, and 255 are allowed"));
    }

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        let mut out = Writer::new(&LITE, &[]);
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            out.push_number(number);
            out.push(" ");
        }
        assert_eq!(out.finish().expect("text").sql, "0 7 10 1234567890 18446744073709551615 ");
    }

    #[test]
    fn quotes_in_a_literal_are_doubled() {
        let mut out = Writer::new(&LITE, &[]);
        out.push_literal("it's").expect("a literal");
        assert!(out.push_literal("a\0").is_err());
        assert_eq!(out.finish().expect("text").sql, "'it''s'");
    }
}
