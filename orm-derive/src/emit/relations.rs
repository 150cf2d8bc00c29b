//! The relations among the fields of `UserColumns`, and their list in the table's metadata.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::at;
use crate::attr;
use crate::ir::{BelongsTo, Between, ForeignKey, Model, Path, Relation};
use crate::naming;

/// `pub author: BelongsTo<Post, User>`
pub(super) fn fields(model: &Model) -> impl Iterator<Item = TokenStream> {
    let Model { private, visibility, name, .. } = model;
    let own = model.foreign_keys().map(|key| (&key.relation.name, own_kind(&key), &key.relation.target, None));
    let others = model.relations.iter().map(|relation| {
        let between = match &relation.path {
            Path::Many(_) | Path::One(_) => None,
            Path::Through(between) => Some(&between.model),
        };
        (&relation.name, kind(relation), &relation.target, between)
    });
    own.chain(others).map(move |(relation, kind, target, between)| {
        let docs = format!("The relation `{}` to `{}`.", naming::plain(relation), path_text(target));
        let kind = format_ident!("{kind}");
        let between = between.into_iter();
        quote! {
            #[doc = #docs]
            #visibility #relation: #private::relation::#kind<#name, #target #(, #between)*>
        }
    })
}

/// `author: BelongsTo::new(table, 0)`
pub(super) fn values(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let own = (0_u16..).zip(model.foreign_keys()).map(move |(number, key)| {
        let BelongsTo { name, target, .. } = key.relation;
        value(private, name, target, own_kind(&key), quote!(#number))
    });
    own.chain(model.relations.iter().map(move |relation| {
        let path = path(relation, model);
        value(private, &relation.name, &relation.target, kind(relation), quote!(|| #path))
    }))
}

/// It stands at the target, since that is what is wrong if it is no model.
fn value(private: &TokenStream, name: &Ident, target: &TokenStream, kind: &str, path: TokenStream) -> TokenStream {
    let span = attr::span_of(target);
    let kind = Ident::new(kind, span);
    let table = quote!(table);
    let value = at(span, quote_spanned!(span=> #private::relation::#kind::new));
    let arguments = quote_spanned!(span=> (#table, #path));
    quote!(#name: #value #arguments)
}

/// `RelationMeta { name: "author", target: || User::TABLE }`
pub(super) fn metadata(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let own = model.foreign_keys().map(|key| (&key.relation.name, &key.relation.target));
    let others = model.relations.iter().map(|relation| (&relation.name, &relation.target));
    own.chain(others).map(move |(name, target)| {
        let name = naming::plain(name);
        quote! {
            #private::meta::RelationMeta { name: #name, target: || <#target as #private::model::Model>::TABLE }
        }
    })
}

/// Whether the key may be NULL.
fn own_kind(key: &ForeignKey<'_>) -> &'static str {
    if key.is_optional() { "MaybeBelongsTo" } else { "BelongsTo" }
}

fn kind(relation: &Relation) -> &'static str {
    match relation.path {
        Path::Many(_) => "HasMany",
        Path::One(_) => "HasOne",
        Path::Through(_) => "ManyToMany",
    }
}

/// What the relation's function gives: the number of the foreign key, or the table between with those of both. The
/// compiler finds them, at the columns that were written, and says so where there are none.
fn path(Relation { target, path, .. }: &Relation, model: &Model) -> TokenStream {
    let Model { private, name, .. } = model;
    let table = |model: &TokenStream| quote!(<#model as #private::model::Model>::TABLE);
    let (own, theirs) = (table(&quote!(#name)), table(target));
    match path {
        Path::Many(columns) | Path::One(columns) => {
            let check = if matches!(path, Path::One(_)) { "unique_key" } else { "key" };
            let (span, positions) = (span_of(columns), positions(columns, target, private));
            let key = checked(span, private, check, quote!(&[#(#positions),*], #theirs, #own));
            quote!({ const KEY: u16 = #key; KEY })
        }
        Path::Through(Between { model: between, from, to }) => {
            let (first, second) = (positions(from, between, private), positions(to, between, private));
            let between_table = table(between);
            let arguments = quote!(#between_table, (&[#(#first),*], #own), (&[#(#second),*], #theirs));
            let between = checked(attr::span_of(between), private, "between", arguments);
            quote!({ const BETWEEN: #private::relation::Between = #between; BETWEEN })
        }
    }
}

/// A call of one of the functions that check. Its error stands at `span`.
pub(super) fn checked(span: Span, private: &TokenStream, function: &str, arguments: TokenStream) -> TokenStream {
    let function = Ident::new(function, span);
    let function = at(span, quote_spanned!(span=> #private::fits::#function));
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(span);
    quote!(#function #arguments)
}

/// The numbers of columns of `target`. The type says that a name is a column's, not a relation's.
fn positions(columns: &[Ident], target: &TokenStream, private: &TokenStream) -> Vec<TokenStream> {
    let position = |column: &Ident| {
        quote!({
            let column: #private::expr::Column<#target, _> = #target.#column;
            column.reference().index
        })
    };
    columns.iter().map(position).collect()
}

fn span_of(columns: &[Ident]) -> Span {
    columns.first().map_or_else(Span::call_site, Ident::span)
}

/// A path as a person writes it.
fn path_text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}
