//! A unit of work asks a model what it needs: a new row, one column set, the values that change with every update.

use std::sync::atomic::{AtomicI64, Ordering};

use orm::prelude::*;
use orm::session::{AnyRef, KeyPart, NewRow, Parents};
use orm::value::{Value, ValueRef};

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn tick() -> i64 {
    CLOCK.fetch_add(1, Ordering::Relaxed) + 1
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Author {
    #[model(primary_key)]
    id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Note {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(author: Author))]
    author_id: i64,
    #[model(belongs_to(editor: Author))]
    editor_id: Option<i64>,
    #[model(belongs_to(printer: Author), default_sql = "1")]
    printer_id: i64,
    text: String,
    #[model(default_sql = "'new'")]
    state: String,
    #[model(version)]
    version: i32,
    #[model(default_on_update = tick())]
    changed: i64,
    #[model(computed = "length(text)")]
    length: i64,
    #[model(skip)]
    seen: bool,
}

/// No row has a handle here.
struct Nobody;

impl Parents for Nobody {
    fn key(&mut self, _: KeyPart, _: &AnyRef) -> orm::Result<Option<Value>> {
        Err(orm::Error::Statement("nobody is known".into()))
    }
}

fn column(name: &str) -> u16 {
    let position = Note::TABLE.columns.iter().position(|column| column.name == name).expect("a column");
    u16::try_from(position).expect("a small number")
}

#[test]
fn a_builder_is_a_new_row_with_the_columns_that_were_given() {
    let new = Note::builder().author_id(1).text("hello").into_new(&mut Nobody).expect("a row");

    let given: Vec<&str> =
        new.columns.iter().filter_map(|column| Note::TABLE.column(column)).map(|column| column.name).collect();
    assert_eq!(given, ["author_id", "editor_id", "text", "version", "changed"]);
    assert_eq!((new.row.id, new.row.author_id, new.row.editor_id, new.row.version), (0, 1, None, 1));
    assert_eq!((new.row.printer_id, new.row.state.as_str(), new.row.length, new.row.seen), (0, "", 0, false));
}

#[test]
fn a_default_that_was_given_is_a_column() {
    let builder = Note::builder().author_id(1).text("hello").id(7).printer_id(3).state("old").editor_id(2);

    let new = builder.into_new(&mut Nobody).expect("a row");

    assert!(["id", "printer_id", "state"].map(column).iter().all(|number| new.columns.contains(*number)));
    assert!(!new.columns.contains(column("length")));
    assert_eq!((new.row.id, new.row.printer_id, new.row.state.as_str()), (7, 3, "old"));
}

#[test]
fn a_struct_is_a_new_row() {
    let author = Author { id: 0, name: "Ann".into() };

    let new = author.clone().into_new(&mut Nobody).expect("a row");

    assert_eq!((new.row, new.columns.iter().collect::<Vec<_>>()), (author, vec![1]));
}

#[test]
fn a_parent_that_may_be_missing_is_given_as_an_option() {
    let nobody: Option<Ref<Author>> = None;

    let new = Note::builder().author_id(1).text("hello").editor(nobody).into_new(&mut Nobody).expect("a row");

    assert_eq!(new.row.editor_id, None);
}

#[test]
fn a_column_is_set_from_a_value_of_the_database() {
    let mut note = Note::builder().author_id(1).text("hello").into_new(&mut Nobody).expect("a row").row;

    note.assign(column("text"), ValueRef::Text("bye")).expect("a text");
    note.assign(column("editor_id"), ValueRef::Int(5)).expect("a key");
    let misfit = note.assign(column("text"), ValueRef::Null).expect_err("no text");

    assert_eq!((note.text.as_str(), note.editor_id), ("bye", Some(5)));
    assert!(misfit.to_string().contains("note.text"), "{misfit}");
    assert!(note.assign(99, ValueRef::Int(1)).is_err());
}

#[test]
fn a_default_on_update_is_evaluated_each_time() {
    let mut note = Note::builder().author_id(1).text("hello").into_new(&mut Nobody).expect("a row").row;
    let first = note.changed;

    note.set_update_defaults();
    let second = note.changed;
    note.set_update_defaults();

    assert!(0 < first && first < second && second < note.changed);
    assert_eq!(note.version, 1);
}

#[test]
fn the_version_is_known_by_its_number() {
    assert_eq!(Note::TABLE.version, Some(column("version")));
    assert_eq!(Author::TABLE.version, None);
}

/// A builder of one type, whether a handle was given or not: `build` and `insert` need the other.
#[expect(dead_code, reason = "that it compiles is the test")]
fn a_value_replaces_a_handle(author: Ref<Author>) -> Note2 {
    Note2::builder().author(author).author_id(1).editor(author).editor_id(2).build()
}

#[derive(Debug, Model)]
struct Note2 {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(author: Author))]
    author_id: i64,
    #[model(belongs_to(editor: Author))]
    editor_id: Option<i64>,
}
