//! The tree of a `SELECT`, which is built when somebody asks for it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::ast::{Projection, Select, Statement, TableRef};

/// A `SELECT` as a tree.
#[derive(Clone)]
pub(super) enum LazySelect {
    /// All rows of a table: no tree is built unless it is looked at, or something is added.
    Whole(TableRef, OnceLock<Box<Select>>),
    // Boxed, since a builder is moved at each step.
    Built(Box<Select>),
}

impl LazySelect {
    #[inline]
    pub(super) fn of(projection: Vec<Projection>) -> Self {
        LazySelect::Built(Box::new(Select { projection, ..Select::default() }))
    }

    pub(super) fn into_select(self) -> Select {
        match self {
            LazySelect::Whole(table, _) => whole(table),
            LazySelect::Built(select) => *select,
        }
    }

    #[inline]
    pub(super) fn statement(&self) -> Statement<'_> {
        match self {
            LazySelect::Whole(table, _) => Statement::Table(*table),
            LazySelect::Built(select) => Statement::Select(select),
        }
    }
}

fn whole(table: TableRef) -> Select {
    Select { projection: vec![Projection::Table(table)], ..Select::default() }
}

impl Deref for LazySelect {
    type Target = Select;

    fn deref(&self) -> &Select {
        match self {
            LazySelect::Whole(table, tree) => tree.get_or_init(|| Box::new(whole(*table))),
            LazySelect::Built(select) => select,
        }
    }
}

impl DerefMut for LazySelect {
    fn deref_mut(&mut self) -> &mut Select {
        loop {
            match self {
                LazySelect::Built(select) => return select,
                LazySelect::Whole(table, _) => *self = LazySelect::Built(Box::new(whole(*table))),
            }
        }
    }
}

impl fmt::Debug for LazySelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}
