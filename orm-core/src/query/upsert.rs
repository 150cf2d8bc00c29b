//! `INSERT .. ON CONFLICT`.

use std::fmt;

use super::columns::{ColumnsOf, positions};
use super::selection::Selection;
use super::update::assign;
use super::{Command, Decoder, Insert, Query, Runnable};
use crate::ast::{self, Alias, Assignments, ColumnRef, ColumnSet, ConflictAction, EXCLUDED, TableRef};
use crate::expr::{Column, Condition, Expr};
use crate::model::Model;
use crate::types::{Assign, SqlType};

/// An `INSERT` that has yet to say what happens on a conflict. See [`Insert::on_conflict`].
#[must_use = "say what happens: `.do_nothing()` or `.do_update(..)`"]
pub struct OnConflict<M> {
    insert: Insert<M>,
    target: ColumnSet,
}

/// An `INSERT` that updates the rows that are in its way; with `returning` it gives rows. See
/// [`OnConflict::do_update`].
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct Upsert<M, Returned = ()>(Insert<M, Returned>);

impl<M: Model> Insert<M> {
    /// Says what happens to a row when the table has one with its values in these columns, which are a key or a unique
    /// constraint of the model: one column, or a tuple.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let alice = || insert(User::builder().name("Alice").email("a@example.com").age(30)).on_conflict(User.email);
    /// assert_eq!(engine.execute(alice().do_nothing()).await?, 1);
    /// assert_eq!(engine.execute(alice().do_nothing()).await?, 0);
    /// assert_eq!(engine.execute(alice().do_update(User.name)).await?, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) if the model has no key and no unique constraint of
    /// exactly these columns.
    pub fn on_conflict(self, columns: impl ColumnsOf<M>) -> OnConflict<M> {
        OnConflict { insert: self, target: positions(columns).into_iter().collect() }
    }

    /// Leaves a row out when the table has one with its values in any key or unique constraint.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = insert(Post::builder().title("Hello").author_id(1)).on_conflict_do_nothing();
    /// assert_sql!(q, sqlite: r#"INSERT INTO "post" ("author_id", "title", "body") VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"#);
    /// ```
    ///
    /// What comes back is said at [`OnConflict::do_nothing`].
    pub fn on_conflict_do_nothing(self) -> Insert<M> {
        OnConflict { insert: self, target: ColumnSet::default() }.do_nothing()
    }
}

impl<M: Model> OnConflict<M> {
    /// Leaves the new row out, and the one that is there as it is. It is neither counted nor returned: of `n` rows,
    /// `returning` gives those that were inserted, so which is which must be seen by their values.
    pub fn do_nothing(self) -> Insert<M> {
        self.otherwise(ConflictAction::Nothing)
    }

    /// Sets these columns of the row that is there to the values of the new one: one column, or a tuple of up to 16.
    /// [`set`](Upsert::set) sets others, or these to something else; `()` sets none by itself.
    ///
    /// An updated row is counted as an inserted one is, and `returning` gives both, as they are now. No two of the rows
    /// may be in each other's way: some databases refuse that.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = insert(User::builder().name("Al").email("a@example.com")).on_conflict(User.email).do_update(User.name);
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5) "#,
    ///     r#"ON CONFLICT ("email") DO UPDATE SET "name" = "excluded"."name""#,
    /// ));
    /// ```
    pub fn do_update(self, columns: impl ColumnsOf<M>) -> Upsert<M> {
        let mut set = Assignments::new();
        for column in positions(columns) {
            assign(&mut set, column, not_inserted(ColumnRef { table: own::<M>(), index: column }));
        }
        Upsert(self.otherwise(ConflictAction::Update { set, filter: Vec::new() }))
    }

    fn otherwise(self, action: ConflictAction) -> Insert<M> {
        let conflict = ast::OnConflict { target: self.target, action };
        let mut insert = self.insert;
        insert.ast.conflict = Some(Box::new(conflict));
        insert
    }
}

impl<M: Model, Returned> Upsert<M, Returned> {
    /// Sets a column of the row that is there to a value, or to an expression: columns are those of that row,
    /// [`excluded`] has those of the new one. A later `set` of the same column wins.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = insert(User::builder().name("Al").email("a@example.com"))
    ///     .on_conflict(User.email)
    ///     .do_update(User.name)
    ///     .set(User.age, User.age + 1)
    ///     .set(User.nickname, excluded(User.nickname).coalesce(User.nickname))
    ///     .filter(User.name.ne(excluded(User.name)));
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5) "#,
    ///     r#"ON CONFLICT ("email") DO UPDATE SET "name" = "excluded"."name", "age" = "users"."age" + ?6, "#,
    ///     r#""nickname" = coalesce("excluded"."nickname", "users"."nickname") "#,
    ///     r#"WHERE "users"."name" <> "excluded"."name""#,
    /// ));
    /// ```
    pub fn set<T: SqlType, V: Assign<T::Plain, T::Nullness>>(mut self, column: Column<M, T>, value: V) -> Self {
        if let Some((set, _)) = self.update() {
            assign(set, column.reference().index, value.into_assigned());
        }
        self
    }

    /// Updates the row that is there only if `condition` is true; otherwise it is left alone, as by
    /// [`do_nothing`](OnConflict::do_nothing). Called again, the conditions are joined with `AND`.
    pub fn filter(mut self, condition: impl Condition) -> Self {
        if let Some((_, filter)) = self.update() {
            condition.into_condition().and_into(filter);
        }
        self
    }

    /// What is updated, and when. An upsert is made with both.
    fn update(&mut self) -> Option<(&mut Assignments, &mut Vec<ast::Expr>)> {
        match &mut self.0.ast.conflict.as_deref_mut()?.action {
            ConflictAction::Update { set, filter } => Some((set, filter)),
            ConflictAction::Nothing => None,
        }
    }
}

impl<M: Model> Upsert<M> {
    /// Gives back columns of the inserted and updated rows, as they are now, in the order in which the rows were given.
    /// A row that [`filter`](Upsert::filter) left alone is not among them.
    pub fn returning<S: Selection>(self, selection: S) -> Upsert<M, Decoder<S::Row>> {
        Upsert(self.0.returning(selection))
    }
}

/// In an `insert` with `on_conflict`: a column of the row that could not be inserted. SQL calls it `excluded`.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = insert(User::builder().name("Al").email("a@example.com"))
///     .on_conflict(User.email)
///     .do_update(())
///     .set(User.name, User.name.concat(" or ").concat(excluded(User.name)));
/// assert_sql!(q, sqlite: concat!(
///     r#"INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5) "#,
///     r#"ON CONFLICT ("email") DO UPDATE SET "name" = "users"."name" || ?6 || "excluded"."name""#,
/// ));
/// ```
///
/// # Errors
///
/// When run: [`Error::MissingFrom`](crate::Error::MissingFrom) anywhere else, and for a column of another model.
pub fn excluded<M: Model, T: SqlType>(column: Column<M, T>) -> Expr<T> {
    Expr::new(not_inserted(column.reference()))
}

fn not_inserted(column: ColumnRef) -> ast::Expr {
    let table = TableRef { alias: Some(Alias::Table(EXCLUDED)), ..column.table };
    ast::Expr::Column(ColumnRef { table, ..column })
}

fn own<M: Model>() -> TableRef {
    TableRef { meta: M::TABLE, alias: None }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Returned: Send + Sync> Runnable for Upsert<M, Returned> {
    fn command(&self) -> Command<'_> {
        self.0.command()
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Row: Send + 'static> Query for Upsert<M, Decoder<Row>> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        self.0.decoder()
    }
}

impl<M> Clone for OnConflict<M> {
    fn clone(&self) -> Self {
        OnConflict { insert: self.insert.clone(), target: self.target }
    }
}

impl<M, Returned: Clone> Clone for Upsert<M, Returned> {
    fn clone(&self) -> Self {
        Upsert(self.0.clone())
    }
}

impl<M> fmt::Debug for OnConflict<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnConflict").field("insert", &self.insert).field("target", &self.target).finish()
    }
}

impl<M, Returned> fmt::Debug for Upsert<M, Returned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
