//! Locks of the rows that are read: `FOR UPDATE` and its kin.

use super::Select;
use super::derived::FromItem;
use crate::ast::{Lock, LockStrength, LockWait};

impl<Row> Select<Row> {
    /// Locks the rows that it gives until the transaction ends: nobody else changes, deletes or locks them.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let next = select(Post).filter(Post.body.is_null()).order_by(Post.id).limit(1).for_update().skip_locked();
    /// assert_sql!(next, postgres: concat!(
    ///     r#"SELECT "post"."id", "post"."author_id", "post"."title", "post"."body" FROM "post" "#,
    ///     r#"WHERE "post"."body" IS NULL ORDER BY "post"."id" LIMIT $1 FOR UPDATE SKIP LOCKED"#,
    /// ));
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) on SQLite, where a transaction that writes has the
    /// whole database; [`Error::Statement`](crate::Error::Statement) if the rows are grouped or distinct.
    pub fn for_update(self) -> Self {
        self.lock(LockStrength::Update)
    }

    /// As [`for_update`](Select::for_update), but others may point foreign keys at the rows.
    ///
    /// # Errors
    ///
    /// As [`for_update`](Select::for_update).
    pub fn for_no_key_update(self) -> Self {
        self.lock(LockStrength::NoKeyUpdate)
    }

    /// Locks the rows so that nobody changes or deletes them; others may lock them in the same way.
    ///
    /// # Errors
    ///
    /// As [`for_update`](Select::for_update).
    pub fn for_share(self) -> Self {
        self.lock(LockStrength::Share)
    }

    /// Locks the rows so that nobody deletes them or changes their keys.
    ///
    /// # Errors
    ///
    /// As [`for_update`](Select::for_update).
    pub fn for_key_share(self) -> Self {
        self.lock(LockStrength::KeyShare)
    }

    /// Fails at once where another transaction has the lock, instead of waiting for it. Alone it is
    /// [`for_update`](Select::for_update).
    pub fn nowait(self) -> Self {
        self.locked(|lock| lock.wait = LockWait::NoWait)
    }

    /// Goes without the rows of which another transaction has the lock, as a queue of work does. Alone it is
    /// [`for_update`](Select::for_update).
    pub fn skip_locked(self) -> Self {
        self.locked(|lock| lock.wait = LockWait::SkipLocked)
    }

    /// Locks the rows of this table only, where several are joined. Called again, it adds another. Alone it is
    /// [`for_update`](Select::for_update).
    pub fn lock_of(self, table: impl FromItem) -> Self {
        let table = table.table();
        self.locked(|lock| lock.of.push(table))
    }

    fn lock(self, strength: LockStrength) -> Self {
        self.locked(|lock| lock.strength = strength)
    }

    fn locked(mut self, change: impl FnOnce(&mut Lock)) -> Self {
        let fresh = || Box::new(Lock { strength: LockStrength::Update, wait: LockWait::Wait, of: Vec::new() });
        change(self.ast_mut().lock.get_or_insert_with(fresh));
        self
    }
}
