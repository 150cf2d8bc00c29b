//! `SELECT`.

use super::Writer;
use super::expr::Level;
use super::shape::row_count;
use super::writer::column_of;
use crate::ast::{Alias, ColumnRef, Direction, Expr, Join, JoinKind, NullsOrder, Order, Projection, Select, TableRef};
use crate::error::Result;
use crate::value::Value;

impl<'a> Writer<'a> {
    pub(super) fn select(&mut self, select: &'a Select) -> Result<()> {
        let outer = self.select.replace(select);
        let outer_binds = self.share_binds(select.has_equal_expressions() && self.features.binds_by_number);
        let outer_ctes = self.with(select)?;
        self.around.push(select);
        if select.operands.is_empty() {
            self.select_core(select)?;
            self.order_by(&select.order_by)?;
        } else {
            self.operands(&select.operands)?;
            self.compound_order(select)?;
        }
        self.limit(select.limit.as_ref(), select.offset.as_ref())?;
        select.lock.iter().try_for_each(|lock| self.lock(lock))?;
        self.around.pop();
        self.ctes.truncate(outer_ctes);
        self.share_again(outer_binds);
        self.select = outer;
        Ok(())
    }

    /// From SELECT to HAVING.
    fn select_core(&mut self, select: &'a Select) -> Result<()> {
        self.push(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
        if !select.distinct_on.is_empty() {
            self.push("DISTINCT ON (");
            self.separated(&select.distinct_on, ", ", |out, expr| out.expr(expr, Level::Raw))?;
            self.push(") ");
        }
        self.projections(&select.projection)?;
        if let Some(root) = select.root() {
            self.push(" FROM ");
            self.table(root)?;
        }
        for join in &select.joins {
            self.join(join)?;
        }
        self.conditions(" WHERE ", &select.filter)?;
        self.group_by(&select.group_by)?;
        self.conditions(" HAVING ", &select.having)
    }

    /// All rows of a table.
    pub(super) fn whole_table(&mut self, table: TableRef) -> Result<()> {
        self.push("SELECT ");
        self.columns(table)?;
        self.push(" FROM ");
        self.table(table)
    }

    /// One row by its primary key.
    pub(super) fn by_key(&mut self, table: TableRef, key: &'a [Value]) -> Result<()> {
        self.whole_table(table)?;
        self.push(" WHERE ");
        self.separated(table.meta.primary_key.iter().zip(key), " AND ", |out, (index, value)| {
            out.column(ColumnRef { table, index: *index })?;
            out.push(" = ");
            out.bind(value)
        })
    }

    /// `"users"`, or `"users" AS "boss"`.
    pub(super) fn table(&mut self, table: TableRef) -> Result<()> {
        if let Some(Alias::Query(name)) = table.alias {
            return self.source(name);
        }
        self.table_name(table.meta)?;
        if let Some(alias) = table.alias {
            self.push(" AS ");
            self.push_identifier(alias.name())?;
        }
        Ok(())
    }

    pub(super) fn projections(&mut self, projections: &'a [Projection]) -> Result<()> {
        self.separated(projections, ", ", |out, projection| match projection {
            Projection::Table(table) => out.columns(*table),
            Projection::Expr(expr) => out.expr(expr, Level::Raw),
            Projection::Label(expr, label) => {
                out.expr(expr, Level::Raw)?;
                out.push(" AS ");
                out.push_identifier(label)
            }
            Projection::One => {
                out.push("1");
                Ok(())
            }
        })
    }

    /// ` WHERE ..`, ` HAVING ..`
    pub(super) fn conditions(&mut self, clause: &str, conditions: &'a [Expr]) -> Result<()> {
        if conditions.is_empty() {
            return Ok(());
        }
        self.push(clause);
        self.all_of(conditions)
    }

    /// ` RETURNING ..`
    pub(super) fn returning(&mut self, returning: &'a [Projection]) -> Result<()> {
        if returning.is_empty() {
            return Ok(());
        }
        self.push(" RETURNING ");
        self.projections(returning)
    }

    /// ` ORDER BY ..`
    pub(super) fn order_by(&mut self, order_by: &'a [Order]) -> Result<()> {
        if order_by.is_empty() {
            return Ok(());
        }
        self.push(" ORDER BY ");
        self.separated(order_by, ", ", Writer::order)
    }

    fn columns(&mut self, table: TableRef) -> Result<()> {
        self.separated(table.meta.columns, ", ", |out, column| out.qualified(table.name(), column))
    }

    fn join(&mut self, join: &'a Join) -> Result<()> {
        self.push(match join.kind {
            JoinKind::Inner => " JOIN ",
            JoinKind::Left => " LEFT JOIN ",
            JoinKind::Right => " RIGHT JOIN ",
            JoinKind::Full => " FULL JOIN ",
            JoinKind::Cross => " CROSS JOIN ",
        });
        self.table(join.table)?;
        if let Some(on) = &join.on {
            self.push(" ON ");
            self.expr(on, Level::Raw)?;
        }
        Ok(())
    }

    fn group_by(&mut self, group_by: &'a [Expr]) -> Result<()> {
        if group_by.is_empty() {
            return Ok(());
        }
        self.push(" GROUP BY ");
        self.separated(group_by, ", ", |out, expr| out.expr(expr, Level::Raw))
    }

    pub(super) fn order(&mut self, order: &'a Order) -> Result<()> {
        self.expr(&order.expr, Level::Raw)?;
        if order.direction == Direction::Descending {
            self.push(" DESC");
        }
        self.nulls(order, self.sorts_nulls_right(&order.expr));
        Ok(())
    }

    /// ` NULLS FIRST`, unless the database does by itself what is wanted.
    pub(super) fn nulls(&mut self, order: &Order, sorts_right: bool) {
        let descending = order.direction == Direction::Descending;
        match order.nulls {
            NullsOrder::First => self.push(" NULLS FIRST"),
            NullsOrder::Last => self.push(" NULLS LAST"),
            NullsOrder::Smallest if sorts_right => {}
            NullsOrder::Smallest if descending => self.push(" NULLS LAST"),
            NullsOrder::Smallest => self.push(" NULLS FIRST"),
        }
    }

    /// Whether NULLs come out as the smallest without saying so, perhaps because there are none.
    fn sorts_nulls_right(&self, expr: &Expr) -> bool {
        self.features.nulls_are_smallest
            || match expr {
                Expr::Column(column) => self.select.is_some_and(|select| is_never_null(*column, select)),
                _ => false,
            }
    }

    fn limit(&mut self, limit: Option<&'a Value>, offset: Option<&'a Value>) -> Result<()> {
        if let Some(limit) = limit {
            self.push(" LIMIT ");
            if self.features.literal_limit {
                self.push_number(row_count(limit)?.unsigned_abs());
            } else {
                self.bind(limit)?;
            }
        }
        let Some(offset) = offset else { return Ok(()) };
        if limit.is_none() && self.features.offset_needs_limit {
            self.push(" LIMIT -1");
        }
        self.push(" OFFSET ");
        self.bind(offset)
    }
}

/// Whether a column is NOT NULL and its table is not on an outer side.
fn is_never_null(column: ColumnRef, select: &Select) -> bool {
    // A query may have the rows of an outer join.
    if column.table.query().is_some() {
        return false;
    }
    let declared = column_of(column.table.meta, column.index).is_ok_and(|meta| !meta.nullable);
    let joined = select.joins.iter().position(|join| join.table == column.table);
    let present = match joined {
        Some(number) => !select.joins.get(number).is_some_and(|join| may_lack_right(join.kind)),
        None => select.root() == Some(column.table),
    };
    let later = joined.map_or(0, |number| number + 1);
    declared && present && !select.joins.iter().skip(later).any(|join| may_lack_left(join.kind))
}

fn may_lack_right(kind: JoinKind) -> bool {
    matches!(kind, JoinKind::Left | JoinKind::Full)
}

fn may_lack_left(kind: JoinKind) -> bool {
    matches!(kind, JoinKind::Right | JoinKind::Full)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{Aggregate, BinaryOp, Operation, Raw, RawPart, Statement};

    fn lite(select: &Select) -> String {
        sql(Statement::Select(select), &LITE)
    }

    fn strict(select: &Select) -> String {
        sql(Statement::Select(select), &STRICT)
    }

    #[test]
    fn a_filter_is_bound() {
        let select = users_where([binary(BinaryOp::Ge, user("age"), int(18))]);
        assert_eq!(lite(&select), r#"SELECT "users"."name" FROM "users" WHERE "users"."age" >= ?1"#);
        assert_eq!(binds(Statement::Select(&select), &LITE), "[18]");
    }

    #[test]
    fn a_model_is_all_of_its_columns_in_the_order_of_its_fields() {
        let select = Select { projection: vec![Projection::Table(table(&PAIR))], ..Select::default() };
        assert_eq!(lite(&select), r#"SELECT "pair"."a", "pair"."b" FROM "pair""#);
    }

    #[test]
    fn all_rows_of_a_table_need_no_tree() {
        let boss = Statement::Table(alias(&PAIR, "boss"));
        assert_eq!(sql(boss, &LITE), r#"SELECT "boss"."a", "boss"."b" FROM "pair" AS "boss""#);
        assert_eq!(binds(boss, &LITE), "[]");
    }

    #[test]
    fn a_row_by_its_key_needs_no_tree() {
        let key = [Value::Int(1), Value::Int(2)];
        let by_key = Statement::ByKey { table: table(&PAIR), key: &key };
        assert_eq!(
            sql(by_key, &LITE),
            r#"SELECT "pair"."a", "pair"."b" FROM "pair" WHERE "pair"."a" = ?1 AND "pair"."b" = ?2"#
        );
        assert_eq!(binds(by_key, &LITE), "[1, 2]");
    }

    #[test]
    fn a_table_is_joined_with_itself_under_an_alias() {
        let boss = alias(&USERS, "boss");
        let on = eq(of(boss, "id"), user("manager_id"));
        let select =
            Select { joins: vec![join(JoinKind::Inner, boss, on)], ..select([user("name"), of(boss, "name")]) };
        assert_eq!(
            lite(&select),
            r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#
        );
    }

    #[test]
    fn every_kind_of_join_has_its_word() {
        let words = |kind| {
            let join = match kind {
                JoinKind::Cross => Join { on: None, ..posts_join(kind) },
                _ => posts_join(kind),
            };
            let sql = lite(&Select { joins: vec![join], ..select([user("name")]) });
            sql.strip_prefix(r#"SELECT "users"."name" FROM "users""#).expect("a join").to_owned()
        };
        let on = r#" ON "post"."author_id" = "users"."id""#;
        assert_eq!(words(JoinKind::Inner), format!(r#" JOIN "post"{on}"#));
        assert_eq!(words(JoinKind::Left), format!(r#" LEFT JOIN "post"{on}"#));
        assert_eq!(words(JoinKind::Right), format!(r#" RIGHT JOIN "post"{on}"#));
        assert_eq!(words(JoinKind::Full), format!(r#" FULL JOIN "post"{on}"#));
        assert_eq!(words(JoinKind::Cross), r#" CROSS JOIN "post""#);
    }

    #[test]
    fn all_clauses_stand_in_the_order_of_sql() {
        let count = || aggregate(Aggregate::Count, None);
        let select = Select {
            distinct: true,
            projection: vec![Projection::Expr(user("name")), Projection::Label(count(), "n")],
            joins: vec![posts_join(JoinKind::Inner)],
            filter: vec![eq(user("id"), int(1)), eq(user("age"), int(2))],
            group_by: vec![user("name")],
            having: vec![binary(BinaryOp::Gt, count(), int(3))],
            order_by: vec![order(Expr::Label("n"), Direction::Descending, NullsOrder::Last)],
            limit: Some(Value::Int(10)),
            offset: Some(Value::Int(20)),
            ..Select::default()
        };
        assert_eq!(
            lite(&select),
            concat!(
                r#"SELECT DISTINCT "users"."name", count(*) AS "n" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" "#,
                r#"WHERE "users"."id" = ?1 AND "users"."age" = ?2 GROUP BY "users"."name" HAVING count(*) > ?3 "#,
                r#"ORDER BY "n" DESC NULLS LAST LIMIT 10 OFFSET ?4"#
            )
        );
        assert_eq!(binds(Statement::Select(&select), &LITE), "[1, 2, 3, 20]");
        assert!(strict(&select).ends_with("LIMIT ?4 OFFSET ?5"));
        assert_eq!(binds(Statement::Select(&select), &STRICT), "[1, 2, 3, 10, 20]");
    }

    #[test]
    fn an_offset_without_a_limit_has_every_row_left() {
        let select = Select { offset: Some(Value::Int(5)), ..select([user("name")]) };
        assert_eq!(lite(&select), r#"SELECT "users"."name" FROM "users" LIMIT -1 OFFSET ?1"#);
        assert_eq!(strict(&select), r#"SELECT "users"."name" FROM "users" OFFSET ?1"#);
    }

    #[test]
    fn a_negative_limit_is_refused() {
        let negative = Select { limit: Some(Value::Int(-1)), ..select([user("name")]) };
        assert_eq!(error(Statement::Select(&negative), &LITE), "limit and offset cannot be negative: -1");
        assert_eq!(error(Statement::Select(&negative), &STRICT), "limit and offset cannot be negative: -1");
    }

    #[test]
    fn a_correlated_subquery_sees_the_tables_around_it() {
        let like = operation(Operation::Like {
            expr: post("title"),
            pattern: text("A%"),
            escape: Some('\\'),
            insensitive: false,
            negated: false,
        });
        let posts = Select {
            projection: vec![Projection::One],
            from: Some(table(&POST)),
            filter: vec![eq(post("author_id"), user("id")), like],
            ..Select::default()
        };
        assert_eq!(
            lite(&users_where([exists(posts, false)])),
            r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."title" LIKE ?1 ESCAPE '\')"#
        );
    }

    #[test]
    fn a_scalar_subquery_stands_in_parentheses() {
        let count = Select {
            filter: vec![eq(post("author_id"), user("id"))],
            from: Some(table(&POST)),
            ..select([aggregate(Aggregate::Count, None)])
        };
        let select = select([user("name"), Expr::Subquery(Box::new(count))]);
        assert_eq!(
            lite(&select),
            r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users""#
        );
    }

    #[test]
    fn nulls_are_the_smallest_everywhere() {
        let key = |name, direction| order(user(name), direction, NullsOrder::Smallest);
        let select = Select {
            order_by: vec![
                key("id", Direction::Descending),
                key("age", Direction::Ascending),
                key("age", Direction::Descending),
                order(user("id"), Direction::Ascending, NullsOrder::First),
            ],
            ..select([user("name")])
        };
        let tail = |sql: String| sql.split_once(" ORDER BY ").expect("an order").1.to_owned();
        assert_eq!(
            tail(lite(&select)),
            r#""users"."id" DESC, "users"."age", "users"."age" DESC, "users"."id" NULLS FIRST"#
        );
        assert_eq!(
            tail(strict(&select)),
            r#""users"."id" DESC, "users"."age" NULLS FIRST, "users"."age" DESC NULLS LAST, "users"."id" NULLS FIRST"#
        );
    }

    #[test]
    fn a_column_on_an_outer_side_may_be_null() {
        let ordered = |expr: Expr, kind| {
            let order_by = vec![order(expr, Direction::Ascending, NullsOrder::Smallest)];
            let mut features = STRICT.0.clone();
            features.right_and_full_join = true;
            let select = Select { order_by, joins: vec![posts_join(kind)], ..select([user("name")]) };
            sql(Statement::Select(&select), &Numbered(features)).ends_with("NULLS FIRST")
        };
        assert!(!ordered(post("id"), JoinKind::Inner));
        assert!(ordered(post("id"), JoinKind::Left));
        assert!(!ordered(user("id"), JoinKind::Left));
        assert!(ordered(user("id"), JoinKind::Right));
        assert!(!ordered(post("id"), JoinKind::Right));
        assert!(ordered(user("id"), JoinKind::Full) && ordered(post("id"), JoinKind::Full));
    }

    #[test]
    fn hand_written_text_is_bare_only_where_it_is_the_whole() {
        let raw = || {
            let parts = vec![RawPart::Text("a OR "), RawPart::Expr(binary(BinaryOp::Eq, user("id"), int(7)))];
            Expr::Raw(Box::new(Raw { parts }))
        };
        let written = r#"a OR ("users"."id" = ?1)"#;
        assert_eq!(condition(raw(), &LITE), written);
        assert_eq!(condition(Expr::Not(Box::new(raw())), &LITE), format!("NOT ({written})"));
        let both = lite(&users_where([raw(), Expr::Bool(true)]));
        assert!(both.ends_with(&format!("WHERE ({written}) AND TRUE")), "{both}");
        assert!(lite(&select([raw()])).starts_with(&format!("SELECT {written} FROM")));
    }
}
