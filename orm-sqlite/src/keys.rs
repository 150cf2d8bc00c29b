//! Keys that SQLite makes, without asking for them row by row.
//!
//! SQLite puts what an `INSERT .. RETURNING` returns into a table of its own first, which makes it take half as long
//! again. Mostly nothing but the generated keys is to come back, and those of one `INSERT` into an ordinary table are
//! consecutive: so it is run without its `RETURNING`, and the keys are counted back from `last_insert_rowid()`.
//!
//! That is right only as long as nothing else writes to the table, nothing keeps a row out of it, and its largest key is
//! far from the largest integer, from where on SQLite picks keys at random. [`Countable::ask`] looks for all of that.
//! It does so where the transaction has the write lock, so that no other connection can change it; and whatever this
//! connection runs that is neither a query nor such an insert makes it be asked again. How a table is defined is looked up
//! once for each version of the schema.

use orm_core::ast::{ColumnRef, Expr, InsertChunk, Projection, Statement};
use orm_core::driver::{Flow, Row, RowSink};
use orm_core::error::{Error, Result, ValueError};
use orm_core::meta::{ColumnMeta, TableMeta};
use orm_core::value::ValueRef;
use rusqlite::{Connection, TransactionState};

use crate::pool::Live;

/// To look at a table takes as long as what is saved with so many rows.
const WORTH_ASKING: usize = 16;

/// Keys up to this one leave more room than can ever be filled by counting.
const FAR_FROM_THE_LARGEST: i64 = i64::MAX / 2;

/// What is known of the tables that are inserted into.
#[derive(Debug, Default)]
pub(crate) struct Countable {
    /// Whether keys can be counted in this transaction.
    now: Vec<Answer>,
    /// Whether this transaction may have changed how tables are defined.
    altered: bool,
    /// Whether tables are plain ones, as they are defined in these versions of the main and the temporary schema.
    plain: Vec<Answer>,
    versions: (i64, i64),
}

type Answer = (&'static TableMeta, bool);

fn find(answers: &[Answer], table: &'static TableMeta) -> Option<bool> {
    answers.iter().find(|(known, _)| std::ptr::eq(*known, table)).map(|(_, answer)| *answer)
}

impl Countable {
    /// Something was run that may have changed tables, and perhaps how they are defined. That keys could not be counted
    /// stays known: it is always right to ask for them.
    #[inline]
    pub(crate) fn doubt(&mut self, altered: bool) {
        if !self.now.is_empty() {
            self.now.retain(|(_, countable)| !countable);
        }
        self.altered |= altered;
    }

    /// Another transaction begins.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.now.clear();
        self.altered = false;
    }

    /// Whether keys of one `INSERT` into a table are consecutive, for as long as this transaction does nothing else.
    fn ask(&mut self, db: &Connection, table: &'static TableMeta) -> rusqlite::Result<bool> {
        let Some(key) = table.generated.and_then(|key| table.column(key)) else { return Ok(false) };
        // A transaction may have written to a temporary table only, and hold nothing of the database.
        if db.transaction_state(Some("main"))? != TransactionState::Write {
            return Ok(false);
        }
        if !self.is_plain(db, table, key)? {
            return Ok(false);
        }
        let largest = format!("SELECT max({}) FROM main.{}", quoted(key.name), quoted(table.name));
        let largest: Option<i64> = db.prepare_cached(&largest)?.query_row((), |row| row.get(0))?;
        Ok(largest.is_none_or(|largest| largest < FAR_FROM_THE_LARGEST))
    }

    /// Whether a table is a plain one. What a transaction changes of that may be undone, and another definition get the
    /// same version: so it is kept, and found, in transactions only that change no definitions.
    fn is_plain(&mut self, db: &Connection, table: &'static TableMeta, key: &ColumnMeta) -> rusqlite::Result<bool> {
        let ask = || db.prepare_cached(PLAIN)?.query_row((table.name, key.name), |row| row.get(0));
        if self.altered {
            return ask();
        }
        let version = |sql| db.prepare_cached(sql)?.query_row((), |row| row.get::<_, i64>(0));
        let versions = (version("PRAGMA main.schema_version")?, version("PRAGMA temp.schema_version")?);
        if versions != self.versions {
            self.plain.clear();
            self.versions = versions;
        }
        if let Some(plain) = find(&self.plain, table) {
            return Ok(plain);
        }
        let plain = ask()?;
        self.plain.push((table, plain));
        Ok(plain)
    }
}

/// The same `INSERT` without its `RETURNING`, if all that it returns are keys that the database makes.
pub(crate) fn without_returning(statement: Statement<'_>) -> Option<InsertChunk<'_>> {
    let Statement::Insert(chunk) = statement else { return None };
    let key = chunk.table.generated?;
    let [Projection::Expr(Expr::Column(ColumnRef { table, index }))] = chunk.returning else { return None };
    let own = std::ptr::eq(table.meta, chunk.table) && table.alias.is_none() && *index == key;
    let made = chunk.conflict.is_none() && !chunk.columns.contains(key);
    (own && made).then_some(InsertChunk { returning: &[], ..chunk })
}

impl Live {
    /// Whether the keys of an insert can be counted. The caller has begun a transaction.
    pub(crate) fn can_count(&mut self, chunk: &InsertChunk<'_>) -> bool {
        if self.writing.is_none() {
            return false;
        }
        match find(&self.countable.now, chunk.table) {
            Some(countable) => countable,
            None if chunk.rows().len() < WORTH_ASKING => false,
            None => {
                // What cannot be found out is no reason to fail: the keys are asked for then.
                let countable = self.countable.ask(&self.db, chunk.table).unwrap_or(false);
                self.countable.now.push((chunk.table, countable));
                countable
            }
        }
    }
}

/// A table of the main database that nothing hides: its key is its rowid, nothing is triggered by an insert, and no
/// constraint has a row replaced or left out.
const PLAIN: &str = "SELECT
    EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND rootpage > 0
        AND instr(upper(sql), 'CONFLICT') = 0)
    AND NOT EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)
    AND NOT EXISTS (SELECT 1 FROM temp.sqlite_master WHERE tbl_name = ?1 COLLATE NOCASE)
    AND 1 = (SELECT count(*) FROM pragma_table_info(?1, 'main') WHERE pk > 0)
    AND EXISTS (SELECT 1 FROM pragma_table_info(?1, 'main') WHERE pk > 0 AND name = ?2 COLLATE NOCASE)
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Gives the keys of an insert of `rows` rows, as its `RETURNING` would have.
///
/// # Errors
///
/// [`Error::RowCount`] if another number of rows was written: then nobody knows whose the last key is.
pub(crate) fn give_keys(chunk: &InsertChunk<'_>, last: i64, written: u64, sink: &mut dyn RowSink) -> Result<()> {
    let rows = chunk.rows().len();
    let first = i64::try_from(rows).ok().filter(|_| written == rows as u64).and_then(|rows| last.checked_sub(rows - 1));
    let Some(first) = first else {
        return Err(Error::RowCount { table: chunk.table.name, expected: rows as u64, found: written });
    };
    if sink.keys(first..=last) {
        return Ok(());
    }
    for key in first..=last {
        if sink.row(&Key { key, table: chunk.table })? == Flow::Stop {
            break;
        }
    }
    Ok(())
}

/// A row of a `RETURNING` that was not run.
struct Key {
    key: i64,
    table: &'static TableMeta,
}

impl Row for Key {
    fn width(&self) -> usize {
        1
    }

    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        if index == 0 { Ok(ValueRef::Int(self.key)) } else { Err(ValueError::NoColumn { width: 1 }) }
    }

    fn name(&self, index: usize) -> Option<&str> {
        let column = self.table.generated.filter(|_| index == 0)?;
        self.table.column(column).map(|column| column.name)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that fails should fail loudly")]
mod tests {
    use orm_core::types::ColumnType;

    use super::*;

    static COLUMNS: [ColumnMeta; 2] = [
        ColumnMeta::new("id", "id", ColumnType::Int64, false),
        ColumnMeta::new("name", "name", ColumnType::Text { max_length: None }, true),
    ];

    static TABLE: TableMeta = TableMeta {
        name: "t",
        model: "T",
        columns: &COLUMNS,
        primary_key: &[0],
        generated: Some(0),
        ..TableMeta::EMPTY
    };

    fn after(definition: &str) -> bool {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch(definition).expect("a definition");
        db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        Countable::default().ask(&db, &TABLE).expect("an answer")
    }

    #[test]
    fn keys_of_a_plain_table_can_be_counted() {
        assert!(after("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)"));
        assert!(after("CREATE TABLE T (ID integer primary key AUTOINCREMENT, name TEXT UNIQUE) STRICT"));
        assert!(after("CREATE TABLE t (id INTEGER, name TEXT, PRIMARY KEY (id)); INSERT INTO t (id) VALUES (-5), (7)"));
        assert!(after(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY);
             CREATE TRIGGER x AFTER INSERT ON other BEGIN INSERT INTO t (name) VALUES ('a'); END"
        ));
    }

    #[test]
    fn a_trigger_may_write_to_its_table() {
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);";
        let body = "AFTER INSERT ON t WHEN new.name = 'a' BEGIN INSERT INTO t (name) VALUES ('b'); END";
        assert!(!after(&format!("{table} CREATE TRIGGER x {body}")));
        assert!(!after(&format!("{table} CREATE TEMP TRIGGER x {body}")));
    }

    #[test]
    fn a_key_that_is_not_the_rowid_is_not_made_by_counting() {
        for definition in [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID",
            "CREATE TABLE t (id INT PRIMARY KEY, name TEXT)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, name TEXT)",
            "CREATE TABLE t (id INTEGER, name TEXT, PRIMARY KEY (id, name))",
            "CREATE TABLE t (id INTEGER, name INTEGER PRIMARY KEY)",
            "CREATE TABLE t (id INTEGER, name TEXT)",
        ] {
            assert!(!after(definition), "{definition}");
        }
    }

    #[test]
    fn a_constraint_may_leave_rows_out() {
        assert!(!after("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE)"));
        assert!(!after("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL on\nconflict replace)"));
    }

    #[test]
    fn what_is_not_a_table_of_the_database_is_left_alone() {
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);";
        assert!(!after("CREATE VIEW t AS SELECT 1 AS id, 'a' AS name"));
        assert!(!after("CREATE TEMP TABLE t (id INTEGER PRIMARY KEY, name TEXT)"));
        assert!(!after(&format!("{table} CREATE TEMP TABLE T (id INTEGER PRIMARY KEY, name TEXT)")));
        assert!(!after(&format!("{table} CREATE TEMP VIEW t AS SELECT 1 AS id")));
        assert!(!after("CREATE TABLE other (id INTEGER PRIMARY KEY)"));
    }

    #[test]
    fn from_the_largest_key_on_keys_are_random() {
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t (id) VALUES";
        assert!(after(&format!("{table} (4611686018427387902)")));
        assert!(!after(&format!("{table} (4611686018427387903)")));
        assert!(!after(&format!("{table} (1), (9223372036854775807)")));
    }

    #[test]
    fn without_the_write_lock_nothing_is_certain() {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TEMP TABLE other (a);")
            .expect("tables");
        assert_eq!(Countable::default().ask(&db, &TABLE), Ok(false));
        db.execute_batch("BEGIN; SELECT * FROM t; INSERT INTO other VALUES (1)").expect("a transaction");
        assert_eq!(Countable::default().ask(&db, &TABLE), Ok(false));
    }

    /// What is answered in transactions, one after the other: each runs statements, asks, and ends with those behind a `|`.
    fn answers(transactions: &[&str]) -> Vec<bool> {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)").expect("a table");
        let mut countable = Countable::default();
        let mut answer = |statements: &str| {
            countable.forget();
            db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            let (before, after) = statements.split_once('|').unwrap_or((statements, "COMMIT"));
            db.execute_batch(before).expect("statements");
            countable.doubt(!before.is_empty());
            let answer = countable.ask(&db, &TABLE).expect("an answer");
            db.execute_batch(after).expect("an end");
            answer
        };
        transactions.iter().map(|statements| answer(statements)).collect()
    }

    #[test]
    fn how_a_table_is_defined_is_looked_up_again_when_it_may_be_another() {
        let trigger = "TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO t (name) VALUES ('b'); END";
        let (create, temporary) = (format!("CREATE {trigger}"), format!("CREATE TEMP {trigger}"));
        assert_eq!(answers(&["", &create, "", "DROP TRIGGER x", ""]), [true, false, false, true, true]);
        assert_eq!(answers(&["", &temporary, "", "DROP TRIGGER x", ""]), [true, false, false, true, true]);
        assert_eq!(answers(&["", "INSERT INTO t (id) VALUES (9223372036854775807)", ""]), [true, false, false]);
    }

    #[test]
    fn a_definition_that_was_undone_leaves_nothing_behind() {
        let trigger = "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO t (name) VALUES ('b'); END";
        // The table and the trigger get the same version.
        assert_eq!(answers(&["CREATE TABLE other (a)|ROLLBACK", trigger, ""]), [true, false, false]);
        assert_eq!(answers(&[&format!("{trigger}|ROLLBACK"), "CREATE TABLE other (a)", ""]), [false, true, true]);
    }
}
