//! Set operations: the rows of two selects as one result.

use super::Select;
use crate::ast::{self, Operand, SetOperator};

impl<Row: Send + 'static> Select<Row> {
    /// The rows of both, each once.
    ///
    /// What follows (`order_by`, `limit`, `offset`) is of the whole; it is ordered by columns or labels that the first
    /// select has. What was said before is of the operand.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let names = select(User.name).union(select(Post.title)).order_by(User.name).limit(5);
    /// assert_sql!(names, sqlite: r#"SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post" ORDER BY 1 LIMIT 5"#);
    ///
    /// let newest = select(Post.id).order_by(Post.id.desc()).limit(1).union_all(select(User.id));
    /// assert_sql!(newest, sqlite: concat!(
    ///     r#"SELECT * FROM (SELECT "post"."id" FROM "post" ORDER BY "post"."id" DESC LIMIT 1) AS "operand" "#,
    ///     r#"UNION ALL SELECT "users"."id" FROM "users""#,
    /// ));
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) if the whole is filtered, joined or grouped: that is
    /// for its operands, or for a select from it as a [`subquery`](Select::subquery).
    pub fn union(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::Union, other)
    }

    /// The rows of both. See [`union`](Select::union).
    pub fn union_all(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::UnionAll, other)
    }

    /// The rows that both have, each once. See [`union`](Select::union).
    pub fn intersect(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::Intersect, other)
    }

    /// The rows that both have, as often as both have them. See [`union`](Select::union).
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) on SQLite.
    pub fn intersect_all(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::IntersectAll, other)
    }

    /// The rows that the other one has not, each once. See [`union`](Select::union).
    pub fn except(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::Except, other)
    }

    /// The rows that are left when each row of the other one has taken an equal one away. See [`union`](Select::union).
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) on SQLite.
    pub fn except_all(self, other: Select<Row>) -> Self {
        self.combine(SetOperator::ExceptAll, other)
    }

    fn combine(self, operator: SetOperator, other: Select<Row>) -> Self {
        let loads = self.loads_relations() || other.loads_relations();
        let (left, reader) = self.into_parts();
        let other = Operand { operator, select: other.into_ast() };
        let mut compound = match goes_on(&left, operator) {
            true => left,
            false => ast::Select { operands: vec![Operand { operator, select: left }], ..ast::Select::default() },
        };
        compound.operands.push(other);
        if loads {
            let text = "the operands of a compound load no relations: they would be those of one operand's table";
            compound.filter.push(ast::Expr::Invalid(text.into()));
        }
        Select::from_parts(compound, reader)
    }
}

/// Whether a further operand can stand beside those that a compound has: `(a UNION b) EXCEPT c` is read from left to
/// right everywhere, but `INTERSECT` holds tighter in some databases.
fn goes_on(left: &ast::Select, operator: SetOperator) -> bool {
    let tight = |operator| matches!(operator, SetOperator::Intersect | SetOperator::IntersectAll);
    !left.operands.is_empty()
        && left.order_by.is_empty()
        && left.limit.is_none()
        && left.offset.is_none()
        && left.operands.iter().all(|operand| tight(operand.operator) == tight(operator))
}
