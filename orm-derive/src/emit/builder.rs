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
use quote::{ToTokens, quote, quote_spanned};

use super::{Names, at, bind_match, generated, numbered};
use crate::ir::{BelongsTo, Column, ForeignKey, KeySource, Model, Path, Relation};
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

/// What the builder's type follows: a required field, a key that may be another row's handle, or, without a column,
/// whether the row brings others along.
struct Followed<'a> {
    column: Option<&'a Column>,
    parameter: Ident,
    required: bool,
}

impl Followed<'_> {
    fn is_field(&self, field: &Ident) -> bool {
        self.column.is_some_and(|column| column.field == *field)
    }
}

/// The builder, its draft, its setters, and what makes a row of it.
pub(super) fn builder(model: &Model, names: &Names) -> TokenStream {
    let followed = followed(model);
    let mut code = definition(model, names, &followed);
    code.extend(needs(model, names, &followed));
    code.extend(methods(model, names, &followed));
    code.extend(insert_row(model, names, &followed));
    code.extend(new_row(model, names, &followed));
    if model.foreign_keys().next().is_some() {
        code.extend(nested_row(model, names, &followed));
    }
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
    let children = children_field(model, quote!(::core::default::Default::default()));
    quote! {
        #[allow(clippy::useless_conversion)]
        fn builder() -> #builder {
            #builder { draft: #draft { #(#fields,)* #children }, state: ::core::marker::PhantomData }
        }
    }
}

/// The draft's field for the rows that the row brings along, if the model has relations that can.
fn children_field(model: &Model, what: TokenStream) -> Option<TokenStream> {
    (!model.relations.is_empty()).then(|| quote!(__children: #what))
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
    let children = children_field(model, quote!(#private::session::Children));
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
            #children
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
        followed.iter().filter(|followed| followed.required).filter_map(|followed| followed.column).collect();
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
    let children = model.relations.iter().map(|relation| children(model, names, followed, relation));
    let build = build(model, names, followed);
    quote! {
        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        impl<#(#parameters),*> #builder<#(#parameters),*> {
            #(#setters)*
            #(#handles)*
            #(#children)*
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
    let (output, result) = turned(model, names, followed, |followed| followed.is_field(field), "Set");
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
    let set = |followed: &Followed<'_>| fields.iter().any(|field| followed.is_field(field));
    let (output, result) = turned(model, names, followed, set, "Linked");
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

/// `.posts([..])`: rows that the row brings along.
fn children(model: &Model, names: &Names, followed: &[Followed<'_>], relation: &Relation) -> TokenStream {
    let Model { private, visibility, name, .. } = model;
    let Relation { name: method, target, path, .. } = relation;
    let relation_kind = match path {
        Path::Many(_) => quote!(HasMany),
        Path::One(_) => quote!(HasOne),
        Path::Through(between) => {
            let between = &between.model;
            quote!(ManyToMany<#between>)
        }
    };
    let nest = quote!(#private::session::Nest<#name, #target, #private::relation::kind::#relation_kind>);
    let relation = quote!(<#name as #private::model::Model>::COLUMNS.#method);
    let docs = format!(
        "Brings along `{}`: new rows by their builders, or rows of the session by their handles.",
        naming::plain(method)
    );
    let (parameter, argument, rows) = match path {
        Path::One(_) => (quote!(_Row: #nest), quote!(_Row), quote!([rows])),
        Path::Many(_) | Path::Through(_) => {
            (quote!(_Row: #nest), quote!(impl ::core::iter::IntoIterator<Item = _Row>), quote!(rows))
        }
    };
    let (output, result) = turned(model, names, followed, |followed| followed.column.is_none(), "Linked");
    quote! {
        #[doc = #docs]
        #visibility fn #method<#parameter>(mut self, rows: #argument) -> #output {
            self.draft.__children.push(#relation, #rows);
            #result
        }
    }
}

/// The builder after something was set: its type, with `marker` for that, and its value.
fn turned(
    model: &Model,
    names: &Names,
    followed: &[Followed<'_>],
    set: impl Fn(&Followed<'_>) -> bool,
    marker: &str,
) -> (TokenStream, TokenStream) {
    let (private, builder) = (&model.private, &names.builder);
    if !followed.iter().any(&set) {
        return (quote!(Self), quote!(self));
    }
    let marker = Ident::new(marker, Span::call_site());
    let arguments = followed.iter().map(|followed| match set(followed) {
        true => quote!(#private::model::#marker),
        false => followed.parameter.to_token_stream(),
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
    let of_the_database = |column: &Column| column.has_server_default() || column.computed.is_some();
    let taken = model.relation_names().any(|name| name == "build");
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
    let children = taken_children(model);
    quote! {
        #[allow(unused_qualifications)]
        #header {
            type Model = #name;

            #[allow(unused_mut)]
            #[inline]
            fn into_new(
                mut self,
                parents: &mut dyn #private::session::Parents,
            ) -> ::core::result::Result<#private::session::New<#name>, #private::error::Error> {
                let columns = self.draft.columns();
                let children = #children;
                let row = self.draft.into_row(parents)?;
                ::core::result::Result::Ok(#private::session::New { row, columns, children })
            }
        }
    }
}

/// What another row can bring along: of the required fields all are set but keys.
fn nested_row(model: &Model, names: &Names, followed: &[Followed<'_>]) -> TokenStream {
    let Model { private, name, .. } = model;
    let bound = |followed: &Followed<'_>| match followed.column {
        Some(column) if !model.holds_key(column) => handles_welcome(names, followed),
        _ => {
            let parameter = &followed.parameter;
            quote!(#parameter: 'static)
        }
    };
    let bounds: Vec<_> = followed.iter().map(bound).collect();
    let header = header(model, names, followed, &bounds, quote!(session::NestedRow));
    let arms = (0_u16..).zip(model.foreign_keys()).map(|(number, key)| {
        let parts = key.linked().map(|(part, column)| {
            let field = &column.field;
            quote!(self.draft.#field = #private::session::ParentKey::of_any(*parent, #number, #part);)
        });
        quote!(#number => { #(#parts)* })
    });
    let required = numbered(model)
        .filter(|(number, column)| model.holds_key(column) && matches!(slot(model, *number, column), Slot::Required));
    let checks = required.map(|(number, Column { field, .. })| {
        quote! {
            if self.draft.#field.is_unset() {
                let table = <#name as #private::model::Model>::TABLE;
                return ::core::result::Result::Err(#private::session::key_not_given(table, #number));
            }
        }
    });
    let children = taken_children(model);
    quote! {
        #[allow(unused_qualifications)]
        #header {
            type Model = #name;

            #[allow(unused_mut, unused_variables, clippy::match_single_binding)]
            fn into_nested(
                mut self,
                keys: &[(u16, #private::session::AnyRef)],
                parents: &mut dyn #private::session::Parents,
            ) -> ::core::result::Result<#private::session::New<#name>, #private::error::Error> {
                for (key, parent) in keys {
                    match *key {
                        #(#arms)*
                        _ => {}
                    }
                }
                #(#checks)*
                let columns = self.draft.columns();
                let children = #children;
                let row = self.draft.into_row(parents)?;
                ::core::result::Result::Ok(#private::session::New { row, columns, children })
            }
        }
    }
}

/// The rows that the row brings along, taken out of the draft.
fn taken_children(model: &Model) -> TokenStream {
    let private = &model.private;
    match model.relations.is_empty() {
        true => quote!(#private::session::Children::default()),
        false => quote!(::core::mem::take(&mut self.draft.__children)),
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
        #[inline]
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
            quote!(#field: #private::session::parent_key(&mut self.#field, #number, #table, parents)?)
        }
        Slot::Required => quote!(#field: #private::model::required(self.#field)),
        Slot::Optional => filled_in(model, column),
        Slot::Initial(_) => quote!(#field: self.#field),
    });
    let skipped = model.skipped.iter().map(|skipped| &skipped.field);
    quote! {
        #[allow(unused_variables, unused_mut)]
        #[inline]
        fn into_row(
            mut self,
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
        None if column.has_server_default() => Slot::Optional,
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
    let children = (!model.relations.is_empty()).then(|| {
        let parameter = Ident::new("__Children", model.name.span());
        Followed { column: None, parameter, required: false }
    });
    with_flag
        .map(|((number, column), required)| {
            // The underscores keep it apart from the fields' types, the number from `line1` beside `line_1`.
            let mut name = format!("__{}", Case::Pascal.apply(&column.field_name()));
            if !taken.insert(name.clone()) {
                name = format!("{name}Column{number}");
            }
            Followed { column: Some(column), parameter: Ident::new(&name, column.field.span()), required }
        })
        .chain(children)
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
        let Some(column) = followed.column else {
            return at(model.name.span(), quote_spanned!(model.name.span()=> #given + #private::model::NoChildren));
        };
        let span = column.field.span();
        match model.holds_key(column) {
            false => given,
            true => at(span, quote_spanned!(span=> #given + #private::model::NoHandle)),
        }
    };
    followed.iter().map(bound).collect()
}

/// `__Name: __user_needs::name`: that the field is set, be it to a handle.
fn handles_welcome(names: &Names, Followed { column, parameter, required }: &Followed<'_>) -> TokenStream {
    let Some(Column { field, .. }) = column else { return quote!(#parameter: 'static) };
    let needs = Ident::new(&names.needs.to_string(), field.span());
    match required {
        true => quote_spanned!(field.span()=> #parameter: #needs::#field),
        false => quote_spanned!(field.span()=> #parameter: 'static),
    }
}
