//! Which global filters a statement lifts.

use crate::meta::TableMeta;

/// The global filters that a statement lifts, for itself and for the queries in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Lifted {
    /// None.
    #[default]
    None,
    /// Those of these tables.
    Of(Vec<&'static TableMeta>),
    /// All.
    All,
}

impl Lifted {
    /// Lifts those of one more table.
    pub fn add(&mut self, table: &'static TableMeta) {
        match self {
            Lifted::None => *self = Lifted::Of(vec![table]),
            Lifted::Of(tables) => tables.push(table),
            Lifted::All => {}
        }
    }

    /// Lifts what another lifts as well.
    pub fn merge(&mut self, other: &Lifted) {
        match other {
            Lifted::None => {}
            Lifted::Of(tables) => tables.iter().for_each(|table| self.add(table)),
            Lifted::All => *self = Lifted::All,
        }
    }

    /// Whether the filters of this table are lifted.
    #[must_use]
    pub fn covers(&self, table: &'static TableMeta) -> bool {
        match self {
            Lifted::None => false,
            Lifted::Of(tables) => tables.contains(&table),
            Lifted::All => true,
        }
    }
}
