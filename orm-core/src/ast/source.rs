//! Queries in FROM: subqueries and common table expressions.

use std::sync::Arc;

use super::Select;
use crate::meta::TableMeta;

/// A query in FROM, under a name.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name by which the statement's columns call it.
    pub name: &'static str,
    /// The names of its columns, in order.
    pub columns: Arc<[&'static str]>,
    /// The query.
    pub query: SourceQuery,
}

/// What stands under a [`Source`]'s name.
#[derive(Debug, Clone)]
pub enum SourceQuery {
    /// `(SELECT ..) AS name`. Shared, so that a statement stays cheap to clone.
    Subquery(Arc<Select>),
    /// A common table expression, which is written once for all that read from it.
    Cte(Arc<Cte>),
    /// The common table expression of this name, within its own recursive part.
    Itself(&'static str),
}

/// `WITH name AS (SELECT ..)`.
#[derive(Debug, Clone)]
pub struct Cte {
    /// Its name.
    pub name: &'static str,
    /// The query. Of a recursive one it has two operands, of which the second reads from the CTE itself.
    pub select: Select,
    /// Whether it reads from itself.
    pub recursive: bool,
    /// Whether the database is told to compute it once, or never to; none leaves it to the database.
    pub materialized: Option<bool>,
}

/// Stands in a [`TableRef`](super::TableRef) for the table of a query that is no model's: a column of it is a position
/// in [`Source::columns`].
pub static QUERY: TableMeta = TableMeta { model: "query", ..TableMeta::EMPTY };

/// How the rows of two operands become one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperator {
    /// The rows of both, each once.
    Union,
    /// The rows of both.
    UnionAll,
    /// The rows that both have, each once.
    Intersect,
    /// The rows that both have, as often as both have them.
    IntersectAll,
    /// The rows that only the first has, each once.
    Except,
    /// The rows of the first, each less often by how often the second has it.
    ExceptAll,
}

/// An operand of a compound `SELECT`.
#[derive(Debug, Clone)]
pub struct Operand {
    /// How it is joined with those before it. Of the first it means nothing.
    pub operator: SetOperator,
    /// The operand.
    pub select: Select,
}

/// `FOR UPDATE` and its kin.
#[derive(Debug, Clone)]
pub struct Lock {
    /// How strong.
    pub strength: LockStrength,
    /// What happens where another transaction has the lock.
    pub wait: LockWait,
    /// Only the rows of these tables; empty is all.
    pub of: Vec<super::TableRef>,
}

/// How strong a row's lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockStrength {
    /// Nobody else may change, delete or lock the row.
    Update,
    /// The same, but others may point foreign keys at it.
    NoKeyUpdate,
    /// Nobody may change or delete the row.
    Share,
    /// Nobody may delete it or change its key.
    KeyShare,
}

/// What happens where another transaction has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockWait {
    /// The statement waits.
    Wait,
    /// It fails.
    NoWait,
    /// It goes without the row.
    SkipLocked,
}

impl Select {
    /// The query in FROM of this name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The operand whose columns give the result its names: of a compound the first, else the select itself.
    #[must_use]
    pub fn first_operand(&self) -> &Select {
        let mut select = self;
        while let Some(first) = select.operands.first() {
            select = &first.select;
        }
        select
    }

    /// The common table expressions that must stand before this select: each after those it reads from.
    pub(crate) fn ctes(&self) -> Vec<&Arc<Cte>> {
        let mut ctes = Vec::new();
        self.collect_ctes(&mut ctes);
        ctes
    }

    fn collect_ctes<'a>(&'a self, ctes: &mut Vec<&'a Arc<Cte>>) {
        for operand in &self.operands {
            operand.select.collect_ctes(ctes);
        }
        for source in &self.sources {
            match &source.query {
                SourceQuery::Subquery(_) | SourceQuery::Itself(_) => {}
                SourceQuery::Cte(cte) if ctes.iter().any(|known| Arc::ptr_eq(known, cte)) => {}
                SourceQuery::Cte(cte) => {
                    cte.select.collect_ctes(ctes);
                    ctes.push(cte);
                }
            }
        }
    }
}
