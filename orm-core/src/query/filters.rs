//! [`Filters`]: conditions on models that every statement of an engine or session gets, unless it lifts them.
//!
//! ```text
//! Statement ──> reads a filtered table? ── no ──> runs as it is, nothing is copied
//!                        │ yes
//!                        ▼
//!              a copy, with the conditions where each table stands: in WHERE or in the ON of a join
//! ```
//!
//! A condition is over the model's own table; where the statement gives that another name, so does the condition. What
//! a condition itself asks for by a subquery is taken as it is written.

use std::sync::Arc;

use crate::ast::{
    BinaryOp, ColumnRef, Cte, Delete, Expr, Join, JoinKind, Lifted, Operation, Part, Projection, Raw, Reads, Select,
    SourceQuery, Statement, TableRef, Update,
};
use crate::meta::TableMeta;
use crate::value::Value;

/// Conditions on models that statements get.
#[derive(Debug, Clone, Default)]
pub struct Filters(Vec<(&'static TableMeta, Expr)>);

/// A statement that got conditions.
#[derive(Debug)]
pub(crate) enum FilteredStatement {
    Select(Box<Select>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Raw(Box<Raw>),
}

impl FilteredStatement {
    pub(crate) fn statement(&self) -> Statement<'_> {
        match self {
            FilteredStatement::Select(select) => Statement::Select(select),
            FilteredStatement::Update(update) => Statement::Update(update),
            FilteredStatement::Delete(delete) => Statement::Delete(delete),
            FilteredStatement::Raw(raw) => Statement::Raw(raw),
        }
    }
}

impl Filters {
    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a condition to those of a table.
    pub(crate) fn add(&mut self, table: &'static TableMeta, condition: Expr) {
        self.0.push((table, condition));
    }

    /// The statement with the conditions that apply to it; none if none does.
    ///
    /// Rows that are inserted, or written by their keys, are written as they are.
    pub(crate) fn apply(&self, statement: Statement<'_>) -> Option<FilteredStatement> {
        let mut rewrite = Rewrite { filters: self, lifted: Lifted::None, ctes: Vec::new() };
        match statement {
            Statement::Select(select) if self.concern(&Reads::of(select)) => {
                let mut select = Box::new(select.clone());
                rewrite.select(&mut select);
                Some(FilteredStatement::Select(select))
            }
            Statement::Table(table) if self.of(table.meta).next().is_some() => {
                let mut select = Box::new(Select {
                    projection: vec![Projection::Table(table)],
                    from: Some(table),
                    ..Select::default()
                });
                rewrite.select(&mut select);
                Some(FilteredStatement::Select(select))
            }
            Statement::ByKey { table, key } if self.of(table.meta).next().is_some() => {
                let mut select = Box::new(by_key(table, key));
                rewrite.select(&mut select);
                Some(FilteredStatement::Select(select))
            }
            Statement::Update(update) if self.concern(&Reads::of_update(update)) => {
                let mut update = Box::new(update.clone());
                rewrite.update(&mut update);
                Some(FilteredStatement::Update(update))
            }
            Statement::Delete(delete) if self.concern(&Reads::of_delete(delete)) => {
                let mut delete = Box::new(delete.clone());
                rewrite.delete(&mut delete);
                Some(FilteredStatement::Delete(delete))
            }
            Statement::Raw(raw) if self.concern(&Reads::of_raw(raw)) => {
                let mut raw = Box::new(raw.clone());
                raw.exprs_mut(&mut |expr| rewrite.expr(expr));
                Some(FilteredStatement::Raw(raw))
            }
            Statement::Select(_)
            | Statement::Table(_)
            | Statement::ByKey { .. }
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Raw(_)
            | Statement::Insert(_)
            | Statement::UpdateRows(_)
            | Statement::DeleteRows(_)
            | Statement::Ddl(_) => None,
        }
    }

    fn concern(&self, reads: &Reads) -> bool {
        reads.tables().iter().any(|table| self.of(table).next().is_some())
    }

    /// Those of a table.
    pub(crate) fn of(&self, table: &'static TableMeta) -> impl Iterator<Item = &Expr> {
        self.0.iter().filter(move |(filtered, _)| *filtered == table).map(|(_, condition)| condition)
    }
}

/// The tree of what is known ahead without one.
fn by_key(table: TableRef, key: &[Value]) -> Select {
    let parts = table.meta.primary_key.iter().zip(key).map(|(index, value)| {
        let column = Expr::Column(ColumnRef { table, index: *index });
        Expr::Binary(BinaryOp::Eq, Box::new((column, Expr::Bind(value.clone()))))
    });
    Select {
        projection: vec![Projection::Table(table)],
        from: Some(table),
        filter: parts.collect(),
        ..Select::default()
    }
}

/// Adds the conditions to a statement.
struct Rewrite<'a> {
    filters: &'a Filters,
    /// What the query that is rewritten lifts, and those around it.
    lifted: Lifted,
    /// Common table expressions before and after: one that is read from twice must stay one.
    ctes: Vec<(Arc<Cte>, Arc<Cte>)>,
}

/// A condition on rows that the joins so far may have let through, and the table that it is on.
type Kept = (TableRef, Expr);

impl Rewrite<'_> {
    fn select(&mut self, select: &mut Select) {
        let around = self.lifted.clone();
        self.lifted.merge(&select.lifted);
        for source in &mut select.sources {
            self.source(&mut source.query);
        }
        select.operands.iter_mut().for_each(|operand| self.select(&mut operand.select));
        select.exprs_mut(&mut |expr| self.expr(expr));
        if select.operands.is_empty() {
            self.tables(select);
        }
        self.lifted = around;
    }

    /// Each table keeps only its rows, as if it were a table of just these.
    fn tables(&self, select: &mut Select) {
        let root = select.root();
        let mut kept = root.map(|table| self.conditions(table)).unwrap_or_default();
        for join in &mut select.joins {
            let own = self.conditions(join.table);
            kept = joined(join, kept, own);
        }
        select.filter.extend(kept.into_iter().map(|(_, condition)| condition));
    }

    fn source(&mut self, query: &mut SourceQuery) {
        match query {
            SourceQuery::Subquery(select) => {
                let mut rewritten = Select::clone(select);
                self.select(&mut rewritten);
                *select = Arc::new(rewritten);
            }
            SourceQuery::Cte(cte) => *cte = self.cte(cte),
            SourceQuery::Itself(_) => {}
        }
    }

    fn cte(&mut self, cte: &Arc<Cte>) -> Arc<Cte> {
        if let Some((_, after)) = self.ctes.iter().find(|(before, _)| Arc::ptr_eq(before, cte)) {
            return Arc::clone(after);
        }
        let mut rewritten = Cte::clone(cte);
        self.select(&mut rewritten.select);
        let after = Arc::new(rewritten);
        self.ctes.push((Arc::clone(cte), Arc::clone(&after)));
        after
    }

    fn update(&mut self, update: &mut Update) {
        self.lifted.merge(&update.lifted);
        update.set.iter_mut().for_each(|assignment| self.expr(&mut assignment.value));
        update.filter.iter_mut().for_each(|expr| self.expr(expr));
        update.returning.iter_mut().for_each(|projection| projection.exprs_mut(&mut |expr| self.expr(expr)));
        update.filter.extend(self.conditions(update.table).into_iter().map(|(_, condition)| condition));
    }

    fn delete(&mut self, delete: &mut Delete) {
        self.lifted.merge(&delete.lifted);
        delete.filter.iter_mut().for_each(|expr| self.expr(expr));
        delete.returning.iter_mut().for_each(|projection| projection.exprs_mut(&mut |expr| self.expr(expr)));
        delete.filter.extend(self.conditions(delete.table).into_iter().map(|(_, condition)| condition));
    }

    /// The queries within an expression.
    fn expr(&mut self, expr: &mut Expr) {
        expr.parts_mut(&mut |part| match part {
            Part::Expr(expr) => self.expr(expr),
            Part::Select(select) => self.select(select),
        });
    }

    /// The conditions on a table of the statement, in its name there. A query in FROM has them within.
    fn conditions(&self, table: TableRef) -> Vec<Kept> {
        if table.query().is_some() || self.lifted.covers(table.meta) {
            return Vec::new();
        }
        let renamed = |condition: &Expr| {
            let mut condition = condition.clone();
            rename(&mut condition, table);
            (table, condition)
        };
        self.filters.of(table.meta).map(renamed).collect()
    }
}

/// Puts into a join's ON what can stand there, and gives what is left to be true of the joined rows.
///
/// A side whose rows all stay, partner or not, cannot be filtered by ON: its conditions are for after the join, or go
/// into ON where the other side's rows stay.
fn joined(join: &mut Join, mut kept: Vec<Kept>, own: Vec<Kept>) -> Vec<Kept> {
    match join.kind {
        JoinKind::Inner | JoinKind::Cross if join.on.is_none() => {
            kept.extend(own);
            kept
        }
        JoinKind::Inner | JoinKind::Left => {
            put_on(join, own);
            kept
        }
        JoinKind::Right => {
            put_on(join, kept);
            own
        }
        JoinKind::Full => {
            kept.extend(own);
            put_on(join, kept.clone());
            kept.into_iter().map(|(table, condition)| (table, Expr::Or(vec![absent(table), condition]))).collect()
        }
        JoinKind::Cross => {
            kept.extend(own);
            kept
        }
    }
}

fn put_on(join: &mut Join, conditions: Vec<Kept>) {
    if conditions.is_empty() {
        return;
    }
    let mut all = Vec::new();
    if let Some(on) = join.on.take() {
        on.and_into(&mut all);
    }
    all.extend(conditions.into_iter().map(|(_, condition)| condition));
    join.on = Some(Expr::And(all));
}

/// The row of a table is missing from a joined row.
fn absent(table: TableRef) -> Expr {
    match table.meta.primary_key.first() {
        Some(index) => {
            let expr = Expr::Column(ColumnRef { table, index: *index });
            Expr::Operation(Box::new(Operation::IsNull { expr, negated: false }))
        }
        // Any other column may be NULL in a row that is there, and let it through.
        None => Expr::Invalid(
            format!("`{}` has a global filter and no primary key, so it cannot be in a full join", table.meta.model)
                .into(),
        ),
    }
}

/// Has the columns of a table mean it under the name it has in the statement.
fn rename(expr: &mut Expr, table: TableRef) {
    if table.alias.is_none() {
        return;
    }
    if let Expr::Column(column) = expr
        && column.table.meta == table.meta
        && column.table.alias.is_none()
    {
        column.table = table;
    }
    expr.parts_mut(&mut |part| match part {
        Part::Expr(expr) => rename(expr, table),
        Part::Select(select) => rename_in(select, table),
    });
}

/// In a subquery the name means the table outside, unless it has one of its own.
fn rename_in(select: &mut Select, table: TableRef) {
    let own = TableRef { meta: table.meta, alias: None };
    if select.root() == Some(own) || select.joins.iter().any(|join| join.table == own) {
        return;
    }
    select.operands.iter_mut().for_each(|operand| rename_in(&mut operand.select, table));
    select.exprs_mut(&mut |expr| rename(expr, table));
}
