//! What stands around and beside a `SELECT`: `WITH`, queries in FROM, set operations, and locks of rows.

use std::sync::Arc;

use super::Writer;
use crate::ast::{
    ColumnRef, Cte, Direction, Expr, Lock, LockStrength, LockWait, Operand, Order, Projection, Select, SetOperator,
    Source, SourceQuery, TableRef,
};
use crate::error::{Error, Result};

impl<'a> Writer<'a> {
    /// `WITH "a" AS (..), "b" AS (..) `, of those that the statement around has not written already. Gives the number of
    /// those that were known before.
    pub(super) fn with(&mut self, select: &'a Select) -> Result<usize> {
        let before = self.ctes.len();
        let ctes: Vec<&'a Arc<Cte>> = select.ctes().into_iter().filter(|cte| !self.knows_cte(cte)).collect();
        if ctes.is_empty() {
            return Ok(before);
        }
        let recursive = ctes.iter().any(|cte| cte.recursive);
        self.push(if recursive { "WITH RECURSIVE " } else { "WITH " });
        self.separated(ctes, ", ", |out, cte| {
            out.cte(cte)?;
            out.ctes.push(cte);
            Ok(())
        })?;
        self.push(" ");
        Ok(before)
    }

    fn knows_cte(&self, cte: &Arc<Cte>) -> bool {
        self.ctes.iter().any(|known| Arc::ptr_eq(known, cte))
    }

    fn cte(&mut self, cte: &'a Cte) -> Result<()> {
        self.push_identifier(cte.name)?;
        self.push(match cte.materialized {
            None => " AS (",
            Some(true) => " AS MATERIALIZED (",
            Some(false) => " AS NOT MATERIALIZED (",
        });
        self.select(&cte.select)?;
        self.push(")");
        Ok(())
    }

    /// A query in FROM: `(SELECT ..) AS "name"`, `"cte"`, `"cte" AS "name"`.
    pub(super) fn source(&mut self, name: &'static str) -> Result<()> {
        let source = self.select.and_then(|select| select.source(name)).ok_or_else(|| unknown(name))?;
        match &source.query {
            SourceQuery::Subquery(select) => {
                self.push("(");
                self.select(select)?;
                self.push(") AS ");
                self.push_identifier(name)
            }
            SourceQuery::Cte(cte) => self.cte_as(cte.name, name),
            SourceQuery::Itself(cte) => self.cte_as(cte, name),
        }
    }

    fn cte_as(&mut self, cte: &'static str, name: &'static str) -> Result<()> {
        self.push_identifier(cte)?;
        if cte != name {
            self.push(" AS ");
            self.push_identifier(name)?;
        }
        Ok(())
    }

    /// A column of a query that is no model's, by its position.
    pub(super) fn query_column(&mut self, query: &'static str, index: u16) -> Result<()> {
        let source = self.around.iter().rev().find_map(|select| select.source(query));
        let column = source.and_then(|source| source.columns.get(usize::from(index)));
        let column = *column.ok_or_else(|| unknown(query))?;
        self.push_identifier(query)?;
        self.push(".");
        self.push_identifier(column)
    }

    /// `SELECT .. UNION SELECT ..`
    pub(super) fn operands(&mut self, operands: &'a [Operand]) -> Result<()> {
        for (number, operand) in operands.iter().enumerate() {
            if number > 0 {
                self.push(operator(operand.operator));
            }
            self.operand(&operand.select)?;
        }
        Ok(())
    }

    /// An operand that has an order, a limit or operands of its own is wrapped, since not every database takes it in
    /// parentheses.
    fn operand(&mut self, select: &'a Select) -> Result<()> {
        if select.order_by.is_empty() && select.limit.is_none() && select.offset.is_none() && select.operands.is_empty()
        {
            return self.select(select);
        }
        self.push("SELECT * FROM (");
        self.select(select)?;
        self.push(") AS ");
        self.push_identifier("operand")
    }

    /// ` ORDER BY ..` of a compound, which knows its columns by their places only.
    pub(super) fn compound_order(&mut self, select: &'a Select) -> Result<()> {
        let projection = &select.first_operand().projection;
        for (number, order) in select.order_by.iter().enumerate() {
            self.push(if number > 0 { ", " } else { " ORDER BY " });
            let place = place_of(&order.expr, projection).ok_or_else(no_place)?;
            self.push_number(place as u64);
            self.direction(order);
        }
        Ok(())
    }

    fn direction(&mut self, order: &Order) {
        if order.direction == Direction::Descending {
            self.push(" DESC");
        }
        self.nulls(order, self.features.nulls_are_smallest);
    }

    /// ` FOR UPDATE OF .. SKIP LOCKED`
    pub(super) fn lock(&mut self, lock: &'a Lock) -> Result<()> {
        self.push(match lock.strength {
            LockStrength::Update => " FOR UPDATE",
            LockStrength::NoKeyUpdate => " FOR NO KEY UPDATE",
            LockStrength::Share => " FOR SHARE",
            LockStrength::KeyShare => " FOR KEY SHARE",
        });
        if !lock.of.is_empty() {
            self.push(" OF ");
            self.separated(&lock.of, ", ", |out, table| out.push_identifier(table.name()))?;
        }
        self.push(match lock.wait {
            LockWait::Wait => "",
            LockWait::NoWait => " NOWAIT",
            LockWait::SkipLocked => " SKIP LOCKED",
        });
        Ok(())
    }
}

fn operator(operator: SetOperator) -> &'static str {
    match operator {
        SetOperator::Union => " UNION ",
        SetOperator::UnionAll => " UNION ALL ",
        SetOperator::Intersect => " INTERSECT ",
        SetOperator::IntersectAll => " INTERSECT ALL ",
        SetOperator::Except => " EXCEPT ",
        SetOperator::ExceptAll => " EXCEPT ALL ",
    }
}

/// Which column of the result it is, counted from 1: a column or a label that the first operand selects.
pub(super) fn place_of(expr: &Expr, projection: &[Projection]) -> Option<usize> {
    let mut place = 1;
    for projected in projection {
        match (projected, expr) {
            (Projection::Table(table), Expr::Column(column)) if column.table == *table => {
                return Some(place + usize::from(column.index));
            }
            (Projection::Expr(Expr::Column(selected)), Expr::Column(column)) if selected == column => {
                return Some(place);
            }
            (Projection::Label(Expr::Column(selected), _), Expr::Column(column)) if selected == column => {
                return Some(place);
            }
            (Projection::Label(_, name), Expr::Label(label)) if name == label => return Some(place),
            (Projection::Table(table), _) => place += table.meta.columns.len(),
            (Projection::Expr(_) | Projection::Label(..) | Projection::One, _) => place += 1,
        }
    }
    None
}

/// The error for an order of a compound by what it does not select.
pub(super) fn no_place() -> Error {
    Error::Statement(
        "a compound is ordered by columns or labels that its first operand selects: label the expression there, and \
         order by the label"
            .into(),
    )
}

/// Whether the query has a column of a model, by its name.
pub(super) fn has_column(source: &Source, column: ColumnRef) -> bool {
    match column.table.meta.column(column.index) {
        Some(meta) => source.columns.contains(&meta.name),
        None => usize::from(column.index) < source.columns.len(),
    }
}

/// Whether the query has all columns of a model.
pub(super) fn has_table(source: &Source, table: TableRef) -> bool {
    table.meta.columns.iter().all(|column| source.columns.contains(&column.name))
}

#[cold]
fn unknown(query: &str) -> Error {
    Error::Statement(format!("the statement has no query `{query}` in FROM"))
}
