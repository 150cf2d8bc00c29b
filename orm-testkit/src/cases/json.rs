//! What is in JSON columns: a path means the same everywhere.

use orm::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{TestDb, TestResult};

/// Any JSON at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Any {
    Null,
    Truth(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<Any>),
    Object(std::collections::BTreeMap<String, Any>),
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Document {
    #[model(primary_key, natural)]
    id: i64,
    data: Json<Any>,
    maybe: Option<Json<Any>>,
}

fn json(text: &str) -> Json<Any> {
    Json(serde_json::from_str(text).unwrap_or(Any::Null))
}

/// Documents with the keys 1, 2, and so on.
async fn documents(db: &TestDb, texts: &[&str]) -> orm::Result<()> {
    db.create_all(schema![Document]).await?;
    let document = |(number, text): (usize, &&str)| Document { id: number as i64 + 1, data: json(text), maybe: None };
    db.execute(insert(texts.iter().enumerate().map(document).collect::<Vec<_>>())).await?;
    Ok(())
}

pub async fn values_are_read_as_what_they_are_and_null_as_anything_else(db: &TestDb) -> TestResult {
    let values =
        ["\"text\"", "7", "2.0", "2.5", "true", "null", "[1]", "{}", "-9223372036854775808", "9.3e18", "\"7\""];
    let texts: Vec<_> = values.iter().map(|value| format!(r#"{{"a": {{"b": [0, {value}]}}}}"#)).collect();
    documents(db, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let at = || Document.data.path("a.b[1]");

    let strings = db.fetch_all(select(at().as_string()).order_by(Document.id)).await?;
    let integers = db.fetch_all(select(at().as_integer()).order_by(Document.id)).await?;
    let floats = db.fetch_all(select(at().as_float()).order_by(Document.id)).await?;
    let truths = db.fetch_all(select(at().as_boolean()).order_by(Document.id)).await?;
    let lengths = db.fetch_all(select(at().array_length()).order_by(Document.id)).await?;
    let whole = db.fetch_all(select(at().as_json::<Any>()).order_by(Document.id)).await?;

    let only = |there: &[(usize, &str)]| {
        let mut all = vec![None; values.len()];
        there.iter().for_each(|(place, text)| all[*place] = Some((*text).to_owned()));
        all
    };
    assert_eq!(strings, only(&[(0, "text"), (10, "7")]));
    let none = None;
    assert_eq!(integers, [none, Some(7), Some(2), none, none, none, none, none, Some(i64::MIN), none, none]);
    let none = None;
    let least = -9_223_372_036_854_775_808.0;
    assert_eq!(
        floats,
        [none, Some(7.0), Some(2.0), Some(2.5), none, none, none, none, Some(least), Some(9.3e18), none]
    );
    assert_eq!(truths.iter().flatten().collect::<Vec<_>>(), [&true]);
    assert_eq!(lengths.iter().flatten().collect::<Vec<_>>(), [&1]);
    assert_eq!(whole.len(), values.len());
    for (read, value) in whole.into_iter().zip(values) {
        assert_eq!(read, Some(json(value)), "{value}");
    }
    Ok(())
}

pub async fn a_key_is_one_of_an_object_and_an_index_one_of_an_array(db: &TestDb) -> TestResult {
    documents(db, &[r#"{"0": "key", "a": {"b": "deep"}}"#, r#"["first", [{"b": "in an array"}], "last"]"#]).await?;
    let read = async |path: fn() -> Expr<Option<String>>| {
        db.fetch_all(select(path()).order_by(Document.id))
            .await
            .map(|all| all.iter().map(Clone::clone).collect::<Vec<_>>())
    };
    let text = |text: &str| Some(text.to_owned());

    assert_eq!(read(|| Document.data.key("0").as_string()).await?, [text("key"), None]);
    assert_eq!(read(|| Document.data.index(0).as_string()).await?, [None, text("first")]);
    assert_eq!(read(|| Document.data.index(-1).as_string()).await?, [None, text("last")]);
    assert_eq!(read(|| Document.data.index(-3).as_string()).await?, [None, text("first")]);
    assert_eq!(read(|| Document.data.index(-4).as_string()).await?, [None, None]);
    assert_eq!(read(|| Document.data.index(i32::MAX).as_string()).await?, [None, None]);
    assert_eq!(read(|| Document.data.path("a.b").as_string()).await?, [text("deep"), None]);
    assert_eq!(read(|| Document.data.path("[1].b").as_string()).await?, [None, None]);
    assert_eq!(read(|| Document.data.path("[1][0].b").as_string()).await?, [None, text("in an array")]);
    assert_eq!(read(|| Document.data.path("[0].b").as_string()).await?, [None, None]);
    Ok(())
}

pub async fn a_key_that_is_there_may_have_a_null(db: &TestDb) -> TestResult {
    documents(db, &[r#"{"a": null}"#, r#"{"b": 1}"#, r#"["a"]"#, "null"]).await?;

    let with = db.fetch_all(select(Document.id).filter(Document.data.has_key("a"))).await?;
    let without = select(Document.id).filter(!Document.data.has_key("a")).order_by(Document.id);
    let null = select(Document.data.key("a").as_json::<Any>()).order_by(Document.id);

    assert_eq!(with, [1]);
    assert_eq!(db.fetch_all(without).await?, [2, 3, 4]);
    assert_eq!(db.fetch_all(null).await?, [Some(Json(Any::Null)), None, None, None]);
    Ok(())
}

pub async fn odd_keys_are_found_and_lead_nowhere_else(db: &TestDb) -> TestResult {
    let keys = ["it's", "a.b", "[0]", "$", "*", "\u{e4} \u{1f600}", "') OR TRUE --", "?1 $1", "#-1"];
    let object: std::collections::BTreeMap<_, _> = keys.iter().map(|key| (*key, *key)).collect();
    documents(db, &[&serde_json::to_string(&object)?, r#"{"a": {"b": "not this"}}"#]).await?;

    for key in keys {
        let found = db.fetch_all(select(Document.data.key(key).as_string()).order_by(Document.id)).await?;
        assert_eq!(found, [Some(key.to_owned()), None], "{key}");
    }
    Ok(())
}

pub async fn documents_are_filtered_sorted_grouped_and_changed_by_what_is_in_them(db: &TestDb) -> TestResult {
    documents(db, &[r#"{"n": 3, "k": "x"}"#, r#"{"n": 10, "k": "y"}"#, r#"{"k": "x"}"#]).await?;
    let n = || Document.data.path("n").as_integer();
    let k = || Document.data.path("k").as_string();

    let sorted = db.fetch_all(select(Document.id).filter(n().gt(1)).order_by(n().desc())).await?;
    let groups = db.fetch_all(select((k(), count(Document.id), sum(n()))).group_by(k()).order_by(k())).await?;
    let found = db.fetch_all(select(Document.id).filter(k().in_(["x", "z"])).order_by(Document.id)).await?;
    let changed =
        db.execute(update(Document).set(Document.maybe, Json(Any::Truth(true))).filter(n().is_null())).await?;
    let maybe = select(Document.id).filter(Document.maybe.array_length().is_null() & k().eq("y"));

    assert_eq!(sorted, [2, 1]);
    assert_eq!(groups, [(Some("x".to_owned()), 2, Some(3)), (Some("y".to_owned()), 1, Some(10))]);
    assert_eq!((found, changed), (vec![1, 3], 1));
    assert_eq!(db.fetch_all(maybe).await?, [2]);
    Ok(())
}

pub async fn json_contains_json_or_that_is_refused(db: &TestDb) -> TestResult {
    documents(db, &[r#"{"a": [1, 2], "b": {"c": true, "d": 1}}"#, r#"{"a": [2]}"#]).await?;
    let which = async |part: &str| {
        db.fetch_all(select(Document.id).filter(Document.data.contains(json(part))).order_by(Document.id)).await
    };

    match which(r#"{"a": [2]}"#).await {
        Err(error) => assert_eq!(error.kind(), "Unsupported"),
        Ok(both) => {
            assert_eq!(both, [1, 2]);
            assert_eq!(which(r#"{"b": {"c": true}}"#).await?, [1]);
            assert_eq!(which(r#"{"a": [3]}"#).await?, [] as [i64; 0]);
            let inner = Document.data.path("b").as_json::<Any>().contains(json(r#"{"d": 1}"#));
            assert_eq!(db.fetch_all(select(Document.id).filter(inner)).await?, [1]);
        }
    }
    Ok(())
}
