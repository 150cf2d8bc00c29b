//! The session's connection: none until it is needed, and none between transactions.

use crate::ast::Expr;
use crate::driver::Caller;
use crate::engine::link::{Ending, Link};
use crate::engine::{Engine, TransactionOptions};
use crate::error::{Error, Result};
use crate::meta::TableMeta;

/// What a session runs its statements on.
#[derive(Debug)]
pub(super) struct Line {
    engine: Engine,
    options: TransactionOptions,
    caller: Caller,
    link: Option<Link>,
    /// The depth of the session's own transaction on the connection; 0 is none.
    depth: u32,
    /// Whether the connection is a transaction's of the program, which gets it back.
    joined: bool,
    /// The engine of the program's transaction, if the session has another with more filters.
    before: Option<Engine>,
    /// Whether the transaction lost to another one, which may have changed what it read.
    conflict: bool,
    status: Status,
}

/// Whether the session can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Ready,
    /// A flush failed, with this message.
    Aborted(String),
    /// The future of this was dropped.
    Interrupted(&'static str),
}

impl Line {
    pub(super) fn new(engine: Engine, options: TransactionOptions, caller: Caller) -> Self {
        Line {
            engine,
            options,
            caller,
            link: None,
            depth: 0,
            joined: false,
            before: None,
            conflict: false,
            status: Status::Ready,
        }
    }

    pub(super) fn joined(link: Link, caller: Caller) -> Self {
        let (engine, options) = (link.engine.clone(), TransactionOptions::new());
        Line {
            engine,
            options,
            caller,
            link: Some(link),
            depth: 0,
            joined: true,
            before: None,
            conflict: false,
            status: Status::Ready,
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Statements from now on get one more condition.
    pub(super) fn filter(&mut self, table: &'static TableMeta, condition: Expr) {
        self.engine = self.engine.filtered(table, condition);
        if let Some(link) = &mut self.link {
            let before = std::mem::replace(&mut link.engine, self.engine.clone());
            self.before.get_or_insert(before);
        }
    }

    #[inline]
    pub(super) fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// Whether the transaction, which is to be undone, lost to another one.
    pub(super) fn take_conflict(&mut self) -> bool {
        let link = self.link.as_mut().is_some_and(Link::take_conflict);
        std::mem::take(&mut self.conflict) || link
    }

    /// The transaction came to an end, or cannot go on, by this error.
    pub(super) fn failed(&mut self, error: &Error) {
        if error.is_retryable() {
            self.conflict = true;
            self.link.iter_mut().for_each(Link::loses);
        }
        self.status = Status::Aborted(error.to_string());
    }

    /// Options for a transaction that writes at once.
    pub(super) fn write_options(&self) -> TransactionOptions {
        TransactionOptions { deferred: false, ..self.options.clone() }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.depth > 0 && self.link.as_ref().is_some_and(Link::in_transaction)
    }

    /// The connection, with the session's transaction on it. Says whether the transaction has begun just now.
    pub(super) async fn begun(&mut self, options: Option<TransactionOptions>) -> Result<(&mut Link, bool)> {
        let begins = self.depth == 0;
        if begins {
            // Once a transaction: it is kept out of the futures of all statements.
            Box::pin(self.begin(options)).await?;
        }
        match &mut self.link {
            Some(link) => Ok((link, begins)),
            None => Err(Error::TransactionEnded),
        }
    }

    async fn begin(&mut self, options: Option<TransactionOptions>) -> Result<()> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::open(self.engine.clone(), self.caller).await?,
        };
        let entered = link.enter(options.as_ref().unwrap_or(&self.options)).await;
        // Kept where it is another's; one of our own that cannot begin goes back.
        match entered {
            Ok(depth) => {
                self.depth = depth;
                self.link = Some(link);
                Ok(())
            }
            Err(error) => {
                if self.joined {
                    self.link = Some(link);
                }
                Err(error)
            }
        }
    }

    /// The connection, if a transaction is open on it.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        if self.depth == 0 { None } else { self.link.as_mut() }
    }

    /// How often the connection has written.
    pub(super) fn writes(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::writes)
    }

    /// Ends the session's transaction. After an error it is still to be abandoned.
    pub(super) async fn end(&mut self, ending: Ending) -> Result<()> {
        let depth = self.depth;
        if let Some(link) = self.link() {
            link.leave(depth, ending).await?;
        }
        self.release();
        Ok(())
    }

    /// Undoes the session's transaction at once.
    pub(super) fn abandon(&mut self) {
        let depth = self.depth;
        if let Some(link) = self.link() {
            link.abandon(depth);
        }
        self.release();
    }

    fn release(&mut self) {
        self.depth = 0;
        self.conflict = self.take_conflict();
        if !self.joined {
            self.link = None;
        }
    }

    /// Gives the connection back to whoever lent it.
    pub(super) fn give_back(&mut self) -> Option<Link> {
        self.abandon();
        let mut link = self.link.take()?;
        if let Some(before) = self.before.take() {
            link.engine = before;
        }
        Some(link)
    }
}
