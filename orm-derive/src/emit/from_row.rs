//! Reading a row into the struct, by position.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{at, numbered};
use crate::ir::{Column, Model};

/// `Model::decode`
pub(super) fn decode(model: &Model) -> TokenStream {
    let Model { private, .. } = model;
    // Names of locals keep the hygiene of the function around them.
    let locals = quote!(row, at);
    let fields = numbered(model).map(|(number, column @ Column { field, ty, .. })| {
        let read = quote_spanned! {column.ty_span=>
            #private::model::column(#locals, #number, Self::TABLE, <#ty as #private::types::SqlType>::decode_value)?
        };
        let read = at(column.ty_span, read);
        quote!(#field: #read)
    });
    let skipped = model.skipped.iter().map(|skipped| &skipped.field);
    quote! {
        #[inline]
        fn decode(
            row: &dyn #private::driver::Row,
            at: usize,
        ) -> ::core::result::Result<Self, #private::error::Error> {
            ::core::result::Result::Ok(Self {
                #(#fields,)*
                #(#skipped: ::core::default::Default::default(),)*
            })
        }
    }
}

/// `Model::assign`
pub(super) fn assign(model: &Model) -> TokenStream {
    let Model { private, .. } = model;
    let locals = quote!(table, value);
    let arms = numbered(model).map(|(number, Column { field, ty, ty_span, .. })| {
        let this = quote!(self);
        let assign = quote_spanned! {*ty_span=>
            #private::model::assign_column(
                &mut #this.#field, #number, #locals, <#ty as #private::types::SqlType>::decode_value,
            )
        };
        let assign = at(*ty_span, assign);
        quote!(#number => #assign,)
    });
    quote! {
        fn assign(
            &mut self,
            column: u16,
            value: #private::value::ValueRef<'_>,
        ) -> ::core::result::Result<(), #private::error::Error> {
            let table = Self::TABLE;
            match column {
                #(#arms)*
                _ => ::core::result::Result::Err(#private::model::no_column(column, table)),
            }
        }
    }
}

/// A model is a row of all its columns.
pub(super) fn from_row(model: &Model) -> TokenStream {
    let Model { private, name, .. } = model;
    let width = model.columns.len();
    quote! {
        #[automatically_derived]
        impl #private::model::FromRow for #name {
            const WIDTH: usize = #width;

            #[inline]
            fn from_row(
                row: &dyn #private::driver::Row,
                at: usize,
            ) -> ::core::result::Result<Self, #private::error::Error> {
                <Self as #private::model::Model>::decode(row, at)
            }
        }
    }
}
