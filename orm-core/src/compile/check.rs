//! What the types could not see, found before anything is rendered.

use std::sync::Arc;

use super::missing;
use super::source::{has_column, has_table, no_place, place_of};
use super::writer::column_of;
use crate::ast::{
    Aggregate, Alias, Assignment, ColumnRef, ColumnSet, ConflictAction, Cte, EXCLUDED, Expr, Frame, FrameUnit,
    InsertChunk, Join, JoinKind, Lock, OnConflict, Operation, Order, Projection, Raw, RawPart, Select, SetOperator,
    Source, SourceQuery, Statement, TableRef, Update, UpdateChunk, Window,
};
use crate::dialect::Features;
use crate::error::{Error, Result};
use crate::meta::{ColumnMeta, TableMeta};
use crate::value::Value;

/// Checks a whole statement.
pub(super) fn statement(statement: Statement<'_>, features: &Features) -> Result<()> {
    match statement {
        Statement::Select(select) => check_select(select, None, features),
        Statement::Table(_) => Ok(()),
        Statement::ByKey { table, key } => by_key(table, key),
        Statement::Insert(chunk) => insert(chunk, features),
        Statement::Update(update) => check_update(update, features),
        Statement::Delete(delete) => {
            let scope = Scope { tables: Tables::Written(delete.table), outer: None, ctes: &[] };
            Check::new(&scope, Place::Where, features).exprs(&delete.filter)?;
            returning(&delete.returning, &scope, features)
        }
        Statement::UpdateRows(chunk) => update_rows(chunk, features),
        Statement::DeleteRows(chunk) => keyed_rows(chunk.table, chunk.guard, chunk.rows().len()),
        Statement::Raw(raw) => {
            let scope = Scope { tables: Tables::Unknown, outer: None, ctes: &[] };
            Check::new(&scope, Place::Value, features).raw(raw)
        }
        Statement::Ddl(_) => Ok(()),
    }
}

/// The tables whose columns an expression may name.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) tables: Tables<'s>,
    /// Those of the statement around a subquery.
    pub(super) outer: Option<&'s Scope<'s>>,
    /// The common table expressions that stand before the statement.
    pub(super) ctes: &'s [&'s Arc<Cte>],
}

#[derive(Clone, Copy)]
pub(super) enum Tables<'s> {
    /// A statement written by hand: its tables are in its text.
    Unknown,
    /// The table of an `INSERT`, `UPDATE` or `DELETE`.
    Written(TableRef),
    /// The same where it is updated by an `INSERT`, which also knows the row that could not be inserted.
    Upserted(TableRef),
    /// The tables in FROM, of which the first `visible` joins have been made where the expression stands.
    From { root: Option<TableRef>, select: &'s Select, visible: usize },
    /// Those of the statement around only.
    None,
}

impl Scope<'_> {
    fn knows(&self, table: TableRef) -> bool {
        let here = match self.tables {
            Tables::Unknown => true,
            Tables::Written(written) => written == table,
            Tables::Upserted(written) => {
                written == table || table == TableRef { alias: Some(Alias::Table(EXCLUDED)), ..written }
            }
            Tables::From { root, select, visible } => {
                root == Some(table) || select.joins.iter().take(visible).any(|join| join.table == table)
            }
            Tables::None => false,
        };
        here || self.outer.is_some_and(|outer| outer.knows(table))
    }

    /// The query of this name in FROM.
    fn source(&self, name: &str) -> Option<&Source> {
        let here = match self.tables {
            Tables::From { select, .. } => select.source(name),
            Tables::Unknown | Tables::Written(_) | Tables::Upserted(_) | Tables::None => None,
        };
        here.or_else(|| self.outer?.source(name))
    }

    /// Whether there is such a common table expression.
    fn has_cte(&self, wanted: &dyn Fn(&Arc<Cte>) -> bool) -> bool {
        self.ctes.iter().any(|cte| wanted(cte)) || self.outer.is_some_and(|outer| outer.has_cte(wanted))
    }
}

/// Where an expression stands.
#[derive(Clone, Copy)]
enum Place {
    /// In a projection or `ORDER BY`, where aggregates and window functions may stand.
    Value,
    Having,
    Where,
    On,
    GroupBy,
    Set,
    Returning,
    Aggregate,
    /// What a window function is called with, and its window: aggregates may stand there.
    Window,
}

impl Place {
    /// Why no aggregate may stand here.
    fn forbids_aggregates(self) -> Option<&'static str> {
        match self {
            Place::Value | Place::Having | Place::Window => None,
            Place::Where => Some(
                "an aggregate cannot stand in WHERE, which sees single rows: use `.having(..)`, or compare with a subquery",
            ),
            Place::On => {
                Some("an aggregate cannot stand in the condition of a join, which sees single rows: use `.having(..)`")
            }
            Place::GroupBy => Some("an aggregate cannot stand in GROUP BY, which makes the groups: group by columns"),
            Place::Set => Some("an aggregate cannot stand in SET: set the column to a subquery"),
            Place::Returning => Some("an aggregate cannot stand in RETURNING, which sees single rows"),
            Place::Aggregate => Some("an aggregate cannot stand within another: aggregate a subquery"),
        }
    }

    /// Where it is that no window function may stand.
    fn forbids_windows(self) -> Option<&'static str> {
        match self {
            Place::Value => None,
            Place::Where => Some("WHERE"),
            Place::Having => Some("HAVING"),
            Place::On => Some("the condition of a join"),
            Place::GroupBy => Some("GROUP BY"),
            Place::Set => Some("SET"),
            Place::Returning => Some("RETURNING"),
            Place::Aggregate => Some("an aggregate"),
            Place::Window => Some("another window"),
        }
    }
}

fn by_key(table: TableRef, key: &[Value]) -> Result<()> {
    let (model, columns) = (table.meta.model, table.meta.primary_key.len());
    if table.query().is_some() {
        return refuse(format!("a row of a query is not found by its key: use `select({0}).filter(..)`", table.name()));
    }
    if columns == 0 {
        return refuse(format!("`{model}` has no primary key: use `select({model}).filter(..)`"));
    }
    if columns != key.len() {
        return refuse(format!(
            "the primary key of `{model}` has {columns} columns, and {} values are given",
            key.len()
        ));
    }
    Ok(())
}

fn insert(chunk: InsertChunk<'_>, features: &Features) -> Result<()> {
    let table = chunk.table;
    if chunk.rows().is_empty() {
        return refuse(format!("there are no rows to insert into `{}`", table.name));
    }
    if chunk.columns.is_empty() && chunk.rows().len() > 1 {
        return refuse(format!("rows without a value can be inserted into `{}` one at a time only", table.name));
    }
    if let Some(conflict) = chunk.conflict {
        if chunk.columns.is_empty() {
            return refuse(format!(
                "a row of `{}` without a value cannot be inserted with `on_conflict`: give it one",
                table.name
            ));
        }
        on_conflict(table, conflict, features)?;
    }
    chunk.columns.iter().try_for_each(|column| can_be_given(table, column).map(drop))?;
    let scope = Scope { tables: Tables::Written(TableRef { meta: table, alias: None }), outer: None, ctes: &[] };
    returning(chunk.returning, &scope, features)
}

fn on_conflict(table: &'static TableMeta, conflict: &OnConflict, features: &Features) -> Result<()> {
    if !features.on_conflict {
        return unsupported("ON CONFLICT", features, "look for the row first, in the same transaction");
    }
    if !conflict.target.is_empty() && !is_unique(table, conflict.target) {
        let names: Result<Vec<_>> = conflict.target.iter().map(|index| Ok(column_of(table, index)?.name)).collect();
        return refuse(format!(
            "no key or unique constraint of `{}` is on `{}`: a conflict is one of them, and the model must say it, as \
             by `#[model(unique)]`",
            table.model,
            names?.join(", ")
        ));
    }
    let ConflictAction::Update { set, filter } = &conflict.action else {
        return Ok(());
    };
    if conflict.target.is_empty() {
        return refuse(
            "an update on conflict needs the columns of a key or unique constraint: name them in `.on_conflict(..)`"
                .into(),
        );
    }
    let scope = Scope { tables: Tables::Upserted(TableRef { meta: table, alias: None }), outer: None, ctes: &[] };
    assignments(table, set, &scope, features)?;
    Check::new(&scope, Place::Where, features).exprs(filter)
}

/// Whether no two rows may agree in these columns, as far as the model says.
fn is_unique(table: &TableMeta, columns: ColumnSet) -> bool {
    let mut keys = table.unique_columns().chain([table.primary_key]);
    keys.any(|key| key.iter().copied().collect::<ColumnSet>() == columns)
}

/// A column that a statement may write.
fn can_be_given(table: &'static TableMeta, index: u16) -> Result<&'static ColumnMeta> {
    let column = column_of(table, index)?;
    match column.computed {
        None => Ok(column),
        Some(sql) => Err(Error::Statement(format!(
            "the database computes `{}.{}` as `{sql}`: leave it out, and set what it is computed from",
            table.name, column.name
        ))),
    }
}

fn check_update(update: &Update, features: &Features) -> Result<()> {
    let scope = Scope { tables: Tables::Written(update.table), outer: None, ctes: &[] };
    assignments(update.table.meta, &update.set, &scope, features)?;
    Check::new(&scope, Place::Where, features).exprs(&update.filter)?;
    returning(&update.returning, &scope, features)
}

fn assignments(table: &'static TableMeta, set: &[Assignment], scope: &Scope<'_>, features: &Features) -> Result<()> {
    if set.is_empty() {
        return refuse(format!("the update of `{}` sets no column: add `.set(column, value)`", table.name));
    }
    let mut columns = ColumnSet::default();
    for assignment in set {
        let column = can_be_given(table, assignment.column)?;
        if columns.contains(assignment.column) {
            return refuse(format!("the update sets `{}.{}` twice", table.name, column.name));
        }
        columns.insert(assignment.column);
        Check::new(scope, Place::Set, features).expr(&assignment.value)?;
    }
    Ok(())
}

fn update_rows(chunk: UpdateChunk<'_>, features: &Features) -> Result<()> {
    let table = chunk.table;
    keyed_rows(table, chunk.guard, chunk.rows().len())?;
    if chunk.columns.is_empty() {
        return refuse(format!("the update of `{}` sets no column: name some that are not its key", table.name));
    }
    chunk.columns.iter().try_for_each(|column| can_be_given(table, column).map(drop))?;
    if chunk.rows().len() > 1 && !features.update_from {
        return unsupported("UPDATE .. FROM", features, "update the rows one by one");
    }
    let scope = Scope { tables: Tables::Written(TableRef { meta: table, alias: None }), outer: None, ctes: &[] };
    returning(chunk.returning, &scope, features)
}

fn keyed_rows(table: &'static TableMeta, guard: Option<u16>, rows: usize) -> Result<()> {
    if rows == 0 {
        return refuse(format!("there are no rows of `{}` to write", table.name));
    }
    if table.primary_key.is_empty() {
        return refuse(format!("`{}` has no primary key to find its rows by", table.model));
    }
    guard.map_or(Ok(()), |column| column_of(table, column).map(drop))
}

fn returning(projections: &[Projection], scope: &Scope<'_>, features: &Features) -> Result<()> {
    if projections.is_empty() {
        return Ok(());
    }
    if !features.returning {
        return unsupported("RETURNING", features, "select the rows after the statement, in the same transaction");
    }
    Check::new(scope, Place::Returning, features).projections(projections)
}

fn check_select(select: &Select, outer: Option<&Scope<'_>>, features: &Features) -> Result<()> {
    let ctes = ctes(select, outer, features)?;
    let outer = &Scope { tables: Tables::None, outer, ctes: &ctes };
    if !select.operands.is_empty() {
        return compound(select, outer, features);
    }
    if select.projection.is_empty() {
        return refuse("nothing is selected: name a model, a column or an expression in `select(..)`".into());
    }
    let root = select.root();
    root.map_or(Ok(()), |root| from_item(root, select, outer, features))?;
    joins(select, root, outer, features)?;
    let scope =
        Scope { tables: Tables::From { root, select, visible: select.joins.len() }, outer: Some(outer), ctes: &[] };
    let at = |place| Check::new(&scope, place, features);
    at(Place::Value).projections(&select.projection)?;
    at(Place::Where).exprs(&select.filter)?;
    for expr in &select.group_by {
        at(Place::GroupBy).expr_or_label(expr, select)?;
    }
    at(Place::Having).exprs(&select.having)?;
    for order in &select.order_by {
        at(Place::Value).expr_or_label(&order.expr, select)?;
    }
    distinct_on(select, at(Place::Where), features)?;
    select.lock.as_ref().map_or(Ok(()), |lock| check_lock(lock, select, &scope, features))
}

/// Checks the common table expressions that stand before a select, and gives them.
fn ctes<'a>(select: &'a Select, outer: Option<&Scope<'_>>, features: &Features) -> Result<Vec<&'a Arc<Cte>>> {
    let mut known: Vec<&Arc<Cte>> = Vec::new();
    for cte in select.ctes() {
        let other = |known: &Arc<Cte>| known.name == cte.name && !Arc::ptr_eq(known, cte);
        if known.iter().any(|known| other(known)) || outer.is_some_and(|outer| outer.has_cte(&other)) {
            return Err(Error::Statement(format!(
                "two common table expressions are called `{0}`: make it once and use it twice, or give one of them \
                 another name",
                cte.name
            )));
        }
        // One that stands around was checked there. To do it again for each that reads from it would never end.
        if outer.is_some_and(|outer| outer.has_cte(&|around| Arc::ptr_eq(around, cte))) {
            continue;
        }
        known.push(cte);
        // A name is known within its own query, too: it would hide a table there.
        let inside = Scope { tables: Tables::None, outer: None, ctes: &known };
        check_select(&cte.select, Some(&inside), features)?;
    }
    Ok(known)
}

/// A table or a query in FROM.
fn from_item(table: TableRef, select: &Select, outer: &Scope<'_>, features: &Features) -> Result<()> {
    let Some(name) = table.query() else {
        if outer.has_cte(&|cte| cte.name == table.meta.name) {
            return refuse(format!(
                "the table `{0}` is hidden by the common table expression of that name: call that one otherwise",
                table.meta.name
            ));
        }
        return Ok(());
    };
    let Some(source) = select.source(name) else {
        let scope = Scope { tables: Tables::From { root: None, select, visible: 0 }, outer: None, ctes: &[] };
        return Err(missing::from(table, "*", &scope));
    };
    match &source.query {
        SourceQuery::Subquery(query) => check_select(query, Some(outer), features),
        // They were checked where they are written.
        SourceQuery::Cte(_) | SourceQuery::Itself(_) => Ok(()),
    }
}

/// A `UNION` or the like.
fn compound(select: &Select, outer: &Scope<'_>, features: &Features) -> Result<()> {
    let plain = select.projection.is_empty()
        && select.joins.is_empty()
        && select.filter.is_empty()
        && select.group_by.is_empty()
        && select.having.is_empty()
        && select.distinct_on.is_empty()
        && select.from.is_none()
        && select.lock.is_none()
        && !select.distinct;
    if !plain {
        return refuse(
            "a compound of selects takes an order, a limit and an offset only: filter, join or group its operands, or \
             select from it by `.subquery(\"name\")`"
                .into(),
        );
    }
    for operand in &select.operands {
        set_operator(operand.operator, features)?;
        if operand.select.lock.is_some() {
            return refuse(
                "rows that come out of a compound cannot be locked: lock them by a select of their own".into(),
            );
        }
        check_select(&operand.select, Some(outer), features)?;
        let (first, other) =
            (width(&select.first_operand().projection), width(&operand.select.first_operand().projection));
        if first != other {
            return refuse(format!("the operands of a compound select {first} and {other} columns: select as many"));
        }
    }
    let projection = &select.first_operand().projection;
    match select.order_by.iter().all(|order| place_of(&order.expr, projection).is_some()) {
        true => Ok(()),
        false => Err(no_place()),
    }
}

fn set_operator(operator: SetOperator, features: &Features) -> Result<()> {
    let hint = "use the form without ALL, or count the rows by groups";
    match operator {
        SetOperator::IntersectAll if !features.intersect_all => unsupported("INTERSECT ALL", features, hint),
        SetOperator::ExceptAll if !features.intersect_all => unsupported("EXCEPT ALL", features, hint),
        SetOperator::Union
        | SetOperator::UnionAll
        | SetOperator::Intersect
        | SetOperator::IntersectAll
        | SetOperator::Except
        | SetOperator::ExceptAll => Ok(()),
    }
}

fn distinct_on(select: &Select, check: Check<'_>, features: &Features) -> Result<()> {
    if select.distinct_on.is_empty() {
        return Ok(());
    }
    if !features.distinct_on {
        let hint = "select `row_number().over(partition_by(..).order_by(..))` in a subquery, and keep number 1";
        return unsupported("DISTINCT ON", features, hint);
    }
    if select.distinct {
        return refuse("a select is either distinct or distinct on some columns".into());
    }
    check.exprs(&select.distinct_on)
}

fn check_lock(lock: &Lock, select: &Select, scope: &Scope<'_>, features: &Features) -> Result<()> {
    if !features.row_locks {
        let hint = "a transaction that writes has the whole database to itself: begin it before the rows are read";
        return unsupported("locks of rows", features, hint);
    }
    if select.distinct || !select.distinct_on.is_empty() || !select.group_by.is_empty() {
        return refuse("rows that are grouped or distinct cannot be locked: lock them by a select of their own".into());
    }
    for table in &lock.of {
        if !scope.knows(*table) {
            return Err(missing::from(*table, "*", scope));
        }
    }
    Ok(())
}

fn joins(select: &Select, root: Option<TableRef>, outer: &Scope<'_>, features: &Features) -> Result<()> {
    if root.is_none() && !select.joins.is_empty() {
        return refuse("there is nothing to join with: name the first table by `.from(..)`".into());
    }
    for (number, join) in select.joins.iter().enumerate() {
        let before = select.joins.iter().take(number).map(|join| join.table).chain(root);
        unique_name(join.table, before)?;
        from_item(join.table, select, outer, features)?;
        join_kind(join, features)?;
        // A condition sees its own table and those before it.
        let scope = Scope { tables: Tables::From { root, select, visible: number + 1 }, outer: Some(outer), ctes: &[] };
        Check::new(&scope, Place::On, features).exprs(&join.on)?;
    }
    Ok(())
}

fn unique_name(table: TableRef, before: impl IntoIterator<Item = TableRef>) -> Result<()> {
    let (name, model) = (table.name(), table.meta.model);
    if before.into_iter().all(|other| other.name() != name) {
        return Ok(());
    }
    refuse(format!(
        "`{name}` stands twice in FROM: give one of them a name of its own with `.alias(\"..\")`, as in \
         `let other = {model}.alias(\"other\")`"
    ))
}

fn join_kind(join: &Join, features: &Features) -> Result<()> {
    let hint = "swap the tables and use a left join";
    match join.kind {
        JoinKind::Right if !features.right_and_full_join => return unsupported("RIGHT JOIN", features, hint),
        JoinKind::Full if !features.right_and_full_join => {
            return unsupported("FULL JOIN", features, "run one left join in each direction");
        }
        JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full | JoinKind::Cross => {}
    }
    let name = join.table.name();
    match (join.kind == JoinKind::Cross, &join.on) {
        (true, Some(_)) => refuse(format!("the cross join of `{name}` has a condition: use an inner join")),
        (false, None) => {
            refuse(format!("the join of `{name}` has no condition: use a cross join if every pair is meant"))
        }
        (true, None) | (false, Some(_)) => Ok(()),
    }
}

/// Looks through the expressions of one place.
#[derive(Clone, Copy)]
struct Check<'s> {
    scope: &'s Scope<'s>,
    place: Place,
    features: &'s Features,
}

impl<'s> Check<'s> {
    fn new(scope: &'s Scope<'s>, place: Place, features: &'s Features) -> Self {
        Check { scope, place, features }
    }

    fn projections(self, projections: &[Projection]) -> Result<()> {
        projections.iter().try_for_each(|projection| match projection {
            Projection::Table(table) => self.table(*table),
            Projection::Expr(expr) | Projection::Label(expr, _) => self.expr(expr),
            Projection::One => Ok(()),
        })
    }

    fn exprs<'e>(self, exprs: impl IntoIterator<Item = &'e Expr>) -> Result<()> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(self, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Column(column) => self.column(*column),
            Expr::Bind(_) | Expr::Bool(_) => Ok(()),
            Expr::Binary(_, sides) => self.exprs([&sides.0, &sides.1]),
            Expr::And(exprs) | Expr::Or(exprs) | Expr::Row(exprs) | Expr::Function(_, exprs) => self.exprs(exprs),
            Expr::Not(expr) | Expr::Negate(_, expr) => self.expr(expr),
            Expr::Operation(operation) => self.operation(operation),
            Expr::Raw(raw) => self.raw(raw),
            Expr::Subquery(select) => self.value_of(select),
            Expr::Label(label) => refuse(format!(
                "the label `{label}` can only stand by itself, in ORDER BY or GROUP BY: write out its expression"
            )),
            Expr::Invalid(text) => refuse(text.to_string()),
        }
    }

    fn raw(self, raw: &Raw) -> Result<()> {
        raw.parts.iter().try_for_each(|part| match part {
            RawPart::Text(text) if text.contains('\0') => {
                refuse(format!("text in a statement cannot hold a NUL: {text:?}"))
            }
            RawPart::Text(_) => Ok(()),
            RawPart::Expr(expr) => self.expr(expr),
        })
    }

    fn operation(self, operation: &Operation) -> Result<()> {
        match operation {
            Operation::IsNull { expr, .. }
            | Operation::InList { expr, .. }
            | Operation::Cast { expr, .. }
            | Operation::Decimal { expr }
            | Operation::Json { expr, .. } => self.expr(expr),
            Operation::Like { expr, pattern, .. } => self.exprs([expr, pattern]),
            Operation::Between { expr, low, high, .. } => self.exprs([expr, low, high]),
            Operation::InSelect { expr, select, .. } => {
                self.expr(expr)?;
                match expr {
                    Expr::Row(parts) => self.rows_of(select, parts.len()),
                    _ => self.value_of(select),
                }
            }
            Operation::Exists { select, .. } => check_select(select, Some(self.scope), self.features),
            Operation::Case { when, .. } if when.is_empty() => {
                refuse("a CASE needs a condition: add `.when(..)`".into())
            }
            Operation::Case { when, otherwise } => {
                self.exprs(when.iter().flat_map(|(condition, result)| [condition, result]))?;
                self.exprs(otherwise)
            }
            Operation::Aggregate { function, distinct, expr, filter, order_by, .. } => {
                if *distinct && matches!(function, Aggregate::StringAgg(_)) && !self.features.distinct_string_agg {
                    let hint = "aggregate a subquery that selects distinct texts";
                    return unsupported("DISTINCT of texts joined by a separator", self.features, hint);
                }
                if *distinct && expr.is_none() {
                    return refuse("`count(DISTINCT *)` counts nothing: name what is to be distinct".into());
                }
                self.aggregate(expr.as_ref(), filter.as_ref(), order_by)
            }
            Operation::Window { arguments, filter, window, .. } => self.window(arguments, filter.as_ref(), window),
        }
    }

    fn window(self, arguments: &[Expr], filter: Option<&Expr>, window: &Window) -> Result<()> {
        if let Some(place) = self.place.forbids_windows() {
            return refuse(format!(
                "a window function cannot stand in {place}, since it sees the rows that come out of the statement: \
                 select it in a subquery, and use its column"
            ));
        }
        if let Some(frame) = &window.frame {
            check_frame(frame, window.order_by.len())?;
        }
        let inside = Check { place: Place::Window, ..self };
        inside.exprs(arguments)?;
        inside.exprs(window.exprs())?;
        Check { place: Place::Where, ..self }.exprs(filter)
    }

    fn aggregate(self, expr: Option<&Expr>, filter: Option<&Expr>, order_by: &[Order]) -> Result<()> {
        if let Some(reason) = self.place.forbids_aggregates() {
            return refuse(reason.into());
        }
        let inside = Check { place: Place::Aggregate, ..self };
        inside.exprs(expr)?;
        inside.exprs(filter)?;
        inside.exprs(order_by.iter().map(|order| &order.expr))
    }

    /// A subquery that stands for rows of so many values.
    fn rows_of(self, select: &Select, parts: usize) -> Result<()> {
        check_select(select, Some(self.scope), self.features)?;
        match width(&select.first_operand().projection) {
            width if width == parts => Ok(()),
            width => refuse(format!("a row of {parts} values is looked for in a subquery that selects {width}")),
        }
    }

    /// A subquery that stands for values, and so has one column.
    fn value_of(self, select: &Select) -> Result<()> {
        check_select(select, Some(self.scope), self.features)?;
        match width(&select.first_operand().projection) {
            1 => Ok(()),
            width => {
                refuse(format!("a subquery that stands for a value selects one column, and this one selects {width}"))
            }
        }
    }

    /// A key of ORDER BY or GROUP BY: the one place for a label.
    fn expr_or_label(self, expr: &Expr, select: &Select) -> Result<()> {
        let Expr::Label(label) = expr else {
            return self.expr(expr);
        };
        let known = |projection: &Projection| matches!(projection, Projection::Label(_, name) if name == label);
        if select.projection.iter().any(known) {
            return Ok(());
        }
        refuse(format!("nothing that is selected has the label `{label}`: add `.label(\"{label}\")` to it"))
    }

    fn column(self, column: ColumnRef) -> Result<()> {
        if let Some(query) = column.table.query() {
            self.named(column.table, column.table.meta.column(column.index).map_or("?", |meta| meta.name))?;
            return self.has(query, |source| has_column(source, column));
        }
        let meta = column_of(column.table.meta, column.index)?;
        self.named(column.table, meta.name)
    }

    /// All columns of a table.
    fn table(self, table: TableRef) -> Result<()> {
        self.named(table, "*")?;
        match table.query() {
            Some(query) => self.has(query, |source| has_table(source, table)),
            None => Ok(()),
        }
    }

    /// Whether the query of this name has what is asked of it: another query could have the same name.
    fn has(self, query: &str, has: impl FnOnce(&Source) -> bool) -> Result<()> {
        if self.scope.source(query).is_some_and(has) {
            return Ok(());
        }
        refuse(format!(
            "the query `{query}` in FROM is not the one whose column is asked for: name one of them otherwise"
        ))
    }

    fn named(self, table: TableRef, column: &str) -> Result<()> {
        if self.scope.knows(table) {
            return Ok(());
        }
        Err(missing::from(table, column, self.scope))
    }
}

/// What every database demands of a frame.
fn check_frame(frame: &Frame, order_keys: usize) -> Result<()> {
    let Frame { unit, start, end, .. } = *frame;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return refuse(format!("a window's frame from {start} to {end} begins after its end: swap them"));
    }
    let far = [start, end].into_iter().flatten().any(|distance| distance != 0);
    match unit {
        FrameUnit::Range if far && order_keys != 1 => refuse(format!(
            "a range of values needs a window that is ordered by one number, and it is ordered by {order_keys} keys: \
             use `.rows(..)` or `.groups(..)`"
        )),
        FrameUnit::Groups if order_keys == 0 => {
            refuse("groups are rows that are equal in the window's order, and it has none: add `.order_by(..)`".into())
        }
        FrameUnit::Rows | FrameUnit::Range | FrameUnit::Groups => Ok(()),
    }
}

/// How many columns are selected.
fn width(projections: &[Projection]) -> usize {
    let columns = |projection: &Projection| match projection {
        Projection::Table(table) => table.meta.columns.len(),
        Projection::Expr(_) | Projection::Label(..) | Projection::One => 1,
    };
    projections.iter().map(columns).sum()
}

#[cold]
fn refuse(text: String) -> Result<()> {
    Err(Error::Statement(text))
}

#[cold]
fn unsupported(feature: &'static str, features: &Features, hint: &'static str) -> Result<()> {
    Err(Error::Unsupported { feature, backend: features.backend, hint })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, *};
    use super::*;
    use crate::ast;
    use crate::ast::{BinaryOp, Delete, Direction, NullsOrder};

    fn of_select(select: &Select) -> String {
        error(Statement::Select(select), &LITE)
    }

    fn count() -> Expr {
        aggregate(Aggregate::Count, None)
    }

    #[test]
    fn aggregates_stand_only_where_there_are_groups() {
        let many = || binary(BinaryOp::Gt, count(), int(3));
        assert!(of_select(&users_where([many()])).contains("use `.having(..)`"));
        let joined = Select { joins: vec![join(JoinKind::Inner, table(&POST), many())], ..select([user("name")]) };
        assert!(of_select(&joined).starts_with("an aggregate cannot stand in the condition of a join"));
        let grouped = Select { group_by: vec![count()], ..select([user("name")]) };
        assert!(of_select(&grouped).starts_with("an aggregate cannot stand in GROUP BY"));
        assert!(of_select(&select([user("id"), aggregate(Aggregate::Max, Some(count()))])).contains("within another"));
        // A subquery has groups of its own.
        let inner = Select { from: Some(table(&POST)), ..select([count()]) };
        sql(Statement::Select(&users_where([eq(Expr::Subquery(Box::new(inner)), int(1))])), &LITE);
    }

    #[test]
    fn two_tables_of_one_name_need_an_alias() {
        let twice =
            Select { joins: vec![posts_join(JoinKind::Inner), posts_join(JoinKind::Left)], ..select([user("name")]) };
        assert_eq!(
            of_select(&twice),
            "`post` stands twice in FROM: give one of them a name of its own with `.alias(\"..\")`, as in \
             `let other = Post.alias(\"other\")`"
        );
    }

    #[test]
    fn a_join_that_says_too_little_or_too_much_is_refused() {
        let with = |join| of_select(&Select { joins: vec![join], ..select([user("name")]) });
        assert!(with(Join { on: None, ..posts_join(JoinKind::Inner) }).contains("has no condition"));
        assert!(with(posts_join(JoinKind::Cross)).contains("has a condition"));
        let rootless = Select { joins: vec![Join { left: None, ..posts_join(JoinKind::Inner) }], ..select([count()]) };
        assert!(of_select(&rootless).contains("name the first table by `.from(..)`"));
    }

    #[test]
    fn what_the_backend_lacks_is_said_before_anything_is_sent() {
        let right = Select { joins: vec![posts_join(JoinKind::Right)], ..select([user("name")]) };
        assert_eq!(
            error(Statement::Select(&right), &STRICT),
            "strict cannot do RIGHT JOIN: swap the tables and use a left join"
        );
        let delete = Delete {
            table: table(&USERS),
            filter: vec![],
            returning: vec![Projection::Table(table(&USERS))],
            lifted: Default::default(),
        };
        assert!(error(Statement::Delete(&delete), &STRICT).starts_with("strict cannot do RETURNING"));
    }

    #[test]
    fn selecting_nothing_is_refused() {
        assert!(
            of_select(&Select { from: Some(table(&USERS)), ..Select::default() }).starts_with("nothing is selected")
        );
    }

    #[test]
    fn a_label_must_be_one_that_is_selected() {
        let by = |expr| Select {
            order_by: vec![order(expr, Direction::Ascending, NullsOrder::Smallest)],
            ..select([user("name")])
        };
        assert_eq!(
            of_select(&by(Expr::Label("n"))),
            "nothing that is selected has the label `n`: add `.label(\"n\")` to it"
        );
        assert!(of_select(&by(eq(Expr::Label("n"), int(1)))).contains("can only stand by itself"));
    }

    #[test]
    fn a_subquery_for_a_value_has_one_column() {
        let two = select([post("id"), post("title")]);
        let message = of_select(&users_where([eq(user("id"), Expr::Subquery(Box::new(two)))]));
        assert!(message.ends_with("this one selects 2"), "{message}");
    }

    #[test]
    fn a_key_must_have_all_of_its_columns() {
        let key = [Value::Int(1)];
        assert_eq!(
            error(Statement::ByKey { table: table(&PAIR), key: &key }, &LITE),
            "the primary key of `Pair` has 2 columns, and 1 values are given"
        );
    }

    #[test]
    fn what_the_database_computes_is_never_given() {
        let message =
            "the database computes `box.area` as `width * width`: leave it out, and set what it is computed from";
        assert_eq!(error(whole(&fixtures::insert(&BOX, &[1, 2], vec![vec![1, 2]])), &LITE), message);
        let set = ast::Assignments::from([ast::Assignment { column: 2, value: int(1) }]);
        let update = Update {
            table: table(&BOX),
            set,
            filter: Default::default(),
            returning: vec![],
            lifted: Default::default(),
        };
        assert_eq!(error(Statement::Update(&update), &LITE), message);
    }

    #[test]
    fn what_could_not_be_built_says_why() {
        assert_eq!(of_select(&users_where([Expr::Invalid("because".into())])), "because");
    }
}
