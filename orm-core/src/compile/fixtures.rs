//! Tables, dialects and short forms for the tests of this folder.

use std::sync::Arc;

use super::{Cache, compile};
use crate::ast::{
    Aggregate, Alias, BinaryOp, ColumnRef, ColumnSet, Expr, Function, Insert, InsertChunk, Join, JoinKind, KeyedRows,
    NumberKind, Operation, Order, Projection, RowSource, Select, Statement, TableRef,
};
use crate::ast::{Direction, NullsOrder};
use crate::compile::Writer;
use crate::dialect::{ArrayRows, Dialect, Features, ListKind, TypePlace};
use crate::error::Result;
use crate::meta::{
    CheckMeta, ColumnMeta, Deferrable, ForeignKeyMeta, IndexMeta, OnAction, RelationMeta, TableMeta, UniqueMeta,
};
use crate::types::{BindSink, ColumnType};
use crate::value::{Value, ValueRef};

const fn column(name: &'static str, column_type: ColumnType, nullable: bool) -> ColumnMeta {
    ColumnMeta::new(name, name, column_type, nullable)
}

const TEXT: ColumnType = ColumnType::Text { max_length: None };

pub(super) const EMPTY: TableMeta = TableMeta::EMPTY;

pub(super) static USERS: TableMeta = TableMeta {
    name: "users",
    model: "User",
    columns: &[
        column("id", ColumnType::Int64, false),
        column("name", TEXT, false),
        column("email", ColumnType::Text { max_length: Some(255) }, false),
        column("age", ColumnType::Int32, true),
        column("manager_id", ColumnType::Int64, true),
        column("role", ColumnType::Enum { name: "role", variants: &["admin", "it's"], native: false }, false)
            .default_sql("'user'"),
    ],
    primary_key: &[0],
    generated: Some(0),
    version: None,
    uniques: &[UniqueMeta::new(None, &[2])],
    indexes: &[IndexMeta::new(None, &[1, 3])],
    checks: &[CheckMeta { name: None, column: Some(3), sql: "age >= 0" }],
    foreign_keys: &[ForeignKeyMeta {
        relation: "manager",
        columns: &[4],
        table: "users",
        references: || &USERS,
        to: None,
        on_delete: OnAction::SetNull,
        on_update: OnAction::NoAction,
        delete_orphans: false,
        deferrable: Deferrable::No,
    }],
    relations: &[RelationMeta { name: "posts", target: || &POST }],
    ..EMPTY
};

/// A model always has a key; what a program builds by hand need not.
pub(super) static KEYLESS: TableMeta = TableMeta { name: "keyless", model: "Keyless", ..EMPTY };

pub(super) static POST: TableMeta = TableMeta {
    name: "post",
    model: "Post",
    columns: &[
        column("id", ColumnType::Int64, false),
        column("author_id", ColumnType::Int64, false),
        column("title", TEXT, false),
        column("body", TEXT, true),
    ],
    primary_key: &[0],
    generated: Some(0),
    foreign_keys: &[ForeignKeyMeta {
        relation: "author",
        columns: &[1],
        table: "users",
        references: || &USERS,
        to: None,
        on_delete: OnAction::Cascade,
        on_update: OnAction::Restrict,
        delete_orphans: false,
        deferrable: Deferrable::No,
    }],
    ..EMPTY
};

/// Points at posts, which know nothing of it.
pub(super) static COMMENT: TableMeta = TableMeta {
    name: "comment",
    model: "Comment",
    columns: &[column("id", ColumnType::Int64, false), column("post_id", ColumnType::Int64, false)],
    primary_key: &[0],
    foreign_keys: &[ForeignKeyMeta {
        relation: "post",
        columns: &[1],
        table: "post",
        references: || &POST,
        to: None,
        on_delete: OnAction::NoAction,
        on_update: OnAction::NoAction,
        delete_orphans: false,
        deferrable: Deferrable::No,
    }],
    ..EMPTY
};

/// Related to nothing, with a key of two columns.
pub(super) static PAIR: TableMeta = TableMeta {
    name: "pair",
    model: "Pair",
    columns: &[column("a", ColumnType::Int64, false), column("b", ColumnType::Int64, false)],
    primary_key: &[0, 1],
    ..EMPTY
};

/// With a column that the database computes.
pub(super) static BOX: TableMeta = TableMeta {
    name: "box",
    model: "Box",
    columns: &[
        column("id", ColumnType::Int64, false),
        column("width", ColumnType::Int64, false),
        column("area", ColumnType::Int64, false).computed("width * width"),
    ],
    primary_key: &[0],
    ..EMPTY
};

/// Writes like SQLite.
pub(crate) const LITE: Numbered = Numbered(Features {
    backend: "lite",
    max_binds: 200,
    max_identifier: 255,
    insert_rows: 50,
    array_rows: None,
    copy_rows: None,
    insert_rows_of_one_text: 50,
    literal_limit: true,
    offset_needs_limit: true,
    decimal_collation: Some("decimal"),
    distinct_string_agg: false,
    list_as_one_bind: |kind| kind != ListKind::Separate,
    returning: true,
    update_from: true,
    on_conflict: true,
    right_and_full_join: true,
    intersect_all: true,
    distinct_on: true,
    row_locks: true,
    aggregate_filter: true,
    nulls_are_smallest: true,
    untyped_binds: false,
    binds_by_number: false,
    backslash_escapes: false,
    keys_need_tables: false,
    two_phase_commit: false,
    ilike: false,
    is_distinct_from: false,
    divide_by_zero_is_null: true,
    enforces_max_length: false,
    native_enums: false,
    compound_operators: false,
    schemas: false,
    sequences: false,
    generated_always: false,
    index_methods: false,
    exclusion_constraints: false,
    deferrable_unique: false,
    unsupported_type: |_| None,
    integer_sum_is_integer: true,
});

/// Takes rows as arrays, of all but decimals and enums.
pub(super) const ARRAYS: Numbered = Numbered(Features {
    backend: "arrays",
    array_rows: Some(ArrayRows {
        rows: 1_000,
        takes: |column_type| !matches!(column_type, ColumnType::Decimal | ColumnType::Enum { .. }),
    }),
    ..LITE.0
});

/// Differs from [`LITE`] wherever it can.
pub(super) const STRICT: Numbered = Numbered(Features {
    backend: "strict",
    max_binds: 10_000,
    max_identifier: 63,
    insert_rows: 50,
    array_rows: None,
    copy_rows: None,
    insert_rows_of_one_text: 50,
    literal_limit: false,
    offset_needs_limit: false,
    decimal_collation: None,
    distinct_string_agg: true,
    list_as_one_bind: |_| false,
    returning: false,
    update_from: false,
    on_conflict: false,
    right_and_full_join: false,
    intersect_all: false,
    distinct_on: false,
    row_locks: false,
    aggregate_filter: false,
    nulls_are_smallest: false,
    untyped_binds: false,
    binds_by_number: false,
    backslash_escapes: false,
    keys_need_tables: false,
    two_phase_commit: false,
    ilike: true,
    is_distinct_from: true,
    divide_by_zero_is_null: false,
    enforces_max_length: true,
    native_enums: true,
    compound_operators: false,
    schemas: false,
    sequences: false,
    generated_always: false,
    index_methods: false,
    exclusion_constraints: false,
    deferrable_unique: false,
    unsupported_type: |_| None,
    integer_sum_is_integer: false,
});

/// Placeholders are `?1`, `?2`; decimals are text and have functions for operators.
#[derive(Debug)]
pub(crate) struct Numbered(pub(super) Features);

impl Dialect for Numbered {
    fn name(&self) -> &'static str {
        self.0.backend
    }

    fn placeholder(&self, position: usize, sql: &mut String) {
        sql.push_str(&format!("?{position}"));
    }

    fn features(&self) -> &Features {
        &self.0
    }

    fn column_type(&self, column_type: ColumnType, place: TypePlace, sql: &mut String) {
        let text = matches!(column_type, ColumnType::Text { .. } | ColumnType::Enum { .. });
        sql.push_str(match (text, place) {
            (true, _) => "TEXT",
            (false, TypePlace::Cast) => "NUMERIC",
            (false, TypePlace::Column | TypePlace::GeneratedKey) => "INTEGER",
        });
    }

    fn generated_key(&self, sql: &mut String) -> bool {
        let inline = self.0.literal_limit;
        sql.push_str(if inline { " PRIMARY KEY" } else { " GENERATED BY DEFAULT AS IDENTITY" });
        inline
    }

    fn function(&self, function: Function) -> &'static str {
        match function {
            Function::Lower => "lower",
            Function::Length => "length",
            Function::Coalesce => "coalesce",
            Function::Named(name) => name,
            _ => "other",
        }
    }

    fn aggregate(&self, aggregate: Aggregate) -> &'static str {
        match aggregate {
            Aggregate::Count => "count",
            Aggregate::Sum(_) => "sum",
            Aggregate::Avg(_) => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::StringAgg(_) => "string_agg",
        }
    }

    fn arithmetic_function(&self, op: BinaryOp, kind: NumberKind) -> Option<&'static str> {
        match (op, kind) {
            (BinaryOp::Add(_), NumberKind::Decimal) => Some("decimal_add"),
            (BinaryOp::Subtract(_), NumberKind::Decimal) => Some("decimal_sub"),
            _ => None,
        }
    }

    fn list(&self, out: &mut Writer<'_>, _kind: ListKind, negated: bool, placeholder: usize) -> Result<()> {
        out.push(if negated { " NOT IN (SELECT value FROM each(" } else { " IN (SELECT value FROM each(" });
        out.push_placeholder(placeholder);
        out.push("))");
        Ok(())
    }
}

pub(super) fn table(meta: &'static TableMeta) -> TableRef {
    TableRef { meta, alias: None }
}

pub(super) fn alias(meta: &'static TableMeta, alias: &'static str) -> TableRef {
    TableRef { meta, alias: Some(Alias::Table(alias)) }
}

/// A column by its name.
pub(super) fn of(table: TableRef, name: &str) -> Expr {
    let index = table.meta.columns.iter().position(|column| column.name == name).expect("a column of the table");
    Expr::Column(ColumnRef { table, index: u16::try_from(index).expect("few columns") })
}

pub(super) fn user(name: &str) -> Expr {
    of(table(&USERS), name)
}

pub(super) fn post(name: &str) -> Expr {
    of(table(&POST), name)
}

pub(super) fn int(value: i64) -> Expr {
    Expr::Bind(Value::Int(value))
}

pub(super) fn text(value: &str) -> Expr {
    Expr::Bind(Value::Text(value.into()))
}

pub(super) fn null() -> Expr {
    Expr::Bind(Value::Null)
}

pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new((left, right)))
}

pub(super) fn eq(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Eq, left, right)
}

pub(super) fn operation(operation: Operation) -> Expr {
    Expr::Operation(Box::new(operation))
}

pub(super) fn in_list(expr: Expr, values: Vec<Value>, negated: bool) -> Expr {
    operation(Operation::InList { expr, list: Value::List(values), negated })
}

pub(super) fn exists(select: Select, negated: bool) -> Expr {
    operation(Operation::Exists { select: Box::new(select), negated })
}

pub(super) fn aggregate(function: Aggregate, expr: Option<Expr>) -> Expr {
    operation(Operation::Aggregate { function, distinct: false, expr, filter: None, order_by: vec![] })
}

pub(super) fn select(projection: impl IntoIterator<Item = Expr>) -> Select {
    Select { projection: projection.into_iter().map(Projection::Expr).collect(), ..Select::default() }
}

/// `SELECT "users"."name" .. WHERE ..`
pub(super) fn users_where(filter: impl IntoIterator<Item = Expr>) -> Select {
    Select { filter: filter.into_iter().collect(), ..select([user("name")]) }
}

pub(super) fn join(kind: JoinKind, table: TableRef, on: Expr) -> Join {
    Join { kind, table, left: None, on: Some(on) }
}

pub(super) fn posts_join(kind: JoinKind) -> Join {
    Join { left: Some(table(&USERS)), ..join(kind, table(&POST), eq(post("author_id"), user("id"))) }
}

pub(super) fn order(expr: Expr, direction: Direction, nulls: NullsOrder) -> Order {
    Order { expr, direction, nulls }
}

/// Rows of integers, all with the same columns.
#[derive(Debug)]
pub(super) struct Rows(pub(super) Vec<Vec<i64>>, pub(super) ColumnSet);

impl RowSource for Rows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn columns(&self, _row: usize) -> ColumnSet {
        self.1
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        columns.iter().try_for_each(|column| {
            let place = self.1.iter().position(|own| own == *column).expect("a column of the set");
            sink.bind(ValueRef::Int(self.0[row][place]))
        })
    }
}

pub(super) fn insert(meta: &'static TableMeta, columns: &[u16], rows: Vec<Vec<i64>>) -> Insert {
    let mut set = ColumnSet::default();
    columns.iter().for_each(|column| set.insert(*column));
    Insert { table: meta, rows: Arc::new(Rows(rows, set)), conflict: None, returning: vec![] }
}

/// Rows of integers, a cell for each column. The database has a hundred less in the fourth column.
#[derive(Debug)]
pub(super) struct Keyed(pub(super) Vec<Vec<i64>>);

pub(super) fn keyed(rows: &[&[i64]]) -> Keyed {
    Keyed(rows.iter().map(|row| row.to_vec()).collect())
}

impl KeyedRows for Keyed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn bind_key(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        columns.iter().try_for_each(|column| {
            let now = self.0[row][usize::from(*column)];
            sink.bind(ValueRef::Int(if *column == 3 { now - 100 } else { now }))
        })
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        columns.iter().try_for_each(|column| sink.bind(ValueRef::Int(self.0[row][usize::from(*column)])))
    }
}

pub(super) fn whole(insert: &Insert) -> Statement<'_> {
    Statement::Insert(chunk(insert))
}

/// All rows of an `INSERT`.
pub(super) fn chunk(insert: &Insert) -> InsertChunk<'_> {
    let Insert { table, rows, conflict, returning } = insert;
    let end = rows.len();
    let columns = if end == 0 { ColumnSet::default() } else { rows.columns(0) };
    InsertChunk { table, rows: rows.as_ref(), columns, conflict: conflict.as_deref(), returning, start: 0, end }
}

/// The text for one dialect.
pub(super) fn sql(statement: Statement<'_>, dialect: &Numbered) -> String {
    match compile(statement, dialect) {
        Ok(compiled) => compiled.sql,
        Err(error) => panic!("{error}"),
    }
}

/// The text of `SELECT "users"."name" FROM "users" WHERE ..` from its condition on.
pub(super) fn condition(expr: Expr, dialect: &Numbered) -> String {
    let sql = sql(Statement::Select(&users_where([expr])), dialect);
    sql.strip_prefix("SELECT \"users\".\"name\" FROM \"users\" WHERE ").expect("a condition").to_owned()
}

/// What compiling for a dialect says is wrong.
pub(super) fn error(statement: Statement<'_>, dialect: &Numbered) -> String {
    match compile(statement, dialect) {
        Ok(compiled) => panic!("no error: {}", compiled.sql),
        Err(error) => error.to_string(),
    }
}

/// The values in the order of the placeholders, as a log shows them.
pub(super) fn binds(statement: Statement<'_>, dialect: &Numbered) -> String {
    let prepared = Cache::new(4).prepare(statement, dialect).expect("a statement");
    let shown = prepared.binds_for_log(true).to_string();
    assert_eq!(prepared.bind_count(), prepared.sql().matches('?').count(), "{}", prepared.sql());
    shown
}
