//! The pool: r2d2 keeps the connections, [`Gate`] decides who may have one, and no runtime thread waits for either.
//!
//! ```text
//! acquire ─> Permit::enter (async, fair) ─> r2d2: try_get ──────────────────> Lent
//!                                              └ none idle: r2d2 opens one,
//!                                                awaited on a blocking thread
//! drop(Lent) ─> Manager::has_broken: roll back, keep or close ─> the next caller is let in
//! ```
//!
//! For r2d2, opening never fails: it would try again for ever, and keep only the text of the error. A connection that
//! could not be opened is a [`Slot::Failed`], which whoever asked for it takes out and throws away.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orm_core::driver::Caller;
use orm_core::engine::EngineOptions;
use orm_core::error::{Error, Result};
use orm_core::pool::{CloseReason, Gate, Opened, Permit, PoolOptions, PoolState};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error;
use crate::functions::{self, Clock};
use crate::keys::Countable;
use crate::lock::{Patience, Turn, WritePermit};
use crate::options::{JOURNAL_MODE, Options, Place};

/// How long a file may take to open. This is not `pool_timeout`: by then a place in the pool was given, and nothing but
/// a disk that does not answer takes so long.
const OPENING: Duration = Duration::from_secs(60);

/// An open connection.
pub(crate) struct Live {
    pub(crate) db: Connection,
    pub(crate) clock: Arc<Clock>,
    /// The right to write, held from the statement that began to write until its transaction is over.
    pub(crate) writing: Option<WritePermit>,
    /// What is known of the tables that are inserted into.
    pub(crate) countable: Countable,
    /// Whether there is a write-ahead log: with one, no commit has to wait for readers.
    pub(crate) wal: bool,
    /// Whether it is thrown away instead of going back to the pool.
    pub(crate) broken: bool,
    turn: Turn,
    /// Whether it was lent out before: a new one need not be tested.
    used: bool,
    opened: Opened,
}

/// What r2d2 holds.
pub(crate) enum Slot {
    Open(Box<Live>),
    Failed(rusqlite::Error),
    /// Nothing: it was wanted by somebody who has got another one meanwhile, or its error was taken out.
    Empty,
}

/// A connection that is lent out. Dropping it gives it back.
pub(crate) struct Lent {
    // Goes back before the next caller is let in: fields are dropped in order.
    pooled: r2d2::PooledConnection<Manager>,
    _permit: Permit,
}

impl Lent {
    pub(crate) fn live(&mut self) -> Result<&mut Live> {
        match &mut *self.pooled {
            Slot::Open(live) => Ok(live),
            Slot::Failed(_) | Slot::Empty => Err(error::lost()),
        }
    }
}

/// The connections of one database.
#[derive(Debug)]
pub(crate) struct Pool {
    gate: Gate,
    connections: r2d2::Pool<Manager>,
    options: PoolOptions,
    sqlite: Arc<Options>,
    shared: Arc<Shared>,
}

/// What the pool and r2d2's side of it both know.
#[derive(Debug, Default)]
struct Shared {
    /// Callers that wait for r2d2 to open one.
    wanted: Arc<AtomicU32>,
    closed: AtomicBool,
    /// A database in memory lives as long as one connection to it: this one.
    anchor: Mutex<Option<Connection>>,
}

impl Pool {
    /// A pool without connections yet.
    pub(crate) fn new(sqlite: Options, options: &EngineOptions) -> Result<Self> {
        let (sqlite, shared) = (Arc::new(sqlite), Arc::new(Shared::default()));
        let gate = Gate::new(options.pool.clone());
        let manager = Manager::new(&sqlite, options, &shared, &gate)
            .map_err(|error| error::connect(error, &sqlite, Duration::ZERO))?;
        let connections = r2d2::Pool::builder()
            .max_size(options.pool.capacity())
            .min_idle(Some(0))
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .build_unchecked(manager);
        Ok(Pool { gate, connections, options: options.pool.clone(), sqlite, shared })
    }

    /// A connection that is idle and good, if nobody need be waited for.
    pub(crate) fn try_acquire(&self, caller: Caller) -> Option<Lent> {
        let mut permit = Permit::try_enter(&self.gate, caller)?;
        // Asked when there is none, r2d2 would open one.
        if self.connections.state().idle_connections == 0 {
            return None;
        }
        match self.checked(self.connections.try_get()?) {
            Checked::Good(pooled) => {
                if let Slot::Open(live) = &*pooled {
                    permit.lends(&live.opened);
                }
                Some(Lent { pooled, _permit: permit })
            }
            // Whoever waits finds out for himself.
            Checked::Stale | Checked::Failed(_) => None,
        }
    }

    /// Waits for a connection.
    pub(crate) async fn acquire(&self, caller: Caller) -> Result<Lent> {
        let mut permit = Permit::enter(&self.gate, caller).await?;
        let mut patience = Patience::new(self.sqlite.busy_timeout);
        loop {
            let pooled = match self.connections.try_get() {
                Some(pooled) => pooled,
                None => self.open().await?,
            };
            match self.checked(pooled) {
                Checked::Good(pooled) => {
                    if let Slot::Open(live) = &*pooled {
                        permit.lends(&live.opened);
                    }
                    return Ok(Lent { pooled, _permit: permit });
                }
                Checked::Stale => {}
                Checked::Failed(error) => {
                    // Switching to the write-ahead log, or the end of another process's recovery, takes a lock.
                    if !error::is_busy(&error) || !patience.back_off().await {
                        return Err(error::connect(error, &self.sqlite, patience.waited()));
                    }
                }
            }
        }
    }

    /// Has r2d2 open a connection. Its own waiting blocks, so that is done on a thread for it.
    async fn open(&self) -> Result<r2d2::PooledConnection<Manager>> {
        let (connections, shared) = (self.connections.clone(), Arc::clone(&self.shared));
        let opened = tokio::task::spawn_blocking(move || {
            let _wanted = Counted::new(&shared.wanted);
            wait_for(&connections)
        });
        match opened.await {
            Ok(Some(pooled)) => Ok(pooled),
            Ok(None) => Err(Error::PoolTimeout { waited: OPENING, state: Box::new(self.state()) }),
            // The runtime is shutting down.
            Err(_cancelled) => Err(Error::Closed),
        }
    }

    /// Looks whether a connection may be used. One that may not be is thrown away.
    fn checked(&self, mut pooled: r2d2::PooledConnection<Manager>) -> Checked {
        match &mut *pooled {
            Slot::Open(live) => match self.why_not(live) {
                None => {
                    live.used = true;
                    Checked::Good(pooled)
                }
                Some(reason) => {
                    live.opened.closes_because(reason);
                    live.broken = true;
                    Checked::Stale
                }
            },
            slot => match std::mem::replace(slot, Slot::Empty) {
                Slot::Failed(error) => Checked::Failed(error),
                _ => Checked::Stale,
            },
        }
    }

    /// Why a connection is not lent again, if so.
    fn why_not(&self, live: &Live) -> Option<CloseReason> {
        // A connection that is the database itself is not replaced.
        if !live.used || is_private(&self.sqlite, &self.options) {
            return None;
        }
        if self.options.pool_recycle.is_some_and(|limit| live.opened.age() > limit) {
            return Some(CloseReason::Old);
        }
        (self.options.pre_ping && live.ping().is_err()).then_some(CloseReason::Dead)
    }

    pub(crate) fn in_memory(&self) -> bool {
        self.sqlite.place == Place::Memory
    }

    pub(crate) fn state(&self) -> PoolState {
        self.gate.state()
    }

    /// Closes the connections that are idle, and has the others closed when they come back. May block.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Each is closed when it comes back.
        while self.connections.try_get().is_some() {}
        self.shared.anchor.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Callers get [`Error::Closed`] from now on.
    pub(crate) fn let_nobody_in(&self) {
        self.gate.close();
    }
}

/// What came out of r2d2.
enum Checked {
    Good(r2d2::PooledConnection<Manager>),
    Stale,
    Failed(rusqlite::Error),
}

#[expect(clippy::disallowed_methods, reason = "this runs on a thread for blocking work")]
fn wait_for(connections: &r2d2::Pool<Manager>) -> Option<r2d2::PooledConnection<Manager>> {
    connections.get_timeout(OPENING).ok()
}

/// Opens and closes connections for r2d2: r2d2_sqlite's manager, and our promises around it.
pub(crate) struct Manager {
    sqlite: SqliteConnectionManager,
    shared: Arc<Shared>,
    gate: Gate,
    in_memory: bool,
}

impl Manager {
    fn new(
        options: &Arc<Options>,
        engine: &EngineOptions,
        shared: &Arc<Shared>,
        gate: &Gate,
    ) -> Result<Self, rusqlite::Error> {
        let private = is_private(options, &engine.pool);
        let path = match &options.place {
            Place::File(path) => path.clone(),
            Place::Memory if private => ":memory:".into(),
            Place::Memory => memory_path(),
        };
        if options.place == Place::Memory && !private {
            let anchor = Connection::open_with_flags(&path, options.flags())?;
            *shared.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchor);
        }
        let init = Init { options: Arc::clone(options), statements: engine.statement_cache };
        let sqlite = SqliteConnectionManager::file(&path).with_flags(options.flags()).with_init(move |db| init.run(db));
        Ok(Manager {
            sqlite,
            shared: Arc::clone(shared),
            gate: gate.clone(),
            in_memory: options.place == Place::Memory,
        })
    }

    fn open(&self) -> Result<Live, rusqlite::Error> {
        let opening = self.gate.opening();
        let db = r2d2::ManageConnection::connect(&self.sqlite)?;
        let clock = Arc::default();
        functions::register(&db, &clock)?;
        // In memory there is none, and a writer could be in the way of asking.
        let wal =
            !self.in_memory && db.query_row("PRAGMA journal_mode", [], |row| Ok(row.get::<_, String>(0)? == "wal"))?;
        Ok(Live {
            db,
            clock,
            writing: None,
            countable: Countable::default(),
            wal,
            broken: false,
            turn: Turn::default(),
            used: false,
            opened: opening.succeed(),
        })
    }

    /// Whether all who asked for a connection have got one that came back meanwhile: a new one is one too many.
    fn is_unwanted(&self) -> bool {
        self.shared.wanted.load(Ordering::SeqCst) == 0
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Slot;
    type Error = Infallible;

    fn connect(&self) -> Result<Slot, Infallible> {
        if self.is_unwanted() {
            return Ok(Slot::Empty);
        }
        let opened = self.open();
        // Again, now that the new connection is counted: whoever still wants one will see it when it comes back.
        if self.is_unwanted() {
            // It is kept in place of one that was closed as surplus because this one was counted by then.
            let mut opened = opened.ok();
            let kept = opened.take_if(|live| !live.opened.leave_if_surplus());
            return Ok(kept.map_or(Slot::Empty, |live| Slot::Open(Box::new(live))));
        }
        Ok(opened.map_or_else(Slot::Failed, |live| Slot::Open(Box::new(live))))
    }

    fn is_valid(&self, _slot: &mut Slot) -> Result<(), Infallible> {
        Ok(())
    }

    /// r2d2 asks this whenever a connection comes back: the place to clean it.
    fn has_broken(&self, slot: &mut Slot) -> bool {
        let Slot::Open(live) = slot else { return true };
        live.clean();
        if !live.broken && self.shared.closed.load(Ordering::SeqCst) {
            live.opened.closes_because(CloseReason::Closed);
            live.broken = true;
        }
        live.broken || live.opened.leave_if_surplus()
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("in_memory", &self.in_memory).finish_non_exhaustive()
    }
}

impl Live {
    /// Whether the task that runs the next statement should let others have their turn first.
    pub(crate) fn is_due_to_yield(&mut self) -> bool {
        self.turn.is_over()
    }

    fn ping(&self) -> rusqlite::Result<()> {
        self.db.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))
    }

    /// Ends a transaction that is still open.
    fn clean(&mut self) {
        // Also after a panic: it cannot come out of SQLite itself, since callbacks catch theirs.
        if !self.db.is_autocommit() && self.db.execute_batch("ROLLBACK").is_err() {
            self.broken = true;
        }
        self.writing = None;
        self.clock.release();
    }
}

/// Prepares each new connection.
struct Init {
    options: Arc<Options>,
    statements: usize,
}

impl Init {
    fn run(&self, db: &mut Connection) -> Result<(), rusqlite::Error> {
        // Locks are waited for by tasks, not by threads.
        db.busy_timeout(Duration::ZERO)?;
        db.set_prepared_statement_cache_capacity(self.statements);
        // Otherwise a column that does not exist would be read as a text: `"nickname"` is always a name.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        let writable = !db.is_readonly("main")?;
        for (name, value) in &self.options.settings {
            // A file that cannot be written keeps the mode it has.
            if *name != JOURNAL_MODE || writable {
                set(db, name, value)?;
            }
        }
        for (name, value) in self.options.defaults(writable) {
            set(db, name, value)?;
        }
        // Reads the file's header: what is no database is found here. In memory a writer would be in the way.
        match self.options.place {
            Place::File(_) => db.query_row("PRAGMA schema_version", [], |_| Ok(())),
            Place::Memory => Ok(()),
        }
    }
}

/// Both are words of our own, or numbers.
fn set(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.execute_batch(&format!("PRAGMA {name} = {value}"))
}

/// Whether the database lives in the pool's only connection, and goes with it. That is SQLite's plain `:memory:`, which
/// has no locks to take.
fn is_private(options: &Options, pool: &PoolOptions) -> bool {
    options.place == Place::Memory && pool.pool_size == 1 && pool.max_overflow == 0
}

/// A name under which the connections of one pool, and nobody else, find a database in memory.
fn memory_path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("file:/orm-{}?vfs=memdb", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

/// Counts something while it lives.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(counter: &Arc<AtomicU32>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
