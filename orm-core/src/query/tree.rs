//! The tree of a `SELECT`, which is built when somebody asks for it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::ast::{Projection, Select, Statement, TableRef};

/// A `SELECT` as a tree.
#[derive(Clone)]
pub(super) enum Tree {
    /// All rows of a table: no tree is built unless it is looked at, or something is added.
    Whole(TableRef, OnceLock<Box<Select>>),
    // Boxed, since a builder is moved at each step.
    Built(Box<Select>),
}

impl Tree {
    #[inline]
    pub(super) fn of(projection: Vec<Projection>) -> Self {
        Tree::Built(Box::new(Select { projection, ..Select::default() }))
    }

    pub(super) fn into_select(self) -> Select {
        match self {
            Tree::Whole(table, _) => whole(table),
            Tree::Built(select) => *select,
        }
    }

    #[inline]
    pub(super) fn statement(&self) -> Statement<'_> {
        match self {
            Tree::Whole(table, _) => Statement::Table(*table),
            Tree::Built(select) => Statement::Select(select),
        }
    }
}

fn whole(table: TableRef) -> Select {
    Select { projection: vec![Projection::Table(table)], ..Select::default() }
}

impl Deref for Tree {
    type Target = Select;

    fn deref(&self) -> &Select {
        match self {
            Tree::Whole(table, tree) => tree.get_or_init(|| Box::new(whole(*table))),
            Tree::Built(select) => select,
        }
    }
}

impl DerefMut for Tree {
    fn deref_mut(&mut self) -> &mut Select {
        loop {
            match self {
                Tree::Built(select) => return select,
                Tree::Whole(table, _) => *self = Tree::Built(Box::new(whole(*table))),
            }
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}
