//! The prepared statements of a connection, and what an error says of one that failed.

use std::sync::Arc;

use hashbrown::HashMap;
use orm_core::ast::Statement;
use orm_core::compile::{Compiled, Prepared};
use orm_core::error::Binds;

/// A connection's prepared statements by their text. When there are too many, the quarter that was not used for longest
/// makes room.
pub(crate) struct Statements {
    by_text: HashMap<Box<str>, Entry>,
    capacity: usize,
    /// Counts uses: the time by which the least recently used is found.
    clock: u64,
    /// The one used last, with its text, which is known by its place as long as it is held here.
    last: Option<(Arc<Compiled>, tokio_postgres::Statement)>,
}

struct Entry {
    statement: tokio_postgres::Statement,
    last_used: u64,
}

impl Statements {
    pub(crate) fn new(capacity: usize) -> Self {
        Statements { by_text: HashMap::new(), capacity, clock: 0, last: None }
    }

    /// The statement of a text from the cache of texts. That of last time is found without its text being read.
    pub(crate) fn find_for(&mut self, prepared: &Prepared<'_>) -> Option<tokio_postgres::Statement> {
        if let Some((text, statement)) = &self.last
            && std::ptr::eq(text.sql.as_str(), prepared.sql())
        {
            return Some(statement.clone());
        }
        let found = self.find(prepared.sql())?;
        self.last = Some((prepared.compiled(), found.clone()));
        Some(found)
    }

    pub(crate) fn find(&mut self, sql: &str) -> Option<tokio_postgres::Statement> {
        let entry = self.by_text.get_mut(sql)?;
        self.clock += 1;
        entry.last_used = self.clock;
        Some(entry.statement.clone())
    }

    pub(crate) fn keep(&mut self, sql: &str, statement: tokio_postgres::Statement) {
        if self.capacity == 0 {
            return;
        }
        self.last = None;
        if self.by_text.len() >= self.capacity {
            self.make_room();
        }
        self.clock += 1;
        self.by_text.insert(sql.into(), Entry { statement, last_used: self.clock });
    }

    pub(crate) fn forget(&mut self, sql: &str) {
        self.by_text.remove(sql);
        self.last = None;
    }

    /// After a change of tables, with which the plans of the old ones are of no use.
    pub(crate) fn forget_all(&mut self) {
        self.by_text.clear();
        self.last = None;
    }

    fn make_room(&mut self) {
        let mut uses: Vec<u64> = self.by_text.values().map(|entry| entry.last_used).collect();
        let quarter = (uses.len() - 1) / 4;
        let (_, last_to_go, _) = uses.select_nth_unstable(quarter);
        self.by_text.retain(|_, entry| entry.last_used > *last_to_go);
    }
}

/// What failed.
pub(crate) struct Failed<'a> {
    pub(crate) sql: &'a str,
    pub(crate) binds: Binds,
    /// None for what begins and ends transactions.
    pub(crate) statement: Option<Statement<'a>>,
    /// Whether values may stand in messages.
    pub(crate) show: bool,
}

impl<'a> Failed<'a> {
    pub(crate) fn of(prepared: &'a Prepared<'_>, show: bool) -> Self {
        let (sql, binds) = (prepared.sql(), prepared.binds_for_log(show));
        Failed { sql, binds, statement: Some(prepared.statement()), show }
    }

    pub(crate) fn control(sql: &'a str) -> Self {
        Failed { sql, binds: Binds::None, statement: None, show: false }
    }

    pub(crate) fn table(&self) -> Option<&str> {
        self.statement.and_then(|statement| statement.table())
    }
}
