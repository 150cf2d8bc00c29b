//! [`Shape`]: a struct of the columns and relations that are wanted, and of nothing else.
//!
//! ```text
//! struct UserCard { name: String, posts: Vec<PostCard> }
//!     .field(User.name)    Own<String>          one column more in the SELECT
//!     .field(User.posts)   Of<Related<..>>      a relation, planned once all columns are known
//!     build()              rows of ((((), name), posts)), made into structs
//! ```
//!
//! The derive cannot know which field is a column, so it writes the same for each: [`ShapeField`] is what a column and a
//! relation have in common. A shape of columns only is read by one function, as a tuple is.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Decoder;
use super::lazy_select::LazySelect;
use super::loader::{Reader, With};
use super::select::{Select, select};
use super::with::{Columns, Loadable, Related};
use crate::ast::{self, Projection};
use crate::driver::Row;
use crate::error::{Error, Result};
use crate::expr::{Column, Expr};
use crate::model::{FromRow, Model};
use crate::relation::{Relation, kind};
use crate::types::SqlType;

/// A struct whose fields are columns and relations of a model: only they are read. It is derived; and every model is a
/// shape of itself.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// #[derive(Debug, PartialEq, Shape)]
/// #[shape(model = User)]
/// struct UserCard {
///     name: String,
///     posts: Vec<PostCard>,
/// }
///
/// #[derive(Debug, PartialEq, Shape)]
/// #[shape(model = Post)]
/// struct PostCard {
///     title: String,
/// }
///
/// let alice = engine.fetch_one(insert(User::builder().name("Alice").email("a")).returning(User)).await?;
/// engine.execute(insert(Post::builder().title("Hello").author_id(alice.id))).await?;
///
/// let cards = engine.fetch_all(shape::<UserCard>().order_by(User.name).limit(10)).await?;
/// assert_eq!(cards, [UserCard { name: "Alice".into(), posts: vec![PostCard { title: "Hello".into() }] }]);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a shape",
    label = "expected a model, or a struct with `#[derive(Shape)]`",
    note = "a relation to one row is read as a shape, one that may be missing as an `Option` of it, one to many as a `Vec`"
)]
pub trait Shape: Sized + Send + 'static {
    /// The model whose columns and relations it has.
    type Model: Model;
    /// Looks at the shapes that it contains, and at those in them. Where they contain each other the compiler finds that
    /// this needs itself, and its name is in the message.
    #[doc(hidden)]
    const NO_CIRCLE_OF_SHAPES: ();

    /// Reads it instead of the rows of the model.
    #[doc(hidden)]
    fn shaped(rows: Select<Self::Model>, model: <Self::Model as Model>::Columns) -> Select<Self>;
}

#[diagnostic::do_not_recommend]
impl<M: Model> Shape for M {
    type Model = M;
    const NO_CIRCLE_OF_SHAPES: () = ();

    fn shaped(rows: Select<M>, _model: M::Columns) -> Select<M> {
        rows
    }
}

/// Selects a shape: its columns, and by a further statement for each of its relations to many what they hold.
///
/// It is a `Select` as any other: it can be filtered, ordered, cut into pages and streamed.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// #[derive(Shape)]
/// #[shape(model = Post)]
/// struct Headline {
///     title: String,
///     author: Author,
/// }
///
/// #[derive(Shape)]
/// #[shape(model = User)]
/// struct Author {
///     name: String,
/// }
///
/// let q = shape::<Author>().filter(User.age.ge(18)).order_by(User.name).limit(10);
/// assert_sql!(q, sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" >= ?1 ORDER BY "users"."name" LIMIT 10"#);
///
/// let q = shape::<Headline>();
/// assert_sql!(q, sqlite: r#"SELECT "post"."title", "with 1"."name", "with 1"."id" FROM "post" LEFT JOIN "users" AS "with 1" ON "with 1"."id" = "post"."author_id""#);
/// ```
///
/// # Errors
///
/// When run: [`Error::NoRelated`] if a row lacks what it must have.
pub fn shape<S: Shape>() -> Select<S> {
    S::shaped(select(S::Model::COLUMNS), S::Model::COLUMNS)
}

/// Makes a shape of its fields. It is apart from [`Shape`], whose types everybody sees who sees the shape: its fields may be
/// of private types.
#[doc(hidden)]
pub trait Assemble {
    /// What is made.
    type Shape: Send + 'static;
    /// Its fields, the last one outside: `(((), String), Vec<PostCard>)`.
    type Values: Send + 'static;

    /// Makes it.
    fn assemble(values: Self::Values) -> Self::Shape;
}

/// What a field of type `T` of a shape is read from: a column of this type, or a relation to the model of the shape that it
/// holds.
#[diagnostic::on_unimplemented(
    message = "a field of `{T}` cannot be read from `{Self}`",
    label = "the field has another type than the column or relation",
    note = "a column is read as its own type; a relation to many rows as `Vec<S>`, one to one row as `S`, one that may be missing as `Option<S>`, where `S` is a model or a `#[derive(Shape)]`"
)]
pub trait ShapeField<T> {
    /// How it is read.
    #[doc(hidden)]
    type Part;

    /// Adds a column to what is selected, or keeps the relation for later.
    #[doc(hidden)]
    fn into_part(self, projection: &mut Vec<Projection>) -> Self::Part;
}

/// Finds the shape in a field's type. The constants here come before those of [`NoShape`], which are for types that hold
/// none: a column's.
#[doc(hidden)]
pub struct Holds<T>(PhantomData<fn() -> T>);

impl<S: Shape> Holds<S> {
    /// One of them.
    pub const ONE: () = S::NO_CIRCLE_OF_SHAPES;
}

impl<S: Shape> Holds<Vec<S>> {
    /// Many of them.
    pub const MANY: () = S::NO_CIRCLE_OF_SHAPES;
}

impl<S: Shape> Holds<Option<S>> {
    /// One that may be missing.
    pub const PERHAPS: () = S::NO_CIRCLE_OF_SHAPES;
}

/// No shape to look at.
#[doc(hidden)]
pub trait NoShape {
    /// See [`Holds`].
    const ONE: () = ();
    /// See [`Holds`].
    const MANY: () = ();
    /// See [`Holds`].
    const PERHAPS: () = ();
}

impl<T> NoShape for Holds<T> {}

/// A column of the row.
#[doc(hidden)]
pub struct Own<T>(PhantomData<fn() -> T>);

/// What is related to the row.
#[doc(hidden)]
pub struct Of<Relation>(Relation);

impl<M: Model, T: SqlType> ShapeField<T> for Column<M, T> {
    type Part = Own<T>;

    fn into_part(self, projection: &mut Vec<Projection>) -> Own<T> {
        projection.push(Projection::Expr(ast::Expr::Column(self.reference())));
        Own(PhantomData)
    }
}

impl<T: SqlType> ShapeField<T> for Expr<T> {
    type Part = Own<T>;

    fn into_part(self, projection: &mut Vec<Projection>) -> Own<T> {
        projection.push(Projection::Expr(self.into_tree()));
        Own(PhantomData)
    }
}

/// How a relation of each kind stands in a shape: as what [`kind::Loads`] says of it.
macro_rules! relations {
    ($([$($generics:tt)*] $kind:ty => $field:ty),* $(,)?) => {$(
        impl<From: Model, To: Model, S: Shape<Model = To>, $($generics)*> ShapeField<$field>
            for Relation<From, To, $kind>
        {
            type Part = Of<Related<From, To, $kind, S, Columns>>;

            fn into_part(self, _projection: &mut Vec<Projection>) -> Self::Part {
                Of(self.into_related().shaped())
            }
        }

        #[diagnostic::do_not_recommend]
        impl<From: Model, To: Model, S: Shape<Model = To>, $($generics)*> ShapeField<$field>
            for Related<From, To, $kind>
        {
            type Part = Of<Related<From, To, $kind, S, Columns>>;

            fn into_part(self, _projection: &mut Vec<Projection>) -> Self::Part {
                Of(self.shaped())
            }
        }
    )*};
}

relations! {
    [] kind::BelongsTo => S,
    [] kind::MaybeBelongsTo => Option<S>,
    [] kind::HasOne => Option<S>,
    [] kind::HasMany => Vec<S>,
    [Between: 'static] kind::ManyToMany<Between> => Vec<S>,
}

/// A shape while its fields are added.
#[doc(hidden)]
#[must_use = "`build` gives the statement"]
pub struct Shaping<Fields> {
    ast: Box<ast::Select>,
    fields: Fields,
}

/// Begins a shape of these rows.
#[doc(hidden)]
pub fn shaping<M: Model>(rows: Select<M>) -> Shaping<()> {
    let mut ast = Box::new(rows.ast.into_select());
    ast.from = ast.root();
    ast.projection.clear();
    Shaping { ast, fields: () }
}

impl<F: Fields> Shaping<F> {
    /// Adds a field of type `T`.
    pub fn field<T, C: ShapeField<T>>(mut self, field: C) -> Shaping<(F, C::Part)>
    where
        (F, C::Part): Fields,
    {
        let part = field.into_part(&mut self.ast.projection);
        Shaping { ast: self.ast, fields: (self.fields, part) }
    }

    /// The statement that reads it.
    pub fn build<A: Assemble<Values = F::Values>>(self) -> Select<A::Shape> {
        let mut ast = self.ast;
        if F::without_related().is_some() {
            let reader = Reader::Plain(Decoder::new(alone::<A, F>));
            return Select { ast: LazySelect::Built(ast), reader };
        }
        let base = Reading(Reader::Plain(Decoder::new(|row| Ok((F::own(row, 0)?, ())))));
        let Reading(reader) = self.fields.load(&mut ast, base);
        let reader = reader.map_by(|(own, related)| A::assemble(F::values(own, related)));
        Select { ast: LazySelect::Built(ast), reader }
    }
}

fn alone<A: Assemble<Values = F::Values>, F: Fields>(row: &dyn Row) -> Result<A::Shape> {
    let own = F::own(row, 0)?;
    match F::without_related() {
        Some(related) => Ok(A::assemble(F::values(own, related))),
        // `build` reads such rows in another way.
        None => Err(Error::Statement("rows with relations need a loader".into())),
    }
}

/// How rows are read, for a trait that others see.
#[doc(hidden)]
pub struct Reading<T>(pub(super) Reader<T>);

/// The fields of a shape, the last one outside: `(((), Own<String>), Of<..>)`.
#[doc(hidden)]
pub trait Fields: 'static {
    /// All of them.
    type Values: Send + 'static;
    /// Those that the row itself has.
    type Own: Send + 'static;
    /// Those that are read beside it.
    type Related: Send + 'static;
    /// How many columns the row itself has.
    const COLUMNS: usize;

    /// Reads what the row itself has.
    ///
    /// # Errors
    ///
    /// A column does not fit.
    fn own(row: &dyn Row, at: usize) -> Result<Self::Own>;

    /// What is related, if nothing is.
    fn without_related() -> Option<Self::Related>;

    /// Puts both together, in the order of the fields.
    fn values(own: Self::Own, related: Self::Related) -> Self::Values;

    /// Has what is related read with the rows of `base`.
    fn load<Base: Send + 'static>(
        self,
        main: &mut ast::Select,
        base: Reading<(Base, ())>,
    ) -> Reading<(Base, Self::Related)>;
}

impl Fields for () {
    type Values = ();
    type Own = ();
    type Related = ();
    const COLUMNS: usize = 0;

    #[inline]
    fn own(_row: &dyn Row, _at: usize) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn without_related() -> Option<()> {
        Some(())
    }

    #[inline]
    fn values((): (), (): ()) {}

    fn load<Base: Send + 'static>(self, _main: &mut ast::Select, base: Reading<(Base, ())>) -> Reading<(Base, ())> {
        base
    }
}

impl<F: Fields, T: FromRow> Fields for (F, Own<T>) {
    type Values = (F::Values, T);
    type Own = (F::Own, T);
    type Related = F::Related;
    const COLUMNS: usize = F::COLUMNS + 1;

    #[inline]
    fn own(row: &dyn Row, at: usize) -> Result<Self::Own> {
        Ok((F::own(row, at)?, T::from_row(row, at + F::COLUMNS)?))
    }

    #[inline]
    fn without_related() -> Option<F::Related> {
        F::without_related()
    }

    #[inline]
    fn values((own, last): Self::Own, related: F::Related) -> Self::Values {
        (F::values(own, related), last)
    }

    fn load<Base: Send + 'static>(
        self,
        main: &mut ast::Select,
        base: Reading<(Base, ())>,
    ) -> Reading<(Base, F::Related)> {
        self.0.load(main, base)
    }
}

impl<F: Fields, L: Loadable + 'static> Fields for (F, Of<L>) {
    type Values = (F::Values, L::Loaded);
    type Own = F::Own;
    type Related = (F::Related, L::Loaded);
    const COLUMNS: usize = F::COLUMNS;

    #[inline]
    fn own(row: &dyn Row, at: usize) -> Result<F::Own> {
        F::own(row, at)
    }

    #[inline]
    fn without_related() -> Option<Self::Related> {
        None
    }

    #[inline]
    fn values(own: F::Own, (related, last): Self::Related) -> Self::Values {
        (F::values(own, related), last)
    }

    fn load<Base: Send + 'static>(
        self,
        main: &mut ast::Select,
        base: Reading<(Base, ())>,
    ) -> Reading<(Base, Self::Related)> {
        let (before, Of(relation)) = self;
        let Reading(base) = before.load(main, base);
        let branch = relation.plan(main).0;
        let append = |(base, related), last| (base, (related, last));
        Reading(Reader::Loading(Arc::new(With { base, branch, append })))
    }
}

impl<T> fmt::Debug for Holds<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holds")
    }
}

impl<T> fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl<L: fmt::Debug> fmt::Debug for Of<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Shaping<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}
