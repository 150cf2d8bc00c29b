//! Names that the generated code uses itself, taken by a program.

use orm::docs::dialect;
use orm::prelude::Runnable as _;

/// Models named as items of the prelude, each in a module of its own.
mod prelude_names {
    pub(super) mod result {
        #[derive(Debug, orm::Model)]
        pub(crate) struct Result {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) points: Option<i64>,
        }
    }

    pub(super) mod option {
        #[derive(Debug, orm::Model)]
        pub(crate) struct Option {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) text: String,
        }
    }

    pub(super) mod boxed {
        #[derive(Debug, orm::Model)]
        pub(crate) struct Box {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) weight: i64,
        }
    }

    pub(super) mod string {
        #[derive(Debug, orm::Model)]
        pub(crate) struct Vec {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) x: f64,
        }
    }

    pub(super) mod own_names {
        #[derive(Debug, orm::Model)]
        pub(crate) struct Model {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) name: String,
        }

        #[derive(Debug, orm::Model)]
        pub(crate) struct Column {
            #[model(primary_key)]
            pub(crate) id: i64,
        }

        #[derive(Debug, orm::Model)]
        pub(crate) struct Set {
            #[model(primary_key)]
            pub(crate) id: i64,
            pub(crate) name: String,
        }
    }
}

/// Fields named as methods, variables and keywords of the generated code.
#[derive(Debug, orm::Model)]
#[model(table = "awkward", index(r#type, r#match))]
struct Awkward {
    #[model(primary_key)]
    r#type: i64,
    r#match: String,
    table: String,
    columns: String,
    value: String,
    draft: String,
    state: String,
    row: i64,
    at: i64,
    sink: i64,
    column: i64,
    alias: i64,
    optional: i64,
    on: i64,
    new: i64,
    builder: i64,
    name: i64,
}

/// A model whose own functions are named as those of the traits.
#[derive(Debug, orm::Model)]
struct Own {
    #[model(primary_key)]
    id: i64,
    label: String,
}

impl Own {
    fn builder() -> &'static str {
        "mine"
    }

    fn label(&self) -> &str {
        &self.label
    }
}

/// A model within a function, whose names are not those of the module around it.
#[test]
fn a_model_is_declared_within_a_function() {
    #[derive(Debug, orm::Model)]
    struct Local {
        #[model(primary_key)]
        id: i64,
    }
    let local = Local { id: 1 };
    assert_eq!(
        orm::query::insert(local).to_sql(dialect::sqlite()).unwrap(),
        r#"INSERT INTO "local" ("id") VALUES (?1)"#
    );
}

#[test]
fn a_model_is_named_like_an_item_of_the_prelude() {
    use orm::query::select;
    use prelude_names::{boxed, option, own_names, result, string};

    let texts = [
        select(result::Result).to_sql(dialect::sqlite()),
        select(option::Option).to_sql(dialect::sqlite()),
        select(boxed::Box).to_sql(dialect::sqlite()),
        select(string::Vec).to_sql(dialect::sqlite()),
        select(own_names::Model).to_sql(dialect::sqlite()),
        select(own_names::Column).to_sql(dialect::sqlite()),
        select(own_names::Set).to_sql(dialect::sqlite()),
    ];
    assert!(texts.iter().all(Result::is_ok));
}

#[test]
fn a_field_is_named_like_something_that_is_generated() {
    use orm::prelude::*;

    let row = <Awkward as Model>::builder()
        .r#match("")
        .table("")
        .columns("")
        .value("")
        .draft("")
        .state("")
        .row(1)
        .at(2)
        .sink(3)
        .column(4)
        .alias(5)
        .optional(6)
        .on(7)
        .new(8)
        .builder(9)
        .name(10);
    assert!(insert(row).to_sql(dialect::sqlite()).is_ok());
    let other = Awkward.alias("other");
    let query = select((other.alias, other.name, other.r#type)).filter(other.on.eq(other.optional));
    assert!(query.to_sql(dialect::sqlite()).is_ok());
}

#[test]
fn functions_of_the_program_win_over_those_of_the_traits() {
    use orm::prelude::*;

    assert_eq!(Own::builder(), "mine");
    let own: Own = <Own as Model>::builder().label("x").build();
    assert_eq!(own.label(), "x");
    assert!(select(Own.label).to_sql(dialect::sqlite()).is_ok());
}
