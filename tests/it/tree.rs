//! A tree: a table that points at itself, read by aliases.

use orm::Error;
use orm::prelude::*;

use crate::support::{Database, TestResult};

#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(children: Self.parent_id), unique(parent_id, name))]
struct Folder {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[model(belongs_to(parent: Self), on_delete = cascade)]
    parent_id: Option<i64>,
    #[model(default = 0)]
    bytes: i64,
}

/// ```text
/// 1 home ─┬─ 2 ann ─┬─ 4 music (70)
///         │         └─ 5 tax (5)
///         └─ 3 bob
/// 6 tmp (1)
/// ```
async fn folders() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Folder]).await?;
    let folders = [
        ("home", None, 0),
        ("ann", Some(1), 0),
        ("bob", Some(1), 0),
        ("music", Some(2), 70),
        ("tax", Some(2), 5),
        ("tmp", None, 1),
    ]
    .map(|(name, parent, bytes)| Folder::builder().name(name).parent_id(parent).bytes(bytes));
    db.execute(insert(folders)).await?;
    Ok(db)
}

fn pairs(rows: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    rows.iter().map(|(name, other)| (String::from(*name), other.map(String::from))).collect()
}

#[tokio::test]
async fn every_folder_stands_beside_its_parent() -> TestResult {
    let db = folders().await?;
    let parent = Folder.alias("parent");

    let query = select((Folder.name, parent.name.optional())).left_join(Folder.parent.to(parent)).order_by(Folder.id);

    let expected = [
        ("home", None),
        ("ann", Some("home")),
        ("bob", Some("home")),
        ("music", Some("ann")),
        ("tax", Some("ann")),
        ("tmp", None),
    ];
    assert_eq!(db.fetch_all(query).await?, pairs(&expected));
    Ok(())
}

#[tokio::test]
async fn two_steps_up_take_two_aliases() -> TestResult {
    let db = folders().await?;
    let (parent, grandparent) = (Folder.alias("parent"), Folder.alias("grandparent"));

    let query = select((Folder.name, grandparent))
        .join(Folder.parent.to(parent))
        .join(parent.parent.to(grandparent))
        .order_by(Folder.name);

    let found: Vec<(String, i64)> =
        db.fetch_all(query).await?.into_iter().map(|(name, folder)| (name, folder.id)).collect();
    assert_eq!(found, [("music".to_owned(), 1), ("tax".to_owned(), 1)]);
    Ok(())
}

#[tokio::test]
async fn children_are_counted_and_added_up() -> TestResult {
    let db = folders().await?;
    let child = Folder.alias("child");

    let query = select((Folder.name, count(child.id), sum(child.bytes)))
        .join(Folder.children.to(child))
        .group_by(Folder.id)
        .order_by(Folder.id);

    let expected = [("home".to_owned(), 2, Some(0)), ("ann".to_owned(), 2, Some(75))];
    assert_eq!(db.fetch_all(query).await?, expected);
    Ok(())
}

#[tokio::test]
async fn leaves_and_roots_are_found() -> TestResult {
    let db = folders().await?;
    let child = Folder.alias("child");

    let leaves = select(Folder.name).filter(!Folder.children.to(child).exists()).order_by(Folder.name);
    assert_eq!(db.fetch_all(leaves).await?, ["bob", "music", "tax", "tmp"]);

    let roots = select(Folder.name).filter(Folder.parent_id.eq(None)).order_by(Folder.name);
    assert_eq!(db.fetch_all(roots).await?, ["home", "tmp"]);

    let with_large_children = select(Folder.name).filter(Folder.children.to(child).any(child.bytes.gt(50)));
    assert_eq!(db.fetch_all(with_large_children).await?, ["ann"]);
    Ok(())
}

#[tokio::test]
async fn a_self_reference_without_an_alias_says_what_to_write() -> TestResult {
    let db = folders().await?;

    let joined = db.fetch_all(select(Folder.name).join(Folder.parent)).await.expect_err("twice one name");
    let asked =
        db.fetch_all(select(Folder.name).filter(Folder.children.any(Folder.bytes.gt(50)))).await.expect_err("the same");

    assert!(matches!(joined, Error::Statement(_)), "{joined:?}");
    assert!(joined.to_string().contains(".alias("), "{joined}");
    assert!(matches!(asked, Error::Statement(_)), "{asked:?}");
    assert!(asked.to_string().contains(".alias("), "{asked}");
    Ok(())
}

#[tokio::test]
async fn a_whole_branch_is_read_by_a_recursive_statement() -> TestResult {
    let db = folders().await?;

    let branch = sql!(
        "WITH RECURSIVE branch(id, path) AS (
            SELECT id, name FROM folder WHERE id = {}
            UNION ALL
            SELECT folder.id, branch.path || '/' || folder.name
            FROM folder JOIN branch ON folder.parent_id = branch.id
        ) SELECT path FROM branch ORDER BY path",
        1
    );

    let paths: Vec<String> = db.fetch_all(branch.rows::<(String,)>()).await?.into_iter().map(|(path,)| path).collect();
    assert_eq!(paths, ["home", "home/ann", "home/ann/music", "home/ann/tax", "home/bob"]);
    Ok(())
}

#[tokio::test]
async fn a_branch_moves_with_its_root_and_goes_with_it() -> TestResult {
    let db = folders().await?;

    db.execute(update(Folder).set(Folder.parent_id, 6).filter(Folder.name.eq("ann"))).await?;
    db.execute(delete(Folder).filter(Folder.name.eq("tmp"))).await?;

    assert_eq!(db.fetch_all(select(Folder.name).order_by(Folder.id)).await?, ["home", "bob"]);
    Ok(())
}

#[tokio::test]
async fn a_name_stands_once_in_a_folder() -> TestResult {
    let db = folders().await?;

    let error = db.execute(insert(Folder::builder().name("tax").parent_id(2))).await.expect_err("there is one");
    let elsewhere = db.execute(insert(Folder::builder().name("tax").parent_id(3))).await?;

    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
    let context = error.context().expect("the database refused it");
    assert_eq!(context.columns, ["parent_id", "name"]);
    assert_eq!(context.constraint.as_deref(), Some("uq_folder_parent_id_name"));
    assert_eq!(elsewhere, 1);
    Ok(())
}
