//! The expressions and queries directly within a part of a statement, to be changed in place.

use super::{Expr, Operation, Projection, Raw, RawPart, Select};

/// Something within an expression or a query.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Expr(&'a mut Expr),
    Select(&'a mut Select),
}

impl Select {
    /// Gives each expression that stands directly in it. Queries in FROM and operands are not among them.
    pub(crate) fn exprs_mut(&mut self, each: &mut dyn FnMut(&mut Expr)) {
        self.distinct_on.iter_mut().for_each(&mut *each);
        self.projection.iter_mut().for_each(|projection| projection.exprs_mut(each));
        self.joins.iter_mut().filter_map(|join| join.on.as_mut()).for_each(&mut *each);
        self.filter.iter_mut().chain(&mut self.group_by).chain(&mut self.having).for_each(&mut *each);
        self.order_by.iter_mut().for_each(|order| each(&mut order.expr));
    }
}

impl Projection {
    pub(crate) fn exprs_mut(&mut self, each: &mut dyn FnMut(&mut Expr)) {
        match self {
            Projection::Expr(expr) | Projection::Label(expr, _) => each(expr),
            Projection::Table(_) | Projection::One => {}
        }
    }
}

impl Raw {
    pub(crate) fn exprs_mut(&mut self, each: &mut dyn FnMut(&mut Expr)) {
        for part in &mut self.parts {
            match part {
                RawPart::Expr(expr) => each(expr),
                RawPart::Text(_) => {}
            }
        }
    }
}

impl Expr {
    /// Gives its operands.
    pub(crate) fn parts_mut(&mut self, each: &mut dyn FnMut(Part<'_>)) {
        match self {
            Expr::Column(_) | Expr::Bind(_) | Expr::Bool(_) | Expr::Label(_) | Expr::Invalid(_) => {}
            Expr::Binary(_, sides) => {
                each(Part::Expr(&mut sides.0));
                each(Part::Expr(&mut sides.1));
            }
            Expr::And(exprs) | Expr::Or(exprs) | Expr::Row(exprs) | Expr::Function(_, exprs) => {
                exprs.iter_mut().for_each(|expr| each(Part::Expr(expr)));
            }
            Expr::Not(expr) | Expr::Negate(_, expr) => each(Part::Expr(expr)),
            Expr::Raw(raw) => raw.exprs_mut(&mut |expr| each(Part::Expr(expr))),
            Expr::Subquery(select) => each(Part::Select(select)),
            Expr::Operation(operation) => operation.parts_mut(each),
        }
    }
}

impl Operation {
    fn parts_mut(&mut self, each: &mut dyn FnMut(Part<'_>)) {
        match self {
            Operation::IsNull { expr, .. }
            | Operation::InList { expr, .. }
            | Operation::Cast { expr, .. }
            | Operation::Decimal { expr }
            | Operation::Json { expr, .. } => each(Part::Expr(expr)),
            Operation::InSelect { expr, select, .. } => {
                each(Part::Expr(expr));
                each(Part::Select(select));
            }
            Operation::Like { expr, pattern, .. } => {
                [expr, pattern].into_iter().for_each(|expr| each(Part::Expr(expr)));
            }
            Operation::Between { expr, low, high, .. } => {
                [expr, low, high].into_iter().for_each(|expr| each(Part::Expr(expr)));
            }
            Operation::Exists { select, .. } => each(Part::Select(select)),
            Operation::Case { when, otherwise } => {
                let pairs = when.iter_mut().flat_map(|(condition, result)| [condition, result]);
                pairs.chain(otherwise).for_each(|expr| each(Part::Expr(expr)));
            }
            Operation::Aggregate { expr, filter, order_by, .. } => {
                let order = order_by.iter_mut().map(|order| &mut order.expr);
                expr.iter_mut().chain(filter).chain(order).for_each(|expr| each(Part::Expr(expr)));
            }
            Operation::Window { arguments, filter, window, .. } => {
                let order = window.order_by.iter_mut().map(|order| &mut order.expr);
                let all = arguments.iter_mut().chain(filter).chain(&mut window.partition_by).chain(order);
                all.for_each(|expr| each(Part::Expr(expr)));
            }
        }
    }
}
