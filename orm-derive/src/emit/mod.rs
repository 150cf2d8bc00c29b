//! From [`ir::Model`] to code: one generated thing a file.
//!
//! The code calls ordinary functions of `orm::__private::model` wherever it can, and each piece grows by a line or two
//! for every field. What is said of a field stands at that field's type, so that a type no column can hold is
//! underlined where it was written.

mod builder;
mod columns;
mod from_row;
mod insert_row;
mod relations;
mod table;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};

use crate::ir::{Column, Model};
use crate::naming::{self, Case};

/// Everything that `#[derive(Model)]` writes.
pub(crate) fn model(model: &Model) -> TokenStream {
    let names = Names::new(model);
    let mut code = columns::columns(model, &names);
    code.extend(model_impl(model, &names));
    code.extend(from_row::from_row(model));
    code.extend(insert_row::insert_row(model));
    code.extend(builder::builder(model, &names));
    code
}

fn model_impl(model: &Model, names: &Names) -> TokenStream {
    let Model { private, name, .. } = model;
    let Names { columns, builder, .. } = names;
    let key = key_type(model);
    let table = table::table(model);
    let start = builder::start(model, names);
    let decode = from_row::decode(model);
    let assign = from_row::assign(model);
    let bind = insert_row::bind(model);
    let update_defaults = builder::update_defaults(model);
    quote! {
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        #[allow(unused_qualifications)]
        impl #private::model::Model for #name {
            type Columns = #columns;
            type Key = #key;
            type Builder = #builder;
            const COLUMNS: #columns = #columns::__new(::core::option::Option::None);
            #table
            #start
            #decode
            #bind
            #assign
            #update_defaults
        }
    }
}

/// The key column's type, or a tuple of several.
fn key_type(model: &Model) -> TokenStream {
    let key = model.primary_key();
    let types: Vec<_> = key.iter().filter_map(|index| model.columns.get(*index)).map(|column| &column.ty).collect();
    match types.as_slice() {
        [only] => quote!(#only),
        several => quote!((#(#several,)*)),
    }
}

/// The names of the generated items.
pub(crate) struct Names {
    pub(crate) columns: Ident,
    pub(crate) builder: Ident,
    pub(crate) draft: Ident,
    /// The module of the traits that name the required fields.
    pub(crate) needs: Ident,
}

impl Names {
    pub(crate) fn new(model: &Model) -> Self {
        let name = naming::plain(&model.name);
        let snake = Case::Snake.apply(&name);
        let span = generated(model.name.span());
        Names {
            columns: format_ident!("{name}Columns", span = span),
            builder: format_ident!("{name}Builder", span = span),
            draft: format_ident!("__{name}Draft", span = span),
            needs: format_ident!("__{snake}_needs", span = span),
        }
    }
}

/// The place of a user's token, marked as generated so that lints stay away from it.
fn generated(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// Code as if it stood at a user's token, a field's type for one, so that an error underlines that and nothing else. The
/// same error from several such places is one to the compiler.
pub(crate) fn at(place: Span, code: TokenStream) -> TokenStream {
    code.into_iter().map(|token| relocated(token, place)).collect()
}

/// What the names mean stays as it is.
fn relocated(mut token: TokenTree, place: Span) -> TokenTree {
    let span = token.span().located_at(place);
    if let TokenTree::Group(group) = &token {
        let inner = group.stream().into_iter().map(|token| relocated(token, place)).collect();
        token = TokenTree::Group(Group::new(group.delimiter(), inner));
    }
    token.set_span(span);
    token
}

/// Columns with their numbers.
fn numbered(model: &Model) -> impl Iterator<Item = (u16, &Column)> {
    (0_u16..).zip(&model.columns)
}

/// A match over the number of a column. `arm` says which function binds the field, as module and name, and whose field
/// it is.
fn bind_match(model: &Model, arm: impl Fn(u16, &Column) -> Option<([&'static str; 2], TokenStream)>) -> TokenStream {
    let Model { private, name, .. } = model;
    let table = quote!(<#name as #private::model::Model>::TABLE);
    let arms = numbered(model).filter_map(|(number, column)| {
        let Column { field, ty, ty_span: span, .. } = column;
        let (function, owner) = arm(number, column)?;
        let [module, function] = function.map(|name| Ident::new(name, *span));
        // Names of locals keep the hygiene of the function around them.
        let locals = quote!(table, sink);
        let bind = quote_spanned! {*span=>
            #private::#module::#function(&#owner.#field, #number, #locals, <#ty as #private::types::SqlType>::bind_value)
        };
        let bind = at(*span, bind);
        Some(quote!(#number => #bind,))
    });
    quote! {
        fn bind(
            &self,
            column: u16,
            sink: &mut dyn #private::types::BindSink,
        ) -> ::core::result::Result<(), #private::error::Error> {
            let table = #table;
            match column {
                #(#arms)*
                _ => ::core::result::Result::Err(#private::model::no_column(column, table)),
            }
        }
    }
}
