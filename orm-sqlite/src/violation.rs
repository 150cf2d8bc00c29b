//! Which constraint was violated. SQLite names columns, or the constraint, or nothing; the rest is looked up in the
//! schema.

use orm_core::error::Context;
use orm_core::schema::naming;
use orm_core::types::BindSink;
use orm_core::value::Value;
use rusqlite::{Connection, OptionalExtension, Result};

use crate::definition::{Kind, named_constraints};
use crate::error::Operation;
use crate::statement::{Work, values_of};
use crate::value::Binder;

/// `UNIQUE constraint failed: users.email, users.tenant`, or `.. failed: index 'ix_lower_email'`.
pub(crate) fn unique(db: &Connection, message: &str, context: &mut Context) {
    let Some(place) = message.strip_prefix("UNIQUE constraint failed: ") else {
        return;
    };
    if let Some(index) = place.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\'')) {
        let table = strings(db, "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name = ?1", index);
        context.table = table.ok().and_then(|tables| tables.into_iter().next()).or(context.table.take());
        context.constraint = Some(index.into());
        return;
    }
    // An error while looking is no reason to hide the error that is looked at.
    let Some(table) = table_at(db, place).ok().flatten() else {
        return;
    };
    let found = unique_index(db, &table, place).ok().flatten();
    let (columns, index) =
        found.unwrap_or_else(|| (place.get(table.len() + 1..).into_iter().map(str::to_owned).collect(), None));
    context.constraint = index.or_else(|| constraint_name(db, &table, &columns, &[Kind::Unique, Kind::PrimaryKey]));
    context.columns = columns;
    context.table = Some(table);
}

/// `NOT NULL constraint failed: users.name`.
pub(crate) fn not_null(db: &Connection, message: &str, context: &mut Context) {
    let Some(place) = message.strip_prefix("NOT NULL constraint failed: ") else {
        return;
    };
    let Some(table) = table_at(db, place).ok().flatten() else {
        return;
    };
    context.columns = place.get(table.len() + 1..).into_iter().map(str::to_owned).collect();
    context.table = Some(table);
}

/// `CHECK constraint failed: ck_users_age`, or the condition if the constraint has no name.
pub(crate) fn check(db: &Connection, message: &str, context: &mut Context) {
    let Some(check) = message.strip_prefix("CHECK constraint failed: ") else {
        return;
    };
    let tables = match &context.table {
        Some(table) => vec![table.clone()],
        None => tables(db).unwrap_or_default(),
    };
    for table in tables {
        let mut named =
            definition(db, &table).into_iter().filter(|found| found.kind == Kind::Check && found.name == check);
        if let Some(constraint) = named.next() {
            context.columns = column_of_check(db, &table, check).map_or(constraint.columns, |column| vec![column]);
            context.hint = check_hint(&table, check, &context.columns);
            (context.constraint, context.table) = (Some(check.into()), Some(table));
            return;
        }
    }
    context.hint = Some(format!("it has to be true that `{check}`"));
}

fn check_hint(table: &str, check: &str, columns: &[String]) -> Option<String> {
    let [column] = columns else { return None };
    if check == naming::max_length(table, column) {
        return Some("the text is longer than the column's `max_length`".into());
    }
    (check == naming::values(table, column)).then(|| "the value is none of the enum's".into())
}

/// The column of which a check's name speaks.
fn column_of_check(db: &Connection, table: &str, check: &str) -> Option<String> {
    let is_named_after = |column: &String| {
        check == naming::check(table, Some(column), 0)
            || check == naming::max_length(table, column)
            || check == naming::values(table, column)
    };
    strings(db, "SELECT name FROM pragma_table_info(?1)", table).ok()?.into_iter().find(is_named_after)
}

/// A foreign key, as SQLite lists it.
struct ForeignKey {
    table: String,
    columns: Vec<String>,
    references: String,
    /// Empty for the other table's primary key.
    referenced: Vec<String>,
    on_delete: String,
    on_update: String,
}

impl ForeignKey {
    fn place(&self) -> String {
        format!("`{}.{}`", self.table, self.columns.join(", "))
    }

    fn name(&self, db: &Connection) -> Option<String> {
        constraint_name(db, &self.table, &self.columns, &[Kind::ForeignKey])
    }

    fn is_of(&self, columns: &[&str]) -> bool {
        self.columns.iter().any(|column| columns.contains(&column.as_str()))
    }
}

/// SQLite says nothing but that a key is broken. Which ones can be follows from what the statement does.
pub(crate) fn foreign_key(db: &Connection, work: &dyn Work, context: &mut Context) {
    let (own, others) = match (work.operation(), work.table()) {
        (Operation::Commit, _) => {
            context.hint = Some("a deferred key is still broken: `PRAGMA foreign_key_check` lists the rows".into());
            return;
        }
        (Operation::Insert, Some(table)) => (of_missing_parents(db, keys_of(db, table), work), Vec::new()),
        (Operation::Update, Some(table)) => {
            let mut own = keys_of(db, table);
            own.retain(|key| key.is_of(&work.columns()));
            (own, keys_that_hold_an_update(db, table, &work.columns()))
        }
        (Operation::Delete, Some(table)) => (Vec::new(), keys_that_hold_a_delete(db, table)),
        _ => (Vec::new(), Vec::new()),
    };
    context.hint = foreign_key_hint(&own, &others);
    let mut possible = own.into_iter().chain(others);
    if let (Some(key), None) = (possible.next(), possible.next()) {
        context.constraint = key.name(db);
        context.table = Some(key.table);
        context.columns = key.columns;
    }
}

fn foreign_key_hint(own: &[ForeignKey], others: &[ForeignKey]) -> Option<String> {
    let pointing = own.iter().map(|key| format!("{} at `{}`", key.place(), key.references)).collect::<Vec<_>>();
    let pointed = others.iter().map(ForeignKey::place).collect::<Vec<_>>();
    let own = match pointing.as_slice() {
        [] => None,
        [one] => Some(format!("{one} points at a row that does not exist")),
        several => Some(format!("one of these points at a row that does not exist: {}", several.join(", "))),
    };
    let others = (!pointed.is_empty()).then(|| format!("rows still point at this one: {}", pointed.join(", ")));
    match (own, others) {
        (Some(own), Some(others)) => Some(format!("{own}, or {others}")),
        (own, others) => own.or(others),
    }
}

/// Of several keys, those that point at a row which is not there. The statement has left no row behind, so a key
/// within the table may point at one that it would have inserted: it is at fault only if no other is.
fn of_missing_parents(db: &Connection, keys: Vec<ForeignKey>, work: &dyn Work) -> Vec<ForeignKey> {
    let Ok(values) = values_of(work) else { return keys };
    let columns = work.columns();
    if keys.len() < 2 || columns.is_empty() {
        return keys;
    }
    let cells: Vec<&[Value]> = values.chunks(columns.len()).take(work.rows()).collect();
    let (mut missing, others): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|key| lacks_a_parent(db, key, &columns, &cells).unwrap_or(false));
    if missing.iter().any(|key| key.table != key.references) {
        missing.retain(|key| key.table != key.references);
    }
    if missing.is_empty() { others } else { missing }
}

fn lacks_a_parent(db: &Connection, key: &ForeignKey, columns: &[&str], rows: &[&[Value]]) -> Result<bool> {
    let referenced = match key.referenced.as_slice() {
        [] => strings(db, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk", &key.references)?,
        named => named.to_vec(),
    };
    let conditions: Vec<_> =
        referenced.iter().zip(1..).map(|(column, number)| format!("{} = ?{number}", quoted(column))).collect();
    let sql = format!("SELECT 1 FROM {} WHERE {}", quoted(&key.references), conditions.join(" AND "));
    let mut parent = db.prepare(&sql)?;
    for row in rows {
        let cell = |column: &String| {
            let place = columns.iter().position(|known| known == column)?;
            row.get(place).filter(|value| !value.is_null())
        };
        // A key with a NULL in it points nowhere, and may.
        let Some(values) = key.columns.iter().map(cell).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let mut binder = Binder::new(&mut parent);
        let bound = values.into_iter().all(|value| value.borrowed().is_ok_and(|value| binder.bind(value).is_ok()));
        if bound && parent.raw_query().next()?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn keys_of(db: &Connection, table: &str) -> Vec<ForeignKey> {
    foreign_keys(db, "m.name = ?1 COLLATE NOCASE", table).unwrap_or_default()
}

fn keys_at(db: &Connection, table: &str) -> Vec<ForeignKey> {
    foreign_keys(db, "f.\"table\" = ?1 COLLATE NOCASE", table).unwrap_or_default()
}

/// The keys that can hold back an update of these columns.
fn keys_that_hold_an_update(db: &Connection, table: &str, columns: &[&str]) -> Vec<ForeignKey> {
    let primary = strings(db, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0", table).unwrap_or_default();
    let mut keys = keys_at(db, table);
    keys.retain(|key| {
        let referenced = if key.referenced.is_empty() { &primary } else { &key.referenced };
        let changes = referenced.iter().any(|column| columns.contains(&column.as_str()));
        changes && holds(&key.on_update)
    });
    keys
}

/// The keys that can hold back a delete: those that point at the table, and at what goes along with it.
fn keys_that_hold_a_delete(db: &Connection, table: &str) -> Vec<ForeignKey> {
    let (mut holding, mut going, mut next) = (Vec::new(), vec![table.to_owned()], 0);
    while let Some(parent) = going.get(next).cloned() {
        next += 1;
        for key in keys_at(db, &parent) {
            if holds(&key.on_delete) {
                holding.push(key);
            } else if key.on_delete == "CASCADE" && !going.contains(&key.table) {
                going.push(key.table);
            }
        }
    }
    holding
}

fn holds(action: &str) -> bool {
    !matches!(action, "CASCADE" | "SET NULL")
}

fn foreign_keys(db: &Connection, filter: &str, table: &str) -> Result<Vec<ForeignKey>> {
    let sql = format!(
        "SELECT m.name, f.id, f.\"from\", f.\"to\", f.\"table\", f.on_delete, f.on_update \
         FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f \
         WHERE m.type = 'table' AND {filter} ORDER BY m.name, f.id, f.seq"
    );
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (table, id): (String, i64) = (row.get(0)?, row.get(1)?);
        if !keys.last().is_some_and(|(last, key)| *last == id && key.table == table) {
            let (references, on_delete, on_update) = (row.get(4)?, row.get(5)?, row.get(6)?);
            let (columns, referenced) = (Vec::new(), Vec::new());
            keys.push((id, ForeignKey { table, columns, references, referenced, on_delete, on_update }));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(row.get(2)?);
            key.referenced.extend(row.get::<_, Option<String>>(3)?);
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// The unique index of which SQLite speaks as `users.email, users.tenant`: its columns, and its name if it was given
/// one.
fn unique_index(db: &Connection, table: &str, place: &str) -> Result<Option<(Vec<String>, Option<String>)>> {
    let mut statement = db.prepare("SELECT name, origin = 'c' FROM pragma_index_list(?1) WHERE \"unique\"")?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let (index, named): (String, bool) = (row.get(0)?, row.get(1)?);
        let columns = strings(db, "SELECT coalesce(name, '') FROM pragma_index_info(?1) ORDER BY seqno", &index)?;
        let shown: Vec<_> = columns.iter().map(|column| format!("{table}.{column}")).collect();
        if shown.join(", ") == place {
            return Ok(Some((columns, named.then_some(index))));
        }
    }
    Ok(None)
}

fn constraint_name(db: &Connection, table: &str, columns: &[String], kinds: &[Kind]) -> Option<String> {
    let mut named = definition(db, table).into_iter();
    named.find(|found| kinds.contains(&found.kind) && found.columns == columns).map(|found| found.name)
}

fn definition(db: &Connection, table: &str) -> Vec<crate::definition::Constraint> {
    let sql = strings(db, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE", table);
    sql.unwrap_or_default().first().map(|sql| named_constraints(sql)).unwrap_or_default()
}

/// The table with which `table.column` begins: names may have dots of their own.
fn table_at(db: &Connection, place: &str) -> Result<Option<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(?1, 1, length(name) + 1) = name || '.' \
               ORDER BY length(name) DESC LIMIT 1";
    db.query_row(sql, [place], |row| row.get(0)).optional()
}

fn tables(db: &Connection) -> Result<Vec<String>> {
    strings(db, "SELECT name FROM sqlite_schema WHERE type = ?1", "table")
}

fn strings(db: &Connection, sql: &str, argument: &str) -> Result<Vec<String>> {
    db.prepare(sql)?.query_map([argument], |row| row.get(0))?.collect()
}
