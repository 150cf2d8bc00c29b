//! `UserColumns`, the type of the value `User`: a field for every column and relation.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Names, numbered, relations};
use crate::ir::{Column, Model};

/// The struct, its constant, and what makes it an entity.
pub(super) fn columns(model: &Model, names: &Names) -> TokenStream {
    let Model { private, visibility, name, docs, .. } = model;
    let Names { columns, .. } = names;
    let description = format!("The columns and relations of [`{name}`](struct@{name}): what the value `{name}` is.");
    let docs = if docs.is_empty() { quote!(#[doc = #description]) } else { docs.clone() };
    let fields = model.columns.iter().map(|column| field(model, column)).chain(relations::fields(model));
    let values = numbered(model).map(|(number, column)| value(model, number, column)).chain(relations::values(model));
    quote! {
        #[doc = #description]
        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        #visibility struct #columns {
            #(#fields,)*
            __table: #private::ast::TableRef,
        }

        #docs
        #[allow(non_upper_case_globals, dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        #visibility const #name: #columns = <#name as #private::model::Model>::COLUMNS;

        #[allow(unused_qualifications)]
        impl #columns {
            const fn __new(alias: ::core::option::Option<#private::ast::Alias>) -> Self {
                let table = #private::ast::TableRef { meta: <#name as #private::model::Model>::TABLE, alias };
                Self { #(#values,)* __table: table }
            }
        }

        #[automatically_derived]
        impl #private::model::Entity for #columns {
            type Model = #name;

            fn table_ref(&self) -> #private::ast::TableRef {
                self.__table
            }

            fn aliased(alias: #private::ast::Alias) -> Self {
                Self::__new(::core::option::Option::Some(alias))
            }
        }

        #[automatically_derived]
        impl ::core::clone::Clone for #columns {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl ::core::marker::Copy for #columns {}

        #[automatically_derived]
        impl ::core::fmt::Debug for #columns {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.__table.name())
            }
        }
    }
}

fn field(model: &Model, column: &Column) -> TokenStream {
    let Model { private, name, .. } = model;
    let Column { visibility, field, ty, docs, .. } = column;
    let description = format!("The column `{}`.", column.name.value);
    let docs = if docs.is_empty() { quote!(#[doc = #description]) } else { docs.clone() };
    quote!(#docs #visibility #field: #private::expr::Column<#name, #ty>)
}

fn value(model: &Model, number: u16, column: &Column) -> TokenStream {
    let Model { private, .. } = model;
    let Column { field, .. } = column;
    quote!(#field: #private::expr::Column::new(table, #number))
}
