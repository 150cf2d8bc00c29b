//! The derives under `deny(warnings)`, in modules with private fields and models that point at each other.
#![deny(warnings, unused_qualifications)]

use orm::prelude::*;

/// Nothing is public, and one field is never read.
mod private {
    use orm::prelude::*;

    #[derive(Debug, Clone, PartialEq, Model)]
    #[model(table = "secrets")]
    struct Secret {
        #[model(primary_key)]
        id: i64,
        text: String,
        hint: Option<String>,
    }

    #[test]
    fn private_fields_are_columns_within_their_module() {
        let row = Secret::builder().text("x").hint("y").build();
        assert_eq!(row, Secret { id: 0, text: "x".into(), hint: Some("y".into()) });
        assert!(select(Secret.text).filter(Secret.hint.is_null()).to_sql(orm::docs::dialect::sqlite()).is_ok());
    }
}

/// A module whose models are seen from outside.
mod models {
    use orm::prelude::*;

    /// Public, with a private field.
    #[derive(Debug, Model)]
    #[model(has_many(eggs: super::Egg.hen_id))]
    pub(super) struct Hen {
        #[model(primary_key)]
        pub(super) id: i64,
        #[model(belongs_to(best: super::Egg), on_delete = set_null)]
        pub(super) best_id: Option<i64>,
        #[model(default = 0)]
        weight: i64,
    }

    impl Hen {
        pub(super) fn weight(&self) -> i64 {
            self.weight
        }
    }
}

#[derive(Debug, Model)]
struct Egg {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(hen: Hen), on_delete = cascade)]
    hen_id: i64,
}

use models::Hen;

#[tokio::test]
async fn two_models_point_at_each_other_across_modules() -> orm::Result<()> {
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Egg, Hen]).await?;
    let hen = engine.fetch_one(insert(Hen::builder()).returning(Hen)).await?;
    let egg = engine.fetch_one(insert(Egg::builder().hen_id(hen.id)).returning(Egg)).await?;
    engine.execute(update(Hen).set(Hen.best_id, egg.id).filter(Hen.id.eq(hen.id))).await?;
    let best = engine.fetch_one(select((Hen, Egg)).join(Hen.best)).await?;
    assert_eq!((best.0.weight(), best.0.best_id, best.1.hen_id), (0, Some(egg.id), hen.id));
    assert_eq!(engine.fetch_all(select(Egg.id).join(Egg.hen).filter(Hen.eggs.none(false))).await?, [egg.id]);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
enum Color {
    Red,
    Green,
}

#[derive(Debug, Clone, PartialEq, DbType)]
struct Name(String);

#[derive(Debug, PartialEq, FromRow)]
struct Row {
    name: Name,
    color: Color,
}

#[test]
fn the_other_derives_are_quiet_too() {
    let row = Row::from((Name("x".into()), Color::Red));
    assert_eq!(row, Row { name: Name::from("x".to_owned()), color: Color::Red });
    assert_ne!(row.color, Color::Green);
}

/// Shapes that are seen further than what is in them.
mod pages {
    use orm::prelude::*;

    use super::{Egg, Hen};

    #[derive(Debug, PartialEq, Shape)]
    #[shape(model = Egg)]
    pub(super) struct EggPage {
        pub(super) id: i64,
        hen: Hatcher,
    }

    #[derive(Debug, PartialEq, Shape)]
    #[shape(model = Hen)]
    struct Hatcher {
        id: i64,
    }

    impl EggPage {
        pub(super) fn hen_id(&self) -> i64 {
            self.hen.id
        }
    }
}

#[tokio::test]
async fn a_shape_is_seen_further_than_the_shapes_in_it_and_may_be_a_functions_own() -> orm::Result<()> {
    #[derive(Debug, PartialEq, Shape)]
    #[shape(model = Hen)]
    struct Nest {
        eggs: Vec<pages::EggPage>,
        best: Option<Key>,
    }

    #[derive(Debug, PartialEq, Shape)]
    #[shape(model = Egg)]
    struct Key {
        #[shape(column = id)]
        key: i64,
    }

    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![Hen, Egg]).await?;
    let hen = engine.fetch_one(insert(Hen::builder()).returning(Hen.id)).await?;
    engine.execute(insert(Egg::builder().hen_id(hen))).await?;

    let nests = engine.fetch_all(shape::<Nest>()).await?;

    let [Nest { eggs, best: None }] = nests.as_slice() else { return Err(orm::Error::NoRow) };
    assert_eq!(eggs.iter().map(|egg| (egg.id, egg.hen_id())).collect::<Vec<_>>(), [(1, hen)]);
    Ok(())
}
