//! The struct as a row to insert: every column, except for what the database makes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{bind_match, numbered};
use crate::ir::{Column, Model};

/// `Model::bind`
pub(super) fn bind(model: &Model) -> TokenStream {
    bind_match(model, |_, _| Some((["model", "bind_column"], quote!(self))))
}

/// `InsertRow` and `NewRow` for the struct.
pub(super) fn insert_row(model: &Model) -> TokenStream {
    let Model { private, name, .. } = model;
    let columns = columns(model);
    quote! {
        #[automatically_derived]
        impl #private::model::InsertRow for #name {
            type Model = Self;

            #[inline]
            fn columns(&self) -> #private::ast::ColumnSet {
                #columns
            }

            fn bind(
                &self,
                column: u16,
                sink: &mut dyn #private::types::BindSink,
            ) -> ::core::result::Result<(), #private::error::Error> {
                <Self as #private::model::Model>::bind(self, column, sink)
            }
        }

        #[automatically_derived]
        impl #private::session::NewRow for #name {
            type Model = Self;

            #[inline]
            fn into_new(
                self,
                _parents: &mut dyn #private::session::Parents,
            ) -> ::core::result::Result<#private::session::New<Self>, #private::error::Error> {
                ::core::result::Result::Ok(#private::session::New::of(self))
            }
        }
    }
}

fn columns(model: &Model) -> TokenStream {
    let private = &model.private;
    let width = model.columns.len();
    let left_out: Vec<_> = numbered(model)
        .filter_map(|(number, column @ Column { field, .. })| {
            let remove = quote!(columns.remove(#number););
            match model.generated_key() == Some(usize::from(number)) {
                _ if column.computed.is_some() => Some(remove),
                true => Some(quote!(if #private::model::is_zero(&self.#field) { #remove })),
                false => None,
            }
        })
        .collect();
    if left_out.is_empty() {
        return quote!(#private::ast::ColumnSet::first(#width));
    }
    quote! {
        let mut columns = #private::ast::ColumnSet::first(#width);
        #(#left_out)*
        columns
    }
}
