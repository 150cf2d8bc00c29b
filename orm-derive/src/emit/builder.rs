//! `UserBuilder`, which is a row to insert once every required field is set.
//!
//! The values stand in one plain draft. The builder's type parameters, one for each required field, say which of them
//! are set: a setter moves the draft and changes a phantom. A trait for each of those fields, which only `Set` has,
//! carries the error for a forgotten one; its text is the field's name whatever else in the program is called so.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::{Names, bind_match, generated, numbered};
use crate::ir::{Column, KeySource, Model};
use crate::naming::Case;

/// How the draft keeps a field.
enum Slot {
    /// As an `Option`: the field is required.
    Required,
    /// As an `Option`: the database gives what is not set.
    Optional,
    /// As its value, which is this until it is set.
    Initial(TokenStream),
}

/// A required field: what names it in the builder's type.
struct Required<'a> {
    column: &'a Column,
    parameter: Ident,
}

/// The builder, its draft, its setters, and `InsertRow` for it.
pub(super) fn builder(model: &Model, names: &Names) -> TokenStream {
    let required = required(model);
    let mut code = definition(model, names, &required);
    code.extend(needs(model, names, &required));
    code.extend(methods(model, names, &required));
    code.extend(insert_row(model, names, &required));
    code
}

/// `Model::builder`
pub(super) fn start(model: &Model, names: &Names) -> TokenStream {
    let Names { builder, draft, .. } = names;
    let fields = numbered(model).map(|(number, column)| {
        let field = &column.field;
        let value = match slot(model, number, column) {
            Slot::Required | Slot::Optional => quote!(::core::option::Option::None),
            Slot::Initial(value) => value,
        };
        quote!(#field: #value)
    });
    quote! {
        #[allow(clippy::useless_conversion)]
        fn builder() -> #builder {
            #builder { draft: #draft { #(#fields),* }, state: ::core::marker::PhantomData }
        }
    }
}

fn definition(model: &Model, names: &Names, required: &[Required<'_>]) -> TokenStream {
    let Model { private, visibility, name, .. } = model;
    let Names { builder, draft, .. } = names;
    let parameters = parameters(required);
    let debug_name = builder.to_string();
    let docs = format!("Makes a row of [`{name}`](struct@{name}): insert it once every required field is set.");
    let fields = numbered(model).map(|(number, column @ Column { field, ty, .. })| match slot(model, number, column) {
        Slot::Initial(_) => quote!(#field: #ty),
        Slot::Required | Slot::Optional => quote!(#field: ::core::option::Option<#ty>),
    });
    quote! {
        #[doc = #docs]
        #[must_use = "a builder inserts nothing by itself"]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
        #visibility struct #builder<#(#parameters = #private::model::Unset),*> {
            draft: #draft,
            state: ::core::marker::PhantomData<fn() -> (#(#parameters,)*)>,
        }

        struct #draft {
            #(#fields,)*
        }

        #[automatically_derived]
        impl<#(#parameters),*> ::core::fmt::Debug for #builder<#(#parameters),*> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                // The values may be secret.
                f.debug_struct(#debug_name).finish_non_exhaustive()
            }
        }
    }
}

/// The traits that carry the errors.
fn needs(model: &Model, names: &Names, required: &[Required<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let Names { needs, .. } = names;
    let fields: Vec<_> = required.iter().map(|required| &required.column.field).collect();
    let traits = required.iter().map(|Required { column, .. }| {
        let (trait_name, field) = (&column.field, column.field_name());
        let message = format!("required field `{field}` is not set");
        let label = format!("`{name}` needs `.{field}(..)` before this");
        quote! {
            #[diagnostic::on_unimplemented(message = #message, label = #label)]
            pub trait #trait_name: 'static {}
        }
    });
    if required.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub)]
        mod #needs {
            #(#traits)*
        }

        #(
            #[diagnostic::do_not_recommend]
            impl #needs::#fields for #private::model::Set {}
        )*
    }
}

fn methods(model: &Model, names: &Names, required: &[Required<'_>]) -> TokenStream {
    let Names { builder, .. } = names;
    let parameters = parameters(required);
    let setters = numbered(model).map(|(number, column)| setter(model, names, required, number, column));
    let build = build(model, names, required);
    quote! {
        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        impl<#(#parameters),*> #builder<#(#parameters),*> {
            #(#setters)*
            #build
        }
    }
}

fn setter(model: &Model, names: &Names, required: &[Required<'_>], number: u16, column: &Column) -> TokenStream {
    let Model { visibility, .. } = model;
    let Column { field, .. } = column;
    let docs = format!("Sets `{}`.", column.field_name());
    let Argument { generics, ty, value } = argument(model, column);
    let (output, assignment, result) = match slot(model, number, column) {
        Slot::Required => {
            let output = with_set(model, names, required, field);
            let builder = &names.builder;
            let result = quote!(#builder { draft: self.draft, state: ::core::marker::PhantomData });
            (output, quote!(::core::option::Option::Some(#value)), result)
        }
        Slot::Optional => (quote!(Self), quote!(::core::option::Option::Some(#value)), quote!(self)),
        Slot::Initial(_) => (quote!(Self), value, quote!(self)),
    };
    quote_spanned! {generated(column.ty_span)=>
        #[doc = #docs]
        #visibility fn #field #generics(mut self, value: #ty) -> #output {
            self.draft.#field = #assignment;
            #result
        }
    }
}

/// What a setter takes, and how it becomes the field's value.
struct Argument {
    generics: TokenStream,
    ty: TokenStream,
    value: TokenStream,
}

fn argument(model: &Model, column: &Column) -> Argument {
    let Model { private, .. } = model;
    let (ty, plain) = (&column.ty, &column.shape.plain);
    let value = match (column.shape.option, column.shape.is_primitive()) {
        (false, true) | (true, false) => converted(model, column, &quote!(value)),
        (true, true) | (false, false) => quote!(#private::types::IntoField::<#ty>::into_field(value)),
    };
    let (generics, ty) = match (column.shape.option, column.shape.is_primitive()) {
        (false, true) => (quote!(), quote!(#ty)),
        (_, true) | (false, false) => (quote!(), quote!(impl #private::types::IntoField<#ty>)),
        (true, false) => (quote!(<_Form>), quote!(impl #private::types::IntoNullable<#plain, _Form>)),
    };
    Argument { generics, ty, value }
}

/// A value of one of the types that the setter takes, as the field's type.
fn converted(model: &Model, column: &Column, value: &TokenStream) -> TokenStream {
    let Model { private, .. } = model;
    let (ty, plain) = (&column.ty, &column.shape.plain);
    match (column.shape.option, column.shape.is_primitive()) {
        (false, true) => value.clone(),
        (_, true) | (false, false) => quote!(::core::convert::Into::<#ty>::into(#value)),
        (true, false) => quote!(#private::types::IntoNullable::<#plain, _>::into_nullable(#value)),
    }
}

/// The builder's type once `field` is set.
fn with_set(model: &Model, names: &Names, required: &[Required<'_>], field: &Ident) -> TokenStream {
    let (private, builder) = (&model.private, &names.builder);
    let arguments = required.iter().map(|Required { column, parameter }| match column.field == *field {
        true => quote!(#private::model::Set),
        false => quote!(#parameter),
    });
    quote!(#builder<#(#arguments),*>)
}

/// `build`, unless the struct would need a value that only the database knows, or a field has that name.
fn build(model: &Model, names: &Names, required: &[Required<'_>]) -> TokenStream {
    let Model { private, visibility, name, .. } = model;
    if model.columns.iter().any(|column| column.default_sql.is_some() || column.field == "build") {
        return TokenStream::new();
    }
    let bounds = bounds(names, required);
    let fields = numbered(model).map(|(number, column @ Column { field, .. })| match slot(model, number, column) {
        Slot::Required => quote!(#field: #private::model::required(self.draft.#field)),
        Slot::Optional => {
            quote_spanned!(generated(column.ty_span)=> #field: self.draft.#field.unwrap_or_default())
        }
        Slot::Initial(_) => quote!(#field: self.draft.#field),
    });
    let skipped = model.skipped.iter().map(|skipped| &skipped.field);
    let docs = match model.generated_key() {
        Some(_) => "The row as a plain struct, with 0 for the key until the database makes it.",
        None => "The row as a plain struct.",
    };
    quote! {
        #[doc = #docs]
        #[must_use = "gives a row, and inserts nothing"]
        #visibility fn build(self) -> #name where #(#bounds),* {
            #name {
                #(#fields,)*
                #(#skipped: ::core::default::Default::default(),)*
            }
        }
    }
}

fn insert_row(model: &Model, names: &Names, required: &[Required<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let Names { builder, .. } = names;
    let parameters = parameters(required);
    let bounds = bounds(names, required);
    let columns = columns(model);
    let bind = bind_match(model, |number, column| match slot(model, number, column) {
        Slot::Required | Slot::Optional => ("bind_draft", quote!(self.draft)),
        Slot::Initial(_) => ("bind_column", quote!(self.draft)),
    });
    // Errors about forgotten fields show this header: as the model's line, not as the derive's.
    let builder_here = Ident::new(&builder.to_string(), name.span());
    let header = quote_spanned! {name.span()=>
        impl<#(#bounds),*> #private::model::InsertRow for #builder_here<#(#parameters),*>
    };
    quote! {
        #[allow(unused_qualifications)]
        #header {
            type Model = #name;

            fn columns(&self) -> #private::ast::ColumnSet {
                #columns
            }

            #bind
        }
    }
}

/// Every column, except for those that are left to the database.
fn columns(model: &Model) -> TokenStream {
    let private = &model.private;
    let width = model.columns.len();
    let left_out: Vec<_> = numbered(model)
        .filter(|(number, column)| matches!(slot(model, *number, column), Slot::Optional))
        .map(|(number, Column { field, .. })| {
            quote! {
                if self.draft.#field.is_none() {
                    columns.remove(#number);
                }
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

fn slot(model: &Model, number: u16, column: &Column) -> Slot {
    let private = &model.private;
    match model.single_key().filter(|(index, _)| *index == usize::from(number)) {
        Some((_, KeySource::Database)) => return Slot::Optional,
        Some((_, KeySource::Client)) => return Slot::Initial(quote!(#private::types::new_uuid())),
        Some((_, KeySource::Caller)) | None => {}
    }
    match &column.default {
        Some(value) => Slot::Initial(converted(model, column, value)),
        None if column.default_sql.is_some() => Slot::Optional,
        None if column.shape.option => Slot::Initial(quote!(::core::option::Option::None)),
        None => Slot::Required,
    }
}

fn required(model: &Model) -> Vec<Required<'_>> {
    let mut taken = HashSet::new();
    numbered(model)
        .filter(|(number, column)| matches!(slot(model, *number, column), Slot::Required))
        .map(|(number, column)| {
            // The underscores keep it apart from the fields' types, the number from `line1` beside `line_1`.
            let mut name = format!("__{}", Case::Pascal.apply(&column.field_name()));
            if !taken.insert(name.clone()) {
                name = format!("{name}Column{number}");
            }
            Required { column, parameter: Ident::new(&name, column.field.span()) }
        })
        .collect()
}

fn parameters<'a>(required: &'a [Required<'a>]) -> Vec<&'a Ident> {
    required.iter().map(|required| &required.parameter).collect()
}

/// `__Name: __user_needs::name`, which stands at the field: an error that names the bound shows the field.
fn bounds(names: &Names, required: &[Required<'_>]) -> Vec<TokenStream> {
    let bound = |Required { column, parameter }: &Required<'_>| {
        let field = &column.field;
        let needs = Ident::new(&names.needs.to_string(), field.span());
        quote_spanned!(field.span()=> #parameter: #needs::#field)
    };
    required.iter().map(bound).collect()
}
