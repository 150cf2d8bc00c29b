//! What is to be done once the transaction is committed.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Something to be done.
pub(crate) type Action = Box<dyn FnOnce() + Send>;

/// Actions in their order, each with the depth of the transaction (1) or savepoint that it belongs to. Nothing is
/// allocated while there are none.
#[derive(Default)]
pub(super) struct AfterCommit(Vec<(u32, Action)>);

impl AfterCommit {
    pub(super) fn add(&mut self, depth: u32, action: Action) {
        self.0.push((depth, action));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A savepoint is released: what belongs to it belongs to what is around it.
    pub(super) fn keep(&mut self, depth: u32) {
        for (at, _) in &mut self.0 {
            *at = (*at).min(depth - 1);
        }
    }

    /// A transaction or savepoint is undone, with what was set in it.
    pub(super) fn forget(&mut self, depth: u32) {
        self.0.retain(|(at, _)| *at < depth);
    }

    /// The transaction is committed. All are run, whatever becomes of one; the first panic then goes on.
    pub(super) fn run(self) {
        let mut panic: Option<Box<dyn Any + Send>> = None;
        for (_, action) in self.0 {
            // An action owns what it uses, so nobody sees what a panic leaves half-done.
            let ended = catch_unwind(AssertUnwindSafe(action));
            panic = panic.or(ended.err());
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterCommit").field("actions", &self.0.len()).finish()
    }
}
