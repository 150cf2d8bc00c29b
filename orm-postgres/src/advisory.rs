//! Advisory locks: locks of numbers that mean what the program says.

use orm_core::ast::RawPart;
use orm_core::engine::{Connection, Engine, Executor, Transaction};
use orm_core::error::Result;
use orm_core::query::{IntoRawPart, Sql};

use crate::connection::PostgresConnection;

const FEATURE: &str = "advisory locks";

/// A lock of a number, which only those who ask for the same number know of: "one worker at a time sends the reports".
///
/// PostgreSQL keeps it until the transaction is over, or until it is given back: whoever dies gives it back too. Nothing
/// else is locked by it. Locks of one number, of two numbers and of different databases are different locks.
///
/// ```no_run
/// use orm::postgres::AdvisoryLock;
/// # use orm::{prelude::*, docs::*};
///
/// const REPORTS: AdvisoryLock = AdvisoryLock::named("reports");
///
/// # async fn example(engine: Engine) -> orm::Result<()> {
/// let Some(guard) = REPORTS.try_lock(&engine).await? else {
///     return Ok(()); // another worker is at it
/// };
/// engine.execute(update(Post).set(Post.title, "reported").all_rows()).await?;
/// guard.unlock().await?;
///
/// let mut tx = engine.begin().await?;
/// REPORTS.lock_in(&mut tx).await?; // until the transaction is over
/// tx.commit().await
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdvisoryLock {
    key: Key,
    shared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    One(i64),
    Two(i32, i32),
}

/// Until when a lock is kept.
#[derive(Debug, Clone, Copy)]
enum Until {
    Unlocked,
    EndOfTransaction,
}

/// The statements for one number, and for two, which are integers to the server and bound as wider ones.
macro_rules! calls {
    ($function:literal) => {
        [
            concat!("SELECT ", $function, "({})"),
            concat!("SELECT ", $function, "(CAST({} AS integer), CAST({} AS integer))"),
        ]
    };
}

impl AdvisoryLock {
    /// The lock of a number.
    #[must_use]
    pub const fn new(key: i64) -> Self {
        AdvisoryLock { key: Key::One(key), shared: false }
    }

    /// The lock of two numbers: a kind of things, and one of them.
    #[must_use]
    pub const fn pair(kind: i32, one: i32) -> Self {
        AdvisoryLock { key: Key::Two(kind, one), shared: false }
    }

    /// The lock of a name, whose number is a hash of it (64-bit FNV-1a) that never changes.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let (bytes, mut hash, mut at) = (name.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Self::new(hash.cast_signed())
    }

    /// One that many may have at once, while nobody has it for himself.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Waits for the lock, and keeps it, with a connection of the pool, until the guard is unlocked or dropped. One
    /// statement.
    ///
    /// Waiting ends after the URL's `lock_timeout`, or when the future is dropped. The same connection may have a lock
    /// several times, and another connection of the same program waits for it like anybody else.
    ///
    /// # Errors
    ///
    /// [`Error::LockTimeout`](orm_core::error::Error::LockTimeout), those of
    /// [`Engine::connection`], and [`Error::Unsupported`](orm_core::error::Error::Unsupported) on another backend.
    pub async fn lock(self, engine: &Engine) -> Result<AdvisoryGuard> {
        let mut guard = AdvisoryGuard::new(self, engine).await?;
        let locked = guard.connection.execute(self.statement(Until::Unlocked, true)).await;
        guard.held = if locked.is_ok() { Held::Yes } else { guard.held };
        locked.map(|_| guard)
    }

    /// Takes the lock if nobody has it; none if somebody has. One statement.
    ///
    /// # Errors
    ///
    /// As [`lock`](AdvisoryLock::lock), without waiting for the lock.
    pub async fn try_lock(self, engine: &Engine) -> Result<Option<AdvisoryGuard>> {
        let mut guard = AdvisoryGuard::new(self, engine).await?;
        let locked = guard.connection.fetch_one(self.statement(Until::Unlocked, false).rows::<bool>()).await?;
        guard.held = if locked { Held::Yes } else { Held::No };
        Ok(Some(guard).filter(|_| locked))
    }

    /// Waits for the lock, and keeps it until the transaction is over; a savepoint that is undone gives it back as well.
    /// One statement.
    ///
    /// # Errors
    ///
    /// As [`lock`](AdvisoryLock::lock).
    pub async fn lock_in(self, transaction: &mut Transaction) -> Result<()> {
        check(transaction)?;
        transaction.execute(self.statement(Until::EndOfTransaction, true)).await.map(|_| ())
    }

    /// Takes the lock if nobody has it, and says whether it did. It is kept until the transaction is over. One statement.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](AdvisoryLock::try_lock).
    pub async fn try_lock_in(self, transaction: &mut Transaction) -> Result<bool> {
        check(transaction)?;
        transaction.fetch_one(self.statement(Until::EndOfTransaction, false).rows::<bool>()).await
    }

    fn statement(self, until: Until, waits: bool) -> Sql {
        let [one, two] = match (until, waits, self.shared) {
            (Until::Unlocked, true, false) => calls!("pg_advisory_lock"),
            (Until::Unlocked, true, true) => calls!("pg_advisory_lock_shared"),
            (Until::Unlocked, false, false) => calls!("pg_try_advisory_lock"),
            (Until::Unlocked, false, true) => calls!("pg_try_advisory_lock_shared"),
            (Until::EndOfTransaction, true, false) => calls!("pg_advisory_xact_lock"),
            (Until::EndOfTransaction, true, true) => calls!("pg_advisory_xact_lock_shared"),
            (Until::EndOfTransaction, false, false) => calls!("pg_try_advisory_xact_lock"),
            (Until::EndOfTransaction, false, true) => calls!("pg_try_advisory_xact_lock_shared"),
        };
        match self.key {
            Key::One(key) => Sql::new(one, vec![part(key)]),
            Key::Two(kind, one_of) => Sql::new(two, vec![part(kind), part(one_of)]),
        }
    }

    fn unlock_text(self) -> String {
        let function = if self.shared { "pg_advisory_unlock_shared" } else { "pg_advisory_unlock" };
        match self.key {
            Key::One(key) => format!("SELECT {function}(CAST({key} AS bigint))"),
            Key::Two(kind, one) => format!("SELECT {function}(CAST({kind} AS integer), CAST({one} AS integer))"),
        }
    }
}

fn part<Kind>(value: impl IntoRawPart<Kind>) -> RawPart {
    value.into_raw_part()
}

fn check(transaction: &mut Transaction) -> Result<()> {
    let backend = transaction.engine().backend();
    PostgresConnection::of(transaction.driver_connection(), FEATURE, backend).map(|_| ())
}

/// A lock that is held, and the connection that holds it. Dropping it gives both back.
#[derive(Debug)]
#[must_use = "dropping it gives the lock back at once"]
pub struct AdvisoryGuard {
    lock: AdvisoryLock,
    connection: Connection,
    held: Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It was asked for, and nobody waited for the answer.
    Maybe,
    Yes,
    No,
}

impl AdvisoryGuard {
    async fn new(lock: AdvisoryLock, engine: &Engine) -> Result<Self> {
        crate::driver::PostgresDriver::of(engine, FEATURE)?;
        let connection = engine.connection().await?;
        // Before it is asked for: whoever drops the future may have got it.
        Ok(AdvisoryGuard { lock, connection, held: Held::Maybe })
    }

    /// The connection that holds the lock, to be used meanwhile: another one need not be taken from the pool.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Gives the lock back, and waits until it is.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`](orm_core::error::Error::ConnectionLost): the server has given it back then, and somebody
    /// else may have had it meanwhile.
    pub async fn unlock(mut self) -> Result<()> {
        let live = connection(&mut self.connection)?.live()?;
        live.run_control(&self.lock.unlock_text()).await?;
        self.held = Held::No;
        Ok(())
    }

    /// Sends the unlocking on its way. A connection on which something else is under way is thrown away, which unlocks as
    /// well.
    fn give_back(&mut self) {
        let (held, text) = (self.held, self.lock.unlock_text());
        let Ok(live) = connection(&mut self.connection).and_then(PostgresConnection::live) else { return };
        match held {
            Held::No => {}
            Held::Yes if !live.in_flight && live.transaction.is_none() => live.send(&text),
            Held::Yes | Held::Maybe => live.broken = true,
        }
    }
}

fn connection(connection: &mut Connection) -> Result<&mut PostgresConnection> {
    PostgresConnection::of(connection.driver_connection(), FEATURE, "another backend")
}

impl Drop for AdvisoryGuard {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_always_the_same_number() {
        assert_eq!(AdvisoryLock::named(""), AdvisoryLock::new(-3750763034362895579));
        assert_eq!(AdvisoryLock::named("a"), AdvisoryLock::new(-5808556873153909620));
        assert_ne!(AdvisoryLock::named("a"), AdvisoryLock::named("b"));
    }

    #[test]
    fn locks_are_unlocked_as_they_were_locked() {
        assert_eq!(AdvisoryLock::new(-7).unlock_text(), "SELECT pg_advisory_unlock(CAST(-7 AS bigint))");
        let shared = AdvisoryLock::pair(1, -2).shared();
        assert_eq!(shared.unlock_text(), "SELECT pg_advisory_unlock_shared(CAST(1 AS integer), CAST(-2 AS integer))");
    }
}
