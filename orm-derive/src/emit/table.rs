//! The table's metadata. It is a `static`, so that its address says which table it is.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::{at, numbered, relations};
use crate::attr::{self, Spanned};
use crate::ir::{
    BelongsTo, Check, Column, Deferrable, Exclusion, ForeignKey, Group, Identity, IndexMethod, Model, OnAction,
};
use crate::naming;

/// `const TABLE`
pub(super) fn table(model: &Model) -> TokenStream {
    let Model { private, table, .. } = model;
    let name = naming::plain(&model.name);
    let columns = model.columns.iter().map(|column| self::column(model, column));
    let primary_key = numbers(model.primary_key());
    let generated = option(model.generated_key().map(number));
    let version = option(model.version().map(number));
    let uniques = uniques(model);
    let indexes = indexes(model);
    let checks = checks(model);
    let foreign_keys = foreign_keys(model);
    let relations = relations::metadata(model);
    let exclusions = exclusions(model);
    let schema = model.schema.as_ref().map(|schema| quote!(schema: ::core::option::Option::Some(#schema),));
    quote! {
        const TABLE_NAME: &'static str = #table;
        const TABLE: &'static #private::meta::TableMeta = {
            static TABLE: #private::meta::TableMeta = #private::meta::TableMeta {
                name: #table,
                #schema
                model: #name,
                columns: &[#(#columns),*],
                primary_key: #primary_key,
                generated: #generated,
                version: #version,
                uniques: &[#(#uniques),*],
                indexes: &[#(#indexes),*],
                checks: &[#(#checks),*],
                #exclusions
                foreign_keys: &[#(#foreign_keys),*],
                relations: &[#(#relations),*],
                ..#private::meta::TableMeta::EMPTY
            };
            &TABLE
        };
    }
}

fn column(model: &Model, column: &Column) -> TokenStream {
    let Model { private, .. } = model;
    let (name, field, ty, span) = (&column.name.value, column.field_name(), &column.ty, column.ty_span);
    let sql_type = quote_spanned!(span=> <#ty as #private::types::SqlType>);
    let column_type = match &column.max_length {
        None => quote_spanned!(span=> <#sql_type::Plain as #private::types::Scalar>::COLUMN),
        Some(Spanned { value, .. }) => {
            let length = option(Some(value));
            quote!(#private::types::ColumnType::Text { max_length: #length })
        }
    };
    let default_sql = column.default_sql.as_ref().map(|Spanned { value, .. }| quote!(.default_sql(#value)));
    let computed = column.computed.as_ref().map(|Spanned { value, .. }| quote!(.computed(#value)));
    let sequence = column.sequence.as_ref().map(|Spanned { value, .. }| {
        let next = next_of(value);
        quote!(.sequence(#value, #next))
    });
    let always = column.generated.as_ref().filter(|generated| generated.value == Identity::Always);
    let always = always.map(|_| quote!(.generated_always()));
    let code = quote_spanned! {span=>
        #private::meta::ColumnMeta::new(#name, #field, #column_type, #sql_type::NULLABLE)
            #default_sql #computed #sequence #always
    };
    at(span, code)
}

/// The SQL that takes the next number of a sequence: its name in quotes, in quotes.
fn next_of(sequence: &str) -> String {
    let quoted = format!("\"{}\"", sequence.replace('"', "\"\""));
    format!("nextval('{}')", quoted.replace('\'', "''"))
}

fn uniques(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let marked = numbered(model)
        .filter(|(_, column)| column.unique.is_some())
        .map(|(number, _)| (None, number_list(number), TokenStream::new()));
    let groups = model.uniques.iter().map(|group| {
        let (name, columns) = named_columns(model, group);
        let later = group.deferrable.map(|_| self::deferrable(private, group.deferrable));
        (name, columns, later.map(|later| quote!(deferrable: #later,)).unwrap_or_default())
    });
    marked.chain(groups).map(move |(name, columns, deferrable)| {
        let name = option(name);
        let plain = quote!(#private::meta::UniqueMeta::new(#name, #columns));
        match deferrable.is_empty() {
            true => plain,
            false => quote!(#private::meta::UniqueMeta { #deferrable ..#plain }),
        }
    })
}

fn indexes(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let marked = numbered(model).filter(|(_, column)| column.index.is_some()).map(move |(number, _)| {
        let columns = number_list(number);
        quote!(#private::meta::IndexMeta::new(::core::option::Option::None, #columns))
    });
    marked.chain(model.indexes.iter().map(|group| index(model, group)))
}

/// Only what is said is written.
fn index(model: &Model, group: &Group) -> TokenStream {
    let private = &model.private;
    let (name, columns) = named_columns(model, group);
    let name = option(name);
    let plain = quote!(#private::meta::IndexMeta::new(#name, #columns));
    let unique = group.unique.then(|| quote!(unique: true,));
    let filter = group.filter.as_ref().map(|sql| quote!(filter: ::core::option::Option::Some(#sql),));
    let method = group.method.map(|method| {
        let method = self::method(private, method);
        quote!(method: #method,)
    });
    let expressions = &group.expressions;
    let expressions = (!expressions.is_empty()).then(|| quote!(expressions: &[#(#expressions),*],));
    let options = quote!(#unique #filter #method #expressions);
    match options.is_empty() {
        true => plain,
        false => quote!(#private::meta::IndexMeta { #options ..#plain }),
    }
}

/// `exclusions: &[..],` if there are any.
fn exclusions(model: &Model) -> Option<TokenStream> {
    let private = &model.private;
    let exclusions = model.exclusions.iter().map(|Exclusion { group, operators }| {
        let name = option(group.name.as_ref());
        let columns = model.positions(group).into_iter().map(number);
        let method = self::method(private, group.method.unwrap_or(IndexMethod::Gist));
        let filter = option(group.filter.as_ref());
        let deferrable = self::deferrable(private, group.deferrable);
        quote! {
            #private::meta::ExclusionMeta {
                name: #name,
                columns: &[#((#columns, #operators)),*],
                method: #method,
                filter: #filter,
                deferrable: #deferrable,
            }
        }
    });
    (!model.exclusions.is_empty()).then(|| quote!(exclusions: &[#(#exclusions),*],))
}

fn method(private: &TokenStream, method: IndexMethod) -> TokenStream {
    let method = match method {
        IndexMethod::BTree => quote!(BTree),
        IndexMethod::Hash => quote!(Hash),
        IndexMethod::Gin => quote!(Gin),
        IndexMethod::Gist => quote!(Gist),
        IndexMethod::SpGist => quote!(SpGist),
        IndexMethod::Brin => quote!(Brin),
    };
    quote!(#private::meta::IndexMethod::#method)
}

fn deferrable(private: &TokenStream, deferrable: Option<Deferrable>) -> TokenStream {
    let when = match deferrable {
        None => quote!(No),
        Some(Deferrable::InitiallyImmediate) => quote!(InitiallyImmediate),
        Some(Deferrable::InitiallyDeferred) => quote!(InitiallyDeferred),
    };
    quote!(#private::meta::Deferrable::#when)
}

fn checks(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    let of_columns =
        numbered(model).flat_map(|(number, column)| column.checks.iter().map(move |check| (Some(number), check)));
    of_columns.chain(model.checks.iter().map(|check| (None, check))).map(move |(column, Check { name, sql })| {
        let (name, column) = (option(name.as_ref()), option(column));
        quote!(#private::meta::CheckMeta { name: #name, column: #column, sql: #sql })
    })
}

fn foreign_keys(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = &model.private;
    model.foreign_keys().map(move |key| {
        let BelongsTo { name, target, .. } = key.relation;
        let (name, columns) = (naming::plain(name), key.columns.iter().map(|(number, _)| number));
        let (on_delete, on_update) = (action(key.on_delete), action(key.on_update));
        let delete_orphans = key.delete_orphans;
        let deferrable = deferrable(private, key.deferrable);
        let span = attr::span_of(target);
        let table = at(span, quote_spanned!(span=> <#target as #private::model::Model>::TABLE_NAME));
        let (references, to) = references(&key, private);
        quote! {
            #private::meta::ForeignKeyMeta {
                relation: #name,
                columns: &[#(#columns),*],
                table: #table,
                references: #references,
                to: #to,
                on_delete: #private::meta::OnAction::#on_delete,
                on_update: #private::meta::OnAction::#on_update,
                delete_orphans: #delete_orphans,
                deferrable: #deferrable,
            }
        }
    })
}

/// The table that a key points at, and the columns unless they are its primary key. A key of another type is underlined
/// where the field's type stands.
fn references(key: &ForeignKey<'_>, private: &TokenStream) -> (TokenStream, TokenStream) {
    let BelongsTo { target, to, .. } = key.relation;
    let types: Vec<_> = key.columns.iter().map(|(_, column)| &column.shape.plain).collect();
    let place = match key.columns.as_slice() {
        [(_, only)] => only.ty_span,
        _ => attr::span_of(target),
    };
    if to.is_empty() {
        let held = match types.as_slice() {
            [only] => quote!(#only),
            several => quote!((#(#several,)*)),
        };
        let references = at(place, quote_spanned!(place=> #private::model::referenced::<#target, #held>));
        return (references, option::<TokenStream>(None));
    }
    let positions = key.columns.iter().zip(types).zip(to).map(|(((_, column), ty), to)| {
        let place = column.ty_span;
        let function = at(place, quote_spanned!(place=> #private::fits::referenced_column::<#target, #ty, _>));
        quote!(#function(#target.#to))
    });
    let (count, table) = (to.len(), quote!(<#target as #private::model::Model>::TABLE));
    let span = to.first().map_or(place, Ident::span);
    let columns = relations::checked(span, private, "referenced", quote!(#table, [#(#positions),*]));
    let to = quote!(|| { const TO: [u16; #count] = #columns; &TO });
    (quote!(|| #table), option(Some(to)))
}

fn action(action: Option<OnAction>) -> TokenStream {
    match action {
        None | Some(OnAction::NoAction) => quote!(NoAction),
        Some(OnAction::Cascade) => quote!(Cascade),
        Some(OnAction::Restrict) => quote!(Restrict),
        Some(OnAction::SetNull) => quote!(SetNull),
        Some(OnAction::SetDefault) => quote!(SetDefault),
    }
}

fn named_columns<'a>(model: &Model, group: &'a Group) -> (Option<&'a String>, TokenStream) {
    (group.name.as_ref(), numbers(model.positions(group)))
}

/// `&[0, 2]`
fn numbers(positions: impl IntoIterator<Item = usize>) -> TokenStream {
    let numbers = positions.into_iter().map(number);
    quote!(&[#(#numbers),*])
}

fn number_list(number: u16) -> TokenStream {
    quote!(&[#number])
}

/// `check` has seen to it that a position is small.
fn number(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}

fn option<T: quote::ToTokens>(value: Option<T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
