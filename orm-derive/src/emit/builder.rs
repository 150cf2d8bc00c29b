//! `UserBuilder`, which is a row to insert once every required field is set.
//!
//! The values stand in one plain draft. The builder's type parameters, one for each required field, say which of them
//! are set: a setter moves the draft and changes a phantom. A trait for each of those fields, which `Unset` lacks,
//! carries the error for a forgotten one; its text is the field's name whatever else in the program is called so.
//!
//! A key may be set to another row's handle: then its parameter is `Linked`, and only a session can add the row. A key
//! that is not required has a parameter as well, which says whether it is a handle.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{Names, at, bind_match, generated, numbered};
use crate::ir::{BelongsTo, Column, ForeignKey, KeySource, Model};
use crate::naming::{self, Case};

/// What the draft begins with.
enum Slot {
    /// Nothing: the field is required.
    Required,
    /// Nothing: the database gives what is not set.
    Optional,
    /// This value.
    Initial(TokenStream),
}

/// A field that the builder's type follows: a required one, or a key that may be another row's handle.
struct Followed<'a> {
    column: &'a Column,
    parameter: Ident,
    required: bool,
}

/// The builder, its draft, its setters, and what makes a row of it.
pub(super) fn builder(model: &Model, names: &Names) -> TokenStream {
    let followed = followed(model);
    let mut code = definition(model, names, &followed);
    code.extend(needs(model, names, &followed));
    code.extend(methods(model, names, &followed));
    code.extend(insert_row(model, names, &followed));
    code.extend(new_row(model, names, &followed));
    code
}

/// `Model::builder`
pub(super) fn start(model: &Model, names: &Names) -> TokenStream {
    let Names { builder, draft, .. } = names;
    let private = &model.private;
    let fields = given(model).map(|(number, column)| {
        let field = &column.field;
        let value = match (slot(model, number, column), model.holds_key(column)) {
            (Slot::Required | Slot::Optional, false) => quote!(::core::option::Option::None),
            (Slot::Required | Slot::Optional, true) => quote!(#private::session::ParentKey::Unset),
            (Slot::Initial(value), false) => value,
            (Slot::Initial(value), true) => quote!(#private::session::ParentKey::Value(#value)),
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

/// `Model::set_update_defaults`, for a model that has any.
pub(super) fn update_defaults(model: &Model) -> TokenStream {
    let assignments: Vec<_> = model
        .columns
        .iter()
        .filter_map(|column| Some((column, column.default_on_update.as_ref()?)))
        .map(|(column, on_update)| {
            let (field, value) = (&column.field, converted(model, column, &on_update.value));
            quote!(self.#field = #value;)
        })
        .collect();
    if assignments.is_empty() {
        return TokenStream::new();
    }
    quote! {
        const HAS_UPDATE_DEFAULTS: bool = true;

        #[allow(clippy::useless_conversion)]
        fn set_update_defaults(&mut self) {
            #(#assignments)*
        }
    }
}

fn definition(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, visibility, name, .. } = model;
    let Names { builder, draft, .. } = names;
    let parameters = parameters(followed);
    let states = followed.iter().map(|followed| match followed.required {
        true => quote!(#private::model::Unset),
        false => quote!(#private::model::Set),
    });
    let debug_name = builder.to_string();
    let docs = format!("Makes a row of [`{name}`](struct@{name}): insert it once every required field is set.");
    let fields = given(model).map(|(number, column @ Column { field, ty, .. })| match slot(model, number, column) {
        _ if model.holds_key(column) => quote!(#field: #private::session::ParentKey<#ty>),
        Slot::Initial(_) => quote!(#field: #ty),
        Slot::Required | Slot::Optional => quote!(#field: ::core::option::Option<#ty>),
    });
    let columns = columns(model);
    let row = row(model);
    quote! {
        #[doc = #docs]
        #[must_use = "a builder inserts nothing by itself"]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
        #visibility struct #builder<#(#parameters = #states),*> {
            draft: #draft,
            state: ::core::marker::PhantomData<fn() -> (#(#parameters,)*)>,
        }

        struct #draft {
            #(#fields,)*
        }

        #[allow(dead_code, unused_qualifications, clippy::all, clippy::pedantic, clippy::nursery)]
        impl #draft {
            #columns
            #row
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

/// The traits that carry the errors for forgotten fields.
fn needs(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let Names { needs, .. } = names;
    let required: Vec<_> =
        followed.iter().filter(|followed| followed.required).map(|followed| followed.column).collect();
    if required.is_empty() {
        return TokenStream::new();
    }
    let traits = required.iter().map(|column| {
        let (trait_name, field) = (&column.field, column.field_name());
        let message = format!("required field `{field}` is not set");
        let label = format!("`{name}` needs {} before this", setters(model, column));
        quote! {
            #[diagnostic::on_unimplemented(message = #message, label = #label)]
            pub trait #trait_name: 'static {}
        }
    });
    let fields = required.iter().map(|column| &column.field);
    let keys = required.iter().filter(|column| model.holds_key(column)).map(|column| &column.field);
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

        #(
            #[diagnostic::do_not_recommend]
            impl #needs::#keys for #private::model::Linked {}
        )*
    }
}

/// What sets a field: `.name(..)`, or `.author_id(..)` or `.author(..)`.
fn setters(model: &Model, column: &Column) -> String {
    let sets = |key: &ForeignKey<'_>| key.linked().any(|(_, linked)| linked.field == column.field);
    let handles = model.foreign_keys().filter(sets).map(|key| naming::plain(&key.relation.name));
    let names: Vec<String> = std::iter::once(column.field_name()).chain(handles).collect();
    names.iter().map(|name| format!("`.{name}(..)`")).collect::<Vec<_>>().join(" or ")
}

fn methods(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Names { builder, .. } = names;
    let parameters = parameters(followed);
    let setters = given(model).map(|(number, column)| setter(model, names, followed, number, column));
    let handles = (0..).zip(model.foreign_keys()).map(|numbered| handle(model, names, followed, numbered));
    let build = build(model, names, followed);
    quote! {
        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        impl<#(#parameters),*> #builder<#(#parameters),*> {
            #(#setters)*
            #(#handles)*
            #build
        }
    }
}

fn setter(model: &Model, names: &Names, followed: &[Followed<'_>], number: u16, column: &Column) -> TokenStream {
    let Model { private, visibility, .. } = model;
    let Column { field, .. } = column;
    let docs = format!("Sets `{}`.", column.field_name());
    let Argument { generics, ty, value } = argument(model, column);
    let value = match slot(model, number, column) {
        _ if model.holds_key(column) => quote!(#private::session::ParentKey::Value(#value)),
        Slot::Required | Slot::Optional => quote!(::core::option::Option::Some(#value)),
        Slot::Initial(_) => value,
    };
    let (output, result) = turned(model, names, followed, &[field], "Set");
    quote_spanned! {generated(column.ty_span)=>
        #[doc = #docs]
        #visibility fn #field #generics(mut self, value: #ty) -> #output {
            self.draft.#field = #value;
            #result
        }
    }
}

/// `.author(handle)`, beside `.author_id(5)`.
fn handle(
    model: &Model,
    names: &Names,
    followed: &[Followed<'_>],
    (number, key): (u16, ForeignKey<'_>),
) -> TokenStream {
    let Model { private, visibility, .. } = model;
    let BelongsTo { name, target, .. } = key.relation;
    let fields: Vec<&Ident> = key.linked().map(|(_, column)| &column.field).collect();
    let said: Vec<String> = key.linked().map(|(_, column)| format!("`{}`", column.field_name())).collect();
    let docs = format!("Sets {} to the key of a row of a session, which may be new.", said.join(" and "));
    let (ty, parent, constructor) = match key.is_optional() {
        false => (quote!(#private::session::Ref<#target>), quote!(parent), quote!(of)),
        true => (
            quote!(impl #private::session::ParentOf<#target, #private::relation::kind::MaybeBelongsTo>),
            quote!(#private::session::optional_parent::<#target>(parent)),
            quote!(maybe),
        ),
    };
    let parts = key.linked().map(|(part, _)| part);
    let (output, result) = turned(model, names, followed, &fields, "Linked");
    let span = key.columns.first().map_or_else(Span::call_site, |(_, column)| column.ty_span);
    quote_spanned! {generated(span)=>
        #[doc = #docs]
        #visibility fn #name(mut self, parent: #ty) -> #output {
            let parent = #parent;
            #(self.draft.#fields = #private::session::ParentKey::#constructor(parent, #number, #parts);)*
            #result
        }
    }
}

/// The builder after `fields` were set: its type, with `marker` for them, and its value.
fn turned(
    model: &Model,
    names: &Names,
    followed: &[Followed<'_>],
    fields: &[&Ident],
    marker: &str,
) -> (TokenStream, TokenStream) {
    let (private, builder) = (&model.private, &names.builder);
    if followed.iter().all(|followed| !fields.contains(&&followed.column.field)) {
        return (quote!(Self), quote!(self));
    }
    let marker = Ident::new(marker, Span::call_site());
    let arguments = followed.iter().map(|Followed { column, parameter, .. }| match fields.contains(&&column.field) {
        true => quote!(#private::model::#marker),
        false => quote!(#parameter),
    });
    let result = quote!(#builder { draft: self.draft, state: ::core::marker::PhantomData });
    (quote!(#builder<#(#arguments),*>), result)
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

/// `build`, unless the struct would need a value that only the database knows, or a field has that name.
fn build(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, visibility, name, .. } = model;
    let of_the_database = |column: &Column| column.default_sql.is_some() || column.computed.is_some();
    let taken = model.foreign_keys().any(|key| key.relation.name == "build");
    if taken || model.columns.iter().any(|column| of_the_database(column) || column.field == "build") {
        return TokenStream::new();
    }
    let bounds = bounds(model, names, followed);
    let docs = match model.generated_key() {
        Some(_) => "The row as a plain struct, with 0 for the key until the database makes it.",
        None => "The row as a plain struct.",
    };
    quote! {
        #[doc = #docs]
        #[must_use = "gives a row, and inserts nothing"]
        #visibility fn build(self) -> #name where #(#bounds),* {
            #private::session::built(|parents| self.draft.into_row(parents))
        }
    }
}

fn insert_row(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let bounds = bounds(model, names, followed);
    let bind = bind_match(model, |number, column| match slot(model, number, column) {
        _ if column.computed.is_some() => None,
        _ if model.holds_key(column) => Some((["session", "bind_parent_key"], quote!(self.draft))),
        Slot::Required | Slot::Optional => Some((["model", "bind_draft"], quote!(self.draft))),
        Slot::Initial(_) => Some((["model", "bind_column"], quote!(self.draft))),
    });
    let header = header(model, names, followed, &bounds, quote!(model::InsertRow));
    quote! {
        #[allow(unused_qualifications)]
        #header {
            type Model = #name;

            fn columns(&self) -> #private::ast::ColumnSet {
                self.draft.columns()
            }

            #bind
        }
    }
}

fn new_row(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let bounds: Vec<_> = followed.iter().map(|followed| handles_welcome(names, followed)).collect();
    let header = header(model, names, followed, &bounds, quote!(session::NewRow));
    quote! {
        #[allow(unused_qualifications)]
        #header {
            type Model = #name;

            fn into_new(
                self,
                parents: &mut dyn #private::session::Parents,
            ) -> ::core::result::Result<#private::session::New<#name>, #private::error::Error> {
                let columns = self.draft.columns();
                ::core::result::Result::Ok(#private::session::New { columns, row: self.draft.into_row(parents)? })
            }
        }
    }
}

/// Errors about forgotten fields show this header: as the model's line, not as the derive's.
fn header(
    model: &Model,
    names: &Names,
    followed: &[Followed<'_>],
    bounds: &[TokenStream],
    trait_path: TokenStream,
) -> TokenStream {
    let Model { private, name, .. } = model;
    let parameters = parameters(followed);
    let builder = Ident::new(&names.builder.to_string(), name.span());
    quote_spanned!(name.span()=> impl<#(#bounds),*> #private::#trait_path for #builder<#(#parameters),*>)
}

/// Of the draft: every column, except for those that are left to the database.
fn columns(model: &Model) -> TokenStream {
    let private = &model.private;
    let width = model.columns.len();
    let left_out = numbered(model).filter_map(|(number, column @ Column { field, .. })| {
        let remove = quote!(columns.remove(#number););
        match (slot(model, number, column), model.holds_key(column)) {
            _ if column.computed.is_some() => Some(remove),
            (Slot::Optional, false) => Some(quote!(if self.#field.is_none() { #remove })),
            (Slot::Optional, true) => Some(quote!(if self.#field.is_unset() { #remove })),
            (Slot::Required | Slot::Initial(_), _) => None,
        }
    });
    quote! {
        #[allow(unused_mut)]
        fn columns(&self) -> #private::ast::ColumnSet {
            let mut columns = #private::ast::ColumnSet::first(#width);
            #(#left_out)*
            columns
        }
    }
}

/// Of the draft: the struct that it has become.
fn row(model: &Model) -> TokenStream {
    let Model { private, name, .. } = model;
    let fields = numbered(model).map(|(number, column @ Column { field, .. })| match slot(model, number, column) {
        _ if column.computed.is_some() => filled_in(model, column),
        _ if model.holds_key(column) => {
            let table = quote!(<#name as #private::model::Model>::TABLE);
            quote!(#field: #private::session::parent_key(self.#field, #number, #table, parents)?)
        }
        Slot::Required => quote!(#field: #private::model::required(self.#field)),
        Slot::Optional => filled_in(model, column),
        Slot::Initial(_) => quote!(#field: self.#field),
    });
    let skipped = model.skipped.iter().map(|skipped| &skipped.field);
    quote! {
        #[allow(unused_variables)]
        fn into_row(
            self,
            parents: &mut dyn #private::session::Parents,
        ) -> ::core::result::Result<#name, #private::error::Error> {
            ::core::result::Result::Ok(#name {
                #(#fields,)*
                #(#skipped: ::core::default::Default::default(),)*
            })
        }
    }
}

/// A field that the database fills in unless it is given; until then it is the type's placeholder. A type that has none
/// is underlined where it stands.
fn filled_in(model: &Model, column: &Column) -> TokenStream {
    let Model { private, .. } = model;
    let Column { field, ty, ty_span: span, .. } = column;
    let placeholder = at(*span, quote_spanned!(*span=> <#ty as #private::model::Placeholder>::placeholder()));
    if column.computed.is_some() {
        return quote!(#field: #placeholder);
    }
    quote! {
        #field: match self.#field {
            ::core::option::Option::Some(given) => given,
            ::core::option::Option::None => #placeholder,
        }
    }
}

/// The columns whose values are sent: all but those that the database computes.
fn given(model: &Model) -> impl Iterator<Item = (u16, &Column)> {
    numbered(model).filter(|(_, column)| column.computed.is_none())
}

fn slot(model: &Model, number: u16, column: &Column) -> Slot {
    let private = &model.private;
    match model.single_key().filter(|(index, _)| *index == usize::from(number)) {
        Some((_, KeySource::Database)) => return Slot::Optional,
        Some((_, KeySource::Client)) => return Slot::Initial(quote!(#private::types::new_uuid())),
        Some((_, KeySource::Caller)) | None => {}
    }
    match column.initial() {
        Some(value) => Slot::Initial(converted(model, column, value)),
        None if column.is_counted() => Slot::Initial(quote!(1)),
        None if column.default_sql.is_some() => Slot::Optional,
        None if column.shape.option => Slot::Initial(quote!(::core::option::Option::None)),
        None => Slot::Required,
    }
}

/// The required fields, and then the other keys, whose parameters have a default that need not be written.
fn followed(model: &Model) -> Vec<Followed<'_>> {
    let is_required = |number, column| matches!(slot(model, number, column), Slot::Required);
    let required = given(model).filter(|(number, column)| is_required(*number, column));
    let others = given(model).filter(|(number, column)| model.holds_key(column) && !is_required(*number, column));
    let mut taken = HashSet::new();
    let with_flag = required.map(|numbered| (numbered, true)).chain(others.map(|numbered| (numbered, false)));
    with_flag
        .map(|((number, column), required)| {
            // The underscores keep it apart from the fields' types, the number from `line1` beside `line_1`.
            let mut name = format!("__{}", Case::Pascal.apply(&column.field_name()));
            if !taken.insert(name.clone()) {
                name = format!("{name}Column{number}");
            }
            Followed { column, parameter: Ident::new(&name, column.field.span()), required }
        })
        .collect()
}

fn parameters<'a>(followed: &'a [Followed<'a>]) -> Vec<&'a Ident> {
    followed.iter().map(|followed| &followed.parameter).collect()
}

/// What the parameters of a row are whose keys are known. The bounds stand at their fields: an error that names one
/// shows the field.
fn bounds(model: &Model, names: &Names, followed: &[Followed<'_>]) -> Vec<TokenStream> {
    let private = &model.private;
    let bound = |followed: &Followed<'_>| {
        let given = handles_welcome(names, followed);
        let span = followed.column.field.span();
        match model.holds_key(followed.column) {
            false => given,
            true => at(span, quote_spanned!(span=> #given + #private::model::NoHandle)),
        }
    };
    followed.iter().map(bound).collect()
}

/// `__Name: __user_needs::name`: that the field is set, be it to a handle.
fn handles_welcome(names: &Names, Followed { column, parameter, required }: &Followed<'_>) -> TokenStream {
    let field = &column.field;
    let needs = Ident::new(&names.needs.to_string(), field.span());
    match required {
        true => quote_spanned!(field.span()=> #parameter: #needs::#field),
        false => quote_spanned!(field.span()=> #parameter: 'static),
    }
}
