//! Whether what one model says of another is so.
//!
//! The derive sees one struct at a time: that `Post.author_id` points at `User` stands in another one. So it has the
//! compiler ask, by these `const` functions, once all tables are known; an answer that is no is a compile error at the
//! token, with the mend. What they give are numbers, so nothing is left to look up when the program runs.

use crate::expr::Column;
use crate::meta::{ForeignKeyMeta, TableMeta};
use crate::model::Model;
use crate::relation::Between;
use crate::types::SqlType;

/// The number of the foreign key of `table` that is these columns and points at `target`.
#[must_use]
#[track_caller]
pub const fn key(columns: &[u16], table: &TableMeta, target: &TableMeta) -> u16 {
    let (mut number, mut elsewhere) = (0_u16, None);
    while (number as usize) < table.foreign_keys.len() {
        let key = &table.foreign_keys[number as usize];
        if is_same_set(key.columns, columns) {
            if is_same(key.table, target.name) {
                return number;
            }
            elsewhere = Some(key);
        }
        number += 1;
    }
    let text = Text::new().columns(table, columns);
    match elsewhere {
        Some(key) => {
            text.push(" points at the table `").push(key.table).push("`, not at `").push(target.name).push("`").fail()
        }
        None => text
            .push(" is no foreign key to `")
            .push(target.model)
            .push("`: it needs `belongs_to(name: ")
            .push(target.model)
            .push(if columns.len() > 1 { " by (..))` on the struct" } else { ")` on the field" })
            .fail(),
    }
}

/// The same of a key that no two rows share.
#[must_use]
#[track_caller]
pub const fn unique_key(columns: &[u16], table: &TableMeta, target: &TableMeta) -> u16 {
    let number = key(columns, table, target);
    if !is_unique(table, columns) {
        Text::new()
            .columns(table, columns)
            .push(" is not unique, so one `")
            .push(target.model)
            .push("` may have several of them: write `has_many`, or make it `unique`")
            .fail();
    }
    number
}

/// The table between two others: by the keys that are given, or by the only ones that lead there.
#[must_use]
#[track_caller]
pub const fn between(
    table: &'static TableMeta,
    (from_columns, from): (&[u16], &TableMeta),
    (to_columns, to): (&[u16], &TableMeta),
) -> Between {
    let numbers = match from_columns.len() {
        0 => (only_key(table, from), only_key(table, to)),
        _ => (key(from_columns, table, from), key(to_columns, table, to)),
    };
    Between::new(table, numbers.0, numbers.1)
}

/// The number of the only foreign key of `table` that points at `target`.
#[track_caller]
const fn only_key(table: &TableMeta, target: &TableMeta) -> u16 {
    let (mut number, mut found) = (0_u16, None);
    while (number as usize) < table.foreign_keys.len() {
        if is_same(table.foreign_keys[number as usize].table, target.name) {
            if let Some(first) = found {
                ambiguous(table, target, &table.foreign_keys[first as usize], &table.foreign_keys[number as usize]);
            }
            found = Some(number);
        }
        number += 1;
    }
    match found {
        Some(number) => number,
        None => Text::new()
            .push("`")
            .push(table.model)
            .push("` has no foreign key to `")
            .push(target.model)
            .push("`: a field of it needs `belongs_to(name: ")
            .push(target.model)
            .push(")`")
            .fail(),
    }
}

#[track_caller]
const fn ambiguous(table: &TableMeta, target: &TableMeta, first: &ForeignKeyMeta, second: &ForeignKeyMeta) -> ! {
    Text::new()
        .push("several keys of `")
        .push(table.model)
        .push("` point at `")
        .push(target.model)
        .push("`: say by which the relation goes, as in `through ")
        .push(table.model)
        .push("(")
        .fields(table, first.columns)
        .push(" -> ")
        .fields(table, second.columns)
        .push(")`")
        .fail()
}

/// The type of a column that a foreign key of type `Key` can point at.
#[diagnostic::on_unimplemented(
    message = "a column of `{Key}` cannot hold the values of a column of `{Self}`",
    label = "a foreign key and the column it points at are of one type, or an `Option` of it"
)]
pub trait HeldBy<Key> {}

#[diagnostic::do_not_recommend]
impl<T: SqlType> HeldBy<T::Plain> for T {}

/// The position of a column that a foreign key of type `Key` points at. Generated code calls it.
#[must_use]
pub const fn referenced_column<M: Model, Key, T: HeldBy<Key>>(column: Column<M, T>) -> u16 {
    column.reference().index
}

/// Columns that a foreign key may point at: no two rows agree in all of them.
#[must_use]
#[track_caller]
pub const fn referenced<const N: usize>(table: &TableMeta, columns: [u16; N]) -> [u16; N] {
    if !is_unique(table, &columns) {
        Text::new()
            .columns(table, &columns)
            .push(" is not unique, so no foreign key can point at it: make it `unique`, or point at the primary key")
            .fail();
    }
    columns
}

/// Whether no two rows agree in all of these columns.
const fn is_unique(table: &TableMeta, columns: &[u16]) -> bool {
    let mut at = 0;
    while at < table.uniques.len() {
        if has_all(columns, table.uniques[at].columns) {
            return true;
        }
        at += 1;
    }
    let mut at = 0;
    while at < table.indexes.len() {
        if table.indexes[at].unique && has_all(columns, table.indexes[at].columns) {
            return true;
        }
        at += 1;
    }
    has_all(columns, table.primary_key)
}

const fn is_same_set(left: &[u16], right: &[u16]) -> bool {
    left.len() == right.len() && has_all(left, right)
}

/// Whether all of `wanted` are among `columns`.
const fn has_all(columns: &[u16], wanted: &[u16]) -> bool {
    let mut at = 0;
    while at < wanted.len() {
        if !has(columns, wanted[at]) {
            return false;
        }
        at += 1;
    }
    true
}

const fn has(columns: &[u16], wanted: u16) -> bool {
    let mut at = 0;
    while at < columns.len() {
        if columns[at] == wanted {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

/// A message that is put together where `format!` cannot be used.
struct Text {
    bytes: [u8; 500],
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Text { bytes: [0; 500], length: 0 }
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    /// `` `Post.author_id` ``, or `` `Line(order_region, order_number)` ``
    const fn columns(self, table: &TableMeta, columns: &[u16]) -> Self {
        let text = self.push("`").push(table.model);
        match columns {
            [only] => text.push(".").push(table.columns[*only as usize].field).push("`"),
            _ => text.fields(table, columns).push("`"),
        }
    }

    /// `author_id`, or `(order_region, order_number)`
    const fn fields(self, table: &TableMeta, columns: &[u16]) -> Self {
        if let [only] = columns {
            return self.push(table.columns[*only as usize].field);
        }
        let mut text = self.push("(");
        let mut at = 0;
        while at < columns.len() {
            text = text.push(if at == 0 { "" } else { ", " }).push(table.columns[columns[at] as usize].field);
            at += 1;
        }
        text.push(")")
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "it is the compiler's error: nothing of this runs in a program")]
    const fn fail(&self) -> ! {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("a relation does not fit the other model"),
        }
    }
}
