//! The relations among the fields of `UserColumns`, and their list in the table's metadata.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::at;
use crate::attr;
use crate::ir::{BelongsTo, Column, Model, Path, Relation};
use crate::naming;

/// `pub author: BelongsTo<Post, User>`
pub(super) fn fields(model: &Model) -> impl Iterator<Item = TokenStream> {
    let Model { private, visibility, name, .. } = model;
    let own = model.foreign_keys().map(|(_, column, relation)| (&relation.name, own_kind(column), &relation.target));
    let others = model.relations.iter().map(|relation| (&relation.name, kind(relation), &relation.target));
    own.chain(others).map(move |(relation, kind, target)| {
        let docs = format!("The relation `{}` to `{}`.", naming::plain(relation), path_text(target));
        let kind = format_ident!("{kind}");
        quote! {
            #[doc = #docs]
            #visibility #relation: #private::relation::#kind<#name, #target>
        }
    })
}

/// `author: BelongsTo::new(table, 0)`
pub(super) fn values(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let own = (0_u16..).zip(model.foreign_keys()).map(move |(number, (_, column, BelongsTo { name, target }))| {
        value(private, name, target, own_kind(column), quote!(#number))
    });
    own.chain(model.relations.iter().map(move |relation| {
        let path = path(relation, private);
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
    let own = model.foreign_keys().map(|(_, _, relation)| (&relation.name, &relation.target));
    let others = model.relations.iter().map(|relation| (&relation.name, &relation.target));
    own.chain(others).map(move |(name, target)| {
        let name = naming::plain(name);
        quote! {
            #private::meta::RelationMeta { name: #name, target: || <#target as #private::model::Model>::TABLE }
        }
    })
}

/// Whether the key may be NULL.
fn own_kind(column: &Column) -> &'static str {
    if column.shape.option { "MaybeBelongsTo" } else { "BelongsTo" }
}

fn kind(relation: &Relation) -> &'static str {
    match relation.path {
        Path::Many(_) => "HasMany",
        Path::One(_) => "HasOne",
        Path::Through(_) => "ManyToMany",
    }
}

/// What the relation's function gives: a column of the target, or the table between.
fn path(Relation { target, path, .. }: &Relation, private: &TokenStream) -> TokenStream {
    match path {
        // The type says that the name is a column's, not a relation's.
        Path::Many(column) | Path::One(column) => quote!({
            let column: #private::expr::Column<#target, _> = #target.#column;
            column.reference()
        }),
        Path::Through(between) => quote!(<#between as #private::model::Model>::TABLE),
    }
}

/// A path as a person writes it.
fn path_text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}
