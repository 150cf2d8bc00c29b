//! Which tables a query reads: a flush before it is needed only if one of them has changes that were not flushed.

use super::{Delete, Expr, Operation, Projection, Raw, RawPart, Select, SourceQuery, Update};
use crate::meta::{OnAction, TableMeta};

/// What is known of the tables that a query reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    tables: Vec<&'static TableMeta>,
    /// Something in it is written by hand, and may read any table.
    anything: bool,
}

impl Reads {
    pub(crate) fn of(select: &Select) -> Self {
        let mut reads = Reads::default();
        reads.select(select);
        reads
    }

    pub(crate) fn of_update(update: &Update) -> Self {
        let mut reads = Reads::default();
        reads.table(update.table.meta);
        reads.exprs(update.set.iter().map(|assignment| &assignment.value).chain(&update.filter));
        update.returning.iter().for_each(|projection| reads.projection(projection));
        reads
    }

    pub(crate) fn of_delete(delete: &Delete) -> Self {
        let mut reads = Reads::default();
        reads.table(delete.table.meta);
        reads.exprs(&delete.filter);
        delete.returning.iter().for_each(|projection| reads.projection(projection));
        reads
    }

    pub(crate) fn of_raw(raw: &Raw) -> Self {
        let mut reads = Reads::default();
        reads.raw(raw);
        reads
    }

    /// The tables of models that it reads.
    pub(crate) fn tables(&self) -> &[&'static TableMeta] {
        &self.tables
    }

    /// Whether what is to be written to `table` can be seen by the query; `deletes` says that rows of it go.
    pub(crate) fn sees(&self, table: &'static TableMeta, deletes: bool) -> bool {
        self.anything || self.tables.iter().any(|read| *read == table || (deletes && follows(read, table, 0)))
    }

    fn table(&mut self, table: &'static TableMeta) {
        if !self.tables.contains(&table) {
            self.tables.push(table);
        }
    }

    fn select(&mut self, select: &Select) {
        for source in &select.sources {
            match &source.query {
                SourceQuery::Subquery(query) => self.select(query),
                SourceQuery::Cte(cte) => self.select(&cte.select),
                SourceQuery::Itself(_) => {}
            }
        }
        select.operands.iter().for_each(|operand| self.select(&operand.select));
        select.distinct_on.iter().for_each(|expr| self.expr(expr));
        select.root().into_iter().for_each(|table| self.table(table.meta));
        for join in &select.joins {
            self.table(join.table.meta);
            join.on.iter().for_each(|on| self.expr(on));
        }
        select.projection.iter().for_each(|projection| self.projection(projection));
        let others =
            select.group_by.iter().chain(&select.having).chain(select.order_by.iter().map(|order| &order.expr));
        select.filter.iter().chain(others).for_each(|expr| self.expr(expr));
    }

    fn projection(&mut self, projection: &Projection) {
        match projection {
            Projection::Table(table) => self.table(table.meta),
            Projection::Expr(expr) | Projection::Label(expr, _) => self.expr(expr),
            Projection::One => {}
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Column(column) => self.table(column.table.meta),
            Expr::Bind(_) | Expr::Bool(_) | Expr::Label(_) | Expr::Invalid(_) => {}
            Expr::Binary(_, sides) => self.exprs([&sides.0, &sides.1]),
            Expr::And(exprs) | Expr::Or(exprs) | Expr::Row(exprs) | Expr::Function(_, exprs) => self.exprs(exprs),
            Expr::Not(expr) | Expr::Negate(_, expr) => self.expr(expr),
            Expr::Raw(raw) => self.raw(raw),
            Expr::Subquery(select) => self.select(select),
            Expr::Operation(operation) => self.operation(operation),
        }
    }

    fn raw(&mut self, raw: &Raw) {
        self.anything = true;
        self.exprs(raw.parts.iter().filter_map(|part| match part {
            RawPart::Expr(expr) => Some(expr),
            RawPart::Text(_) => None,
        }));
    }

    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::IsNull { expr, .. }
            | Operation::Cast { expr, .. }
            | Operation::Decimal { expr }
            | Operation::Json { expr, .. } => self.expr(expr),
            Operation::InList { expr, .. } => self.expr(expr),
            Operation::InSelect { expr, select, .. } => {
                self.expr(expr);
                self.select(select);
            }
            Operation::Like { expr, pattern, .. } => self.exprs([expr, pattern]),
            Operation::Between { expr, low, high, .. } => self.exprs([expr, low, high]),
            Operation::Exists { select, .. } => self.select(select),
            Operation::Case { when, otherwise } => {
                self.exprs(when.iter().flat_map(|(condition, result)| [condition, result]).chain(otherwise));
            }
            Operation::Aggregate { expr, filter, .. } => self.exprs(expr.iter().chain(filter)),
            Operation::Window { arguments, filter, window, .. } => {
                self.exprs(arguments.iter().chain(filter).chain(window.exprs()));
            }
        }
    }
}

/// Whether rows of `child` go, or change, when rows of `parent` are deleted.
fn follows(child: &'static TableMeta, parent: &'static TableMeta, depth: u32) -> bool {
    // Longer chains are taken for circles, and a flush too many does no harm.
    depth > 16
        || child.foreign_keys.iter().any(|key| {
            let above = (key.references)();
            let acts = matches!(key.on_delete, OnAction::Cascade | OnAction::SetNull | OnAction::SetDefault);
            acts && (above == parent
                || (above != child && key.on_delete != OnAction::NoAction && follows(above, parent, depth + 1)))
        })
}
