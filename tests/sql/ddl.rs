//! `CREATE` and `DROP`, from models.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use orm::prelude::*;
use orm::schema::ddl::Ddl;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::check::{Sql, check, check_schema, refused};
use crate::models::*;

/// A field of every type.
#[derive(Debug, Model)]
struct Types {
    #[model(primary_key)]
    id: Uuid,
    bool: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    text: String,
    bytes: Vec<u8>,
    date: NaiveDate,
    time: NaiveTime,
    datetime: NaiveDateTime,
    timestamp: DateTime<Utc>,
    decimal: Decimal,
    json: Json<Vec<String>>,
    state: State,
    code: Code,
    option: Option<i64>,
}

#[derive(Debug, Clone, Copy, DbEnum)]
enum State {
    Draft,
    #[db_enum(rename = "it's live")]
    Published,
}

#[derive(Debug, Clone, DbType)]
struct Code(String);

/// Everything that can be said of a table.
#[expect(clippy::duplicated_attributes, reason = "a field is in several indexes")]
#[derive(Debug, Model)]
#[model(
    table = "everything",
    primary_key(shop, number),
    index(name, price),
    index(price, name = "by_price"),
    unique(name, shop),
    unique(name, number, name = "one_number"),
    check = "price < 1000",
    check("name <> ''", name = "has_a_name")
)]
struct Everything {
    #[model(belongs_to(place: Shop), on_delete = restrict, on_update = cascade)]
    shop: i64,
    number: i32,
    #[model(max_length = 40, check = "name <> 'x'")]
    name: String,
    #[model(unique, max_length = 3)]
    short: Option<String>,
    #[model(index, check("price > 0", name = "is_not_free"))]
    price: i64,
    #[model(default_sql = "CURRENT_TIMESTAMP")]
    at: DateTime<Utc>,
    #[model(default_sql = "'new'", column = "word")]
    state: String,
    #[model(default_sql = "1", belongs_to(other: Shop), on_delete = set_default, on_update = no_action)]
    other_id: i64,
    #[model(belongs_to(former: Shop), on_delete = set_null, on_update = set_null)]
    former_id: Option<i64>,
    #[model(skip)]
    _note: String,
}

#[derive(Debug, Model)]
struct Shop {
    #[model(primary_key)]
    id: i64,
}

/// The database computes what it is worth.
#[derive(Debug, Model)]
struct Stock {
    #[model(primary_key)]
    id: i64,
    price: i64,
    count: i64,
    #[model(computed = "price * count", unique)]
    worth: i64,
    #[model(computed = "nullif(count, 0)", max_length = 9)]
    label: Option<String>,
}

/// The two point at each other.
#[derive(Debug, Model)]
struct Hen {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(egg: Egg))]
    egg_id: i64,
}

#[derive(Debug, Model)]
struct Egg {
    #[model(primary_key, natural)]
    id: i64,
    #[model(belongs_to(hen: Hen))]
    hen_id: Option<i64>,
}

#[test]
fn every_type_has_a_column() {
    check_schema(
        &schema![Types],
        &[Sql {
            sqlite: r#"CREATE TABLE IF NOT EXISTS "types" ("id" UUID_BLOB NOT NULL, "bool" BOOLEAN NOT NULL, "i8" SMALLINT NOT NULL, "i16" SMALLINT NOT NULL, "i32" INTEGER NOT NULL, "i64" BIGINT NOT NULL, "u8" SMALLINT NOT NULL, "u16" INTEGER NOT NULL, "u32" BIGINT NOT NULL, "u64" BIGINT NOT NULL, "f32" REAL NOT NULL, "f64" DOUBLE NOT NULL, "text" TEXT NOT NULL, "bytes" BLOB NOT NULL, "date" DATE NOT NULL, "time" TIME NOT NULL, "datetime" DATETIME NOT NULL, "timestamp" TIMESTAMP NOT NULL, "decimal" DECIMAL_TEXT COLLATE decimal NOT NULL, "json" JSON_TEXT NOT NULL, "state" TEXT NOT NULL, "code" TEXT NOT NULL, "option" BIGINT, PRIMARY KEY ("id"), CONSTRAINT "ck_types_state_values" CHECK ("state" IN ('draft', 'it''s live')))"#,
        }],
    );
}

#[test]
fn everything_that_is_said_of_a_table_is_in_it() {
    check_schema(
        &schema![Everything, Shop],
        &[
            Sql { sqlite: r#"CREATE TABLE IF NOT EXISTS "shop" ("id" INTEGER PRIMARY KEY)"# },
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "everything" ("shop" BIGINT NOT NULL, "number" INTEGER NOT NULL, "name" VARCHAR(40) NOT NULL, "short" VARCHAR(3), "price" BIGINT NOT NULL, "at" TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')), "word" TEXT NOT NULL DEFAULT ('new'), "other_id" BIGINT NOT NULL DEFAULT (1), "former_id" BIGINT, PRIMARY KEY ("shop", "number"), CONSTRAINT "uq_everything_short" UNIQUE ("short"), CONSTRAINT "uq_everything_name_shop" UNIQUE ("name", "shop"), CONSTRAINT "one_number" UNIQUE ("name", "number"), CONSTRAINT "fk_everything_shop_shop" FOREIGN KEY ("shop") REFERENCES "shop" ("id") ON DELETE RESTRICT ON UPDATE CASCADE, CONSTRAINT "fk_everything_other_id_shop" FOREIGN KEY ("other_id") REFERENCES "shop" ("id") ON DELETE SET DEFAULT, CONSTRAINT "fk_everything_former_id_shop" FOREIGN KEY ("former_id") REFERENCES "shop" ("id") ON DELETE SET NULL ON UPDATE SET NULL, CONSTRAINT "ck_everything_name" CHECK (name <> 'x'), CONSTRAINT "is_not_free" CHECK (price > 0), CONSTRAINT "ck_everything_3" CHECK (price < 1000), CONSTRAINT "has_a_name" CHECK (name <> ''), CONSTRAINT "ck_everything_name_length" CHECK (length("name") <= 40), CONSTRAINT "ck_everything_short_length" CHECK (length("short") <= 3))"#,
            },
            Sql { sqlite: r#"CREATE INDEX IF NOT EXISTS "ix_everything_price" ON "everything" ("price")"# },
            Sql {
                sqlite: r#"CREATE INDEX IF NOT EXISTS "ix_everything_name_price" ON "everything" ("name", "price")"#,
            },
            Sql { sqlite: r#"CREATE INDEX IF NOT EXISTS "by_price" ON "everything" ("price")"# },
        ],
    );
}

#[test]
fn a_computed_column_is_stored() {
    check_schema(
        &schema![Stock],
        &[Sql {
            sqlite: r#"CREATE TABLE IF NOT EXISTS "stock" ("id" INTEGER PRIMARY KEY, "price" BIGINT NOT NULL, "count" BIGINT NOT NULL, "worth" BIGINT NOT NULL GENERATED ALWAYS AS (price * count) STORED, "label" VARCHAR(9) GENERATED ALWAYS AS (nullif(count, 0)) STORED, CONSTRAINT "uq_stock_worth" UNIQUE ("worth"), CONSTRAINT "ck_stock_label_length" CHECK (length("label") <= 9))"#,
        }],
    );
}

#[test]
fn a_computed_column_is_part_of_what_is_compared() {
    let computed = schema![Stock];
    let mut plain = computed.clone();
    for column in plain.tables.iter_mut().flat_map(|table| &mut table.columns) {
        column.computed = None;
    }
    assert_ne!(computed, plain);
}

#[test]
fn a_computed_column_is_not_inserted_and_cannot_be_set() {
    check!(
        insert(Stock::builder().price(2).count(3)),
        sqlite: r#"INSERT INTO "stock" ("price", "count") VALUES (?1, ?2)"#,
    );
    check!(
        insert(Stock { id: 1, price: 2, count: 3, worth: 0, label: None }),
        sqlite: r#"INSERT INTO "stock" ("id", "price", "count") VALUES (?1, ?2, ?3)"#,
    );
    refused(
        update(Stock).set(Stock.worth, 7).all_rows(),
        "the database computes `stock.worth` as `price * count`: leave it out, and set what it is computed from",
    );
}

#[test]
fn a_key_that_the_database_makes_is_an_integer_key_of_the_table() {
    check_schema(
        &schema![Comment, Post, User],
        &[
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "users" ("id" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "nickname" TEXT, "age" INTEGER, "active" BOOLEAN NOT NULL, "manager_id" BIGINT, CONSTRAINT "fk_users_manager_id_users" FOREIGN KEY ("manager_id") REFERENCES "users" ("id") ON DELETE SET NULL)"#,
            },
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "post" ("id" INTEGER PRIMARY KEY, "author_id" BIGINT NOT NULL, "editor_id" BIGINT, "title" TEXT NOT NULL, "views" BIGINT NOT NULL, "score" DOUBLE NOT NULL, CONSTRAINT "fk_post_author_id_users" FOREIGN KEY ("author_id") REFERENCES "users" ("id") ON DELETE CASCADE, CONSTRAINT "fk_post_editor_id_users" FOREIGN KEY ("editor_id") REFERENCES "users" ("id"))"#,
            },
            Sql { sqlite: r#"CREATE INDEX IF NOT EXISTS "ix_post_author_id" ON "post" ("author_id")"# },
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "comment" ("id" INTEGER PRIMARY KEY, "post_id" BIGINT NOT NULL, "body" TEXT NOT NULL, CONSTRAINT "fk_comment_post_id_post" FOREIGN KEY ("post_id") REFERENCES "post" ("id") ON DELETE CASCADE)"#,
            },
        ],
    );
}

#[test]
fn a_natural_key_is_given_by_the_caller() {
    check_schema(
        &schema![Tag],
        &[Sql { sqlite: r#"CREATE TABLE IF NOT EXISTS "tag" ("name" TEXT NOT NULL, PRIMARY KEY ("name"))"# }],
    );
}

#[test]
fn tables_that_point_at_each_other_can_both_be_created() {
    check_schema(
        &schema![Hen, Egg],
        &[
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "hen" ("id" INTEGER PRIMARY KEY, "egg_id" BIGINT NOT NULL, CONSTRAINT "fk_hen_egg_id_egg" FOREIGN KEY ("egg_id") REFERENCES "egg" ("id"))"#,
            },
            Sql {
                sqlite: r#"CREATE TABLE IF NOT EXISTS "egg" ("id" BIGINT NOT NULL, "hen_id" BIGINT, PRIMARY KEY ("id"), CONSTRAINT "fk_egg_hen_id_hen" FOREIGN KEY ("hen_id") REFERENCES "hen" ("id"))"#,
            },
        ],
    );
}

#[test]
fn names_are_quoted() {
    check_schema(
        &schema![Odd],
        &[Sql {
            sqlite: r#"CREATE TABLE IF NOT EXISTS "gro""ße `tabelle`" ("id" INTEGER PRIMARY KEY, "select" BIGINT NOT NULL, "type" BIGINT NOT NULL, "über ""alles""; --" BIGINT NOT NULL, "🦀" BIGINT NOT NULL)"#,
        }],
    );
}

#[test]
fn a_model_that_is_named_twice_is_created_once() {
    assert_eq!(schema![Tag, Tag].create_all().len(), 1);
}

#[test]
fn parents_are_created_first_and_dropped_last() {
    let schema = schema![PostTag, Comment, Tag, Post, Profile, User];
    let tables =
        |statements: Vec<Ddl>| -> Vec<String> { statements.iter().map(|ddl| ddl.table().to_owned()).collect() };
    let mut created = tables(schema.create_all());
    created.dedup();
    let mut dropped = tables(schema.drop_all());
    dropped.reverse();
    assert_eq!(created, ["tag", "users", "post", "post_tag", "comment", "profile"]);
    assert_eq!(dropped, created);
}

#[test]
fn a_drop_asks_whether_the_table_is_there() {
    check!(Ddl::DropTable("users".into()), sqlite: r#"DROP TABLE IF EXISTS "users""#);
}

#[test]
fn a_name_that_no_database_can_have_is_refused() {
    refused(Ddl::DropTable("a\0b".into()), r#""a\0b" cannot be a name in SQLite: it holds a NUL"#);
    refused(Ddl::DropTable(String::new()), r#""" cannot be a name in SQLite: it is empty"#);
}
