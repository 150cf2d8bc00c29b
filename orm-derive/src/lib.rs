//! The derives of the `orm` crate: [`Model`], [`FromRow`], [`DbEnum`], [`DbType`].
//!
//! Use them through `orm::prelude`. Each goes the same way: `parse` reads the tokens into the plain values of `ir`, `check`
//! asks every rule of it, `emit` writes the code. All mistakes are reported at once, each on its token, and what can
//! still be written is written, so that one mistake is one error.

mod attr;
mod check;
mod db_enum;
mod db_type;
mod emit;
mod errors;
mod fallback;
mod ir;
mod model;
mod naming;
mod parse;
mod result_row;
mod shape;
#[cfg(test)]
mod testing;

use proc_macro::TokenStream;

/// Makes a struct a row of a table, and its name a value with the columns and relations.
///
/// ```
/// # use orm::prelude::*;
/// # #[derive(Model)]
/// # struct Team {
/// #     #[model(primary_key)]
/// #     id: i64,
/// # }
/// # #[derive(Model)]
/// # struct Post {
/// #     #[model(primary_key)]
/// #     id: i64,
/// #     #[model(belongs_to(author: User))]
/// #     author_id: i64,
/// # }
/// #[derive(Debug, Clone, Model)]
/// #[model(table = "users", has_many(posts: Post.author_id))]
/// pub struct User {
///     #[model(primary_key)]
///     pub id: i64,
///     pub name: String,
///     #[model(unique, max_length = 255)]
///     pub email: String,
///     pub nickname: Option<String>,
///     #[model(belongs_to(team: Team), on_delete = set_null, index)]
///     pub team_id: Option<i64>,
/// }
///
/// let user = User::builder().name("Alice").email("a@example.com").team_id(3).build();
/// assert_eq!((user.id, user.nickname, user.team_id), (0, None, Some(3)));
/// ```
///
/// For `User` it writes
///
/// - the constant `User`, whose fields are the columns and relations: `User.name`, `User.posts`, `User.team`;
/// - the trait impls by which rows are read and written;
/// - `UserBuilder`, which `User::builder()` starts. It has a setter for every column and is a row to insert once every
///   required field is set; a forgotten one is a compile error that names it. Required is what is not an `Option`, has
///   no default, and is no key that is made by the database or the builder. `build()` gives the plain struct; a model
///   with a `default_sql`, a `sequence` or a `computed` column has none, since only the database knows the value, nor has one with a
///   field or relation named `build`.
///
/// A key with `belongs_to(author: User)` has a second setter, `.author(handle)`, for a row of a session, which may be new.
/// Only a session can add such a builder: the key may be yet to be made. Of a key of several columns it sets them all, or,
/// where some may be NULL, those.
///
/// A column may be NULL when its type is an `Option`, and not otherwise.
///
/// # On the struct
///
/// | attribute | meaning |
/// |---|---|
/// | `table = "users"` | the table's name; defaults to the struct's in snake case: `PostTag` is `post_tag` |
/// | `schema = "audit"` | the schema that the table is in; where there are none, the table is refused |
/// | `primary_key(a, b)` | the primary key, instead of marking the fields, and its order |
/// | `index(a, b)` | an index over several columns; `name = ".."` within the parentheses names it |
/// | `index(a, "lower(b)", where = "c > 0", method = gin)` | also over expressions, which come after the columns; over the rows for which a condition holds; of the method `btree` (the default), `hash`, `gin`, `gist`, `spgist` or `brin` |
/// | `unique_index(a, ..)` | the same, and no two of its rows agree |
/// | `unique(a, b)` | a unique constraint over several columns, with `name = ".."`; `deferrable = initially_deferred` checks it at the end of the transaction, `deferrable = initially_immediate` unless the transaction says otherwise |
/// | `check = "starts < ends"` | a `CHECK` over the row; `check("..", name = "..")` names it |
/// | `belongs_to(order: Order by (order_region, order_number))` | a foreign key of several columns; `on_delete = ..` and `on_update = ..` within the parentheses. `Order(region, number) by (..)` points at other unique columns than the primary key |
/// | `exclude(room with "=", during with "&&")` | no two rows may have values for which all the operators are true; with `name`, `where`, `deferrable`, and a `method`, which is `gist` unless said otherwise |
/// | `has_many(posts: Post.author_id)` | the rows of another table whose column holds this row's key |
/// | `has_one(profile: Profile.user_id)` | the same where there is at most one |
/// | `many_to_many(tags: Tag through PostTag)` | the rows to which a table between leads, by its two foreign keys; `through Friendship(user_id -> friend_id)` says which, where several lead to one model |
/// | `crate = path` | where the library is, if not at `::orm` |
///
/// A key of several columns is named as `Line(order_region, order_number)` wherever one of a single column is
/// `Post.author_id`. A relation that the other model does not bear out is a compile error at its column.
///
/// `index`, `unique_index`, `unique`, `check`, `exclude` and the relations may be repeated, and a relation attribute may list several, separated
/// by commas. `Self` may be written for the model itself.
///
/// # On a field
///
/// | attribute | meaning |
/// |---|---|
/// | `primary_key` | the column is the primary key, or with others a part of it |
/// | `natural` | of an integer or UUID key: the caller gives it |
/// | `generated` | of a key of a newtype: the database makes it, as it does for a plain integer; `generated = always` refuses a key that a statement gives |
/// | `column = "name"` | the column's name; defaults to the field's |
/// | `unique`, `index` | a constraint or an index over this column |
/// | `max_length = 255` | the most characters; of `String` and `Option<String>` |
/// | `default = 0` | the Rust value that the builder begins with; evaluated by every `builder()` |
/// | `default_sql = "CURRENT_TIMESTAMP"` | the value that the database gives when the builder is not told; the type is `Default` |
/// | `sequence = "invoice_number"` | the same with the next number of a sequence, which is created with the table |
/// | `default_on_update = Utc::now()` | the Rust value that a session sets when another column of the row was changed; the builder begins with it unless there is another default |
/// | `version` | of a plain integer: begins with 1, and a session counts it up and updates the row only if nobody else did |
/// | `computed = "price * stock"` | the database computes the column and stores it: it is never sent, has no setter, and cannot be set; the type is `Default` |
/// | `check = "age >= 18"` | a `CHECK`; `check("..", name = "..")` names it, and it may be repeated |
/// | `belongs_to(author: User)` | the column holds a key of `User`, and `author` is the relation; `User.email` for another unique column of it |
/// | `on_delete = cascade` | what becomes of the row when the other is deleted: `cascade`, `restrict`, `set_null`, `set_default`, `no_action` (the default) |
/// | `on_update = cascade` | the same when the other's key changes |
/// | `deferrable = initially_deferred` | the foreign key is checked at the end of the transaction; `initially_immediate`: unless the transaction says otherwise |
/// | `skip` | not a column: `Default::default()` when read |
///
/// A primary key that is a single integer is made by the database: it is 0 in a struct that is not inserted yet. One
/// that is a single `Uuid` is made by the builder, as version 7. All others are given by the caller, and so is a key
/// with a `default`, a `default_sql` or a `belongs_to`.
#[proc_macro_derive(Model, attributes(model))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    derive(input, model::derive)
}

/// Makes a struct a row of a result, read by position: the first column into the first field.
///
/// ```
/// # use orm::prelude::*;
/// #[derive(FromRow)]
/// struct Author {
///     name: String,
///     posts: i64,
/// }
///
/// let author = Author::from(("Alice".to_owned(), 3));
/// # assert_eq!((author.name.as_str(), author.posts), ("Alice", 3));
/// ```
///
/// The struct has named fields, of the types of columns, and no generic parameters. With 16 fields or fewer it is also
/// `From` the tuple of them. `#[from_row(crate = path)]` says where the library is, if not at `::orm`.
#[proc_macro_derive(FromRow, attributes(from_row))]
pub fn derive_from_row(input: TokenStream) -> TokenStream {
    derive(input, result_row::derive)
}

/// Makes a struct a shape of a model: its fields are columns and relations of it, and only they are read.
///
/// ```
/// # use orm::{docs::*, prelude::*};
/// #[derive(Shape)]
/// #[shape(model = User)]
/// struct UserCard {
///     name: String,
///     #[shape(column = email)]
///     mail: String,
///     #[shape(expr = User.age + 1)]
///     next_birthday: Option<i32>,
///     #[shape(order_by = Post.id.desc(), limit = 3)]
///     posts: Vec<PostCard>,
/// }
///
/// #[derive(Shape)]
/// #[shape(model = Post)]
/// struct PostCard {
///     title: String,
/// }
///
/// let q: Select<UserCard> = shape::<UserCard>().filter(User.age.ge(18));
/// assert_sql!(q, sqlite: concat!(
///     r#"SELECT "users"."name", "users"."email", "users"."age" + ?1, "users"."id" FROM "users" "#,
///     r#"WHERE "users"."age" >= ?2"#,
/// ));
/// ```
///
/// A column's field has the type of the column, an expression's that of its values. A relation to many rows is a `Vec` of
/// another shape or of a model, one to one row is the shape itself, and one that may be missing is an `Option` of it. A shape
/// that contains itself has no end and does not compile; of shapes that contain each other the compiler says "cycle detected
/// .. `NO_CIRCLE_OF_SHAPES`" and shows the fields that lead around.
///
/// | attribute | meaning |
/// |---|---|
/// | `model = User` | on the struct: the model |
/// | `crate = path` | on the struct: where the library is, if not at `::orm` |
/// | `column = name` | what the model calls the field, a column or a relation, if not by its name |
/// | `expr = User.posts.count()` | an expression that is read of each row, in place of a column. What is read by a join is read by a statement of its own instead, if it has one |
/// | `filter = Post.public.eq(true)` | of a relation: only these rows |
/// | `order_by = Post.id.desc()` | of a relation: in this order |
/// | `limit = 3` | of a relation: so many of each row, the first by the order |
#[proc_macro_derive(Shape, attributes(shape))]
pub fn derive_shape(input: TokenStream) -> TokenStream {
    derive(input, shape::derive)
}

/// Makes an enum without fields the type of a column, stored as text.
///
/// ```
/// # use orm::prelude::*;
/// #[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
/// #[db_enum(rename_all = "kebab-case")]
/// enum State {
///     Draft,
///     InReview,
///     #[db_enum(rename = "live")]
///     Published,
/// }
/// ```
///
/// | attribute | meaning |
/// |---|---|
/// | `native` | a type of the database, where there are enum types: `create_all` creates it, and adds words that are new. Elsewhere, and without this, it is text with a `CHECK` |
/// | `name = "state"` | the type's name in such databases; defaults to the enum's in snake case |
/// | `rename_all = ".."` | how variants are stored: `snake_case` (the default), `lowercase`, `UPPERCASE`, `SCREAMING_SNAKE_CASE`, `PascalCase`, `camelCase`, `kebab-case` |
/// | `rename = ".."` | on a variant: the text for this one |
/// | `crate = path` | where the library is, if not at `::orm` |
#[proc_macro_derive(DbEnum, attributes(db_enum))]
pub fn derive_db_enum(input: TokenStream) -> TokenStream {
    derive(input, db_enum::derive)
}

/// Makes a newtype the type of a column, stored as what it holds.
///
/// ```
/// # use orm::prelude::*;
/// #[derive(Debug, Clone, Copy, PartialEq, DbType)]
/// struct UserId(i64);
///
/// assert_eq!(UserId::from(7), UserId(7));
/// ```
///
/// It also implements `From` for the inner type, so a builder's setter takes either. A primary key of such a type is
/// given by the caller unless it says `#[model(primary_key, generated)]`; the type must then be
/// `Default`. `#[db_type(crate = path)]` says where the library is, if not at `::orm`.
#[proc_macro_derive(DbType, attributes(db_type))]
pub fn derive_db_type(input: TokenStream) -> TokenStream {
    derive(input, db_type::derive)
}

fn derive(input: TokenStream, derive: fn(&syn::DeriveInput) -> proc_macro2::TokenStream) -> TokenStream {
    match syn::parse(input) {
        Ok(input) => derive(&input).into(),
        Err(error) => error.to_compile_error().into(),
    }
}
