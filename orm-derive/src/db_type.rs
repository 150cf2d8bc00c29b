//! `#[derive(DbType)]`: a newtype, stored as what it holds.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::attr;
use crate::emit::at;
use crate::errors::Errors;
use crate::naming;
use crate::parse;

const KNOWN: [&str; 1] = ["crate"];

struct DbType {
    private: TokenStream,
    name: Ident,
    /// The only field: its name, or `0`.
    member: TokenStream,
    inner: TokenStream,
    inner_span: Span,
}

/// Everything that `#[derive(DbType)]` writes.
pub(crate) fn derive(input: &syn::DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let db_type = parse(input, &mut errors);
    let mut code = errors.to_tokens();
    code.extend(db_type.map(|db_type| emit(&db_type)));
    code
}

fn parse(input: &syn::DeriveInput, errors: &mut Errors) -> Option<DbType> {
    parse::refuse_generics(input, "DbType", errors)?;
    let field = only_field(&input.data);
    let Some(field) = field else {
        let repair =
            "`DbType` is derived for a struct with one field, like `struct UserId(i64)`; for an enum there is `DbEnum`";
        errors.push(input.ident.span(), repair);
        return None;
    };
    let mut path = None;
    for item in attr::items(&input.attrs, "db_type", errors) {
        match item.is("crate") {
            true => path = item.path(errors),
            false => attr::unknown(&item, "a newtype", &KNOWN, errors),
        }
    }
    let inner = field.ty.to_token_stream();
    let inner_span = attr::span_of(&inner);
    let shape = parse::shape(&field.ty);
    if shape.option {
        let plain = shape.plain;
        errors.push(
            inner_span,
            format!("a newtype holds no `Option`: write `{plain}` here, and the `Option` around the newtype"),
        );
        return None;
    }
    let member = field.ident.as_ref().map_or_else(|| quote!(0), ToTokens::to_token_stream);
    Some(DbType { private: attr::private(path, &input.ident), name: input.ident.clone(), member, inner, inner_span })
}

fn only_field(data: &syn::Data) -> Option<&syn::Field> {
    match data {
        syn::Data::Struct(data) if data.fields.len() == 1 => data.fields.iter().next(),
        _ => None,
    }
}

fn emit(DbType { private, name, member, inner, inner_span }: &DbType) -> TokenStream {
    let rust_name = naming::plain(name);
    // An inner type that no column can hold is underlined where it stands.
    let scalar = at(*inner_span, quote_spanned!(*inner_span=> <#inner as #private::types::Scalar>));
    quote! {
        #[automatically_derived]
        impl #private::types::Scalar for #name {
            const COLUMN: #private::types::ColumnType = #scalar::COLUMN;
            const NAME: &'static str = #rust_name;

            #[inline]
            fn bind(
                &self,
                sink: &mut dyn #private::types::BindSink,
            ) -> ::core::result::Result<(), #private::error::Error> {
                #scalar::bind(&self.#member, sink)
            }

            #[inline]
            fn decode(
                value: #private::value::ValueRef<'_>,
            ) -> ::core::result::Result<Self, #private::error::ValueError> {
                #scalar::decode(value).map(::core::convert::From::from)
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#inner> for #name {
            fn from(inner: #inner) -> Self {
                Self { #member: inner }
            }
        }

        #private::literal!(#name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_errors, derived};

    #[test]
    fn a_newtype_is_stored_as_what_it_holds() {
        let code = derived(derive, "struct UserId(i64);");
        assert!(code.contains("const COLUMN : :: orm :: __private :: types :: ColumnType = < i64 as"), "{code}");
        assert!(code.contains("Self { 0 : inner }"), "{code}");
        let code = derived(derive, "#[db_type(crate = my::orm)] struct Email { address: String }");
        assert!(code.contains(":: core :: convert :: From < String > for Email"), "{code}");
        assert!(code.contains("my :: orm :: __private :: literal ! (Email)"), "{code}");
    }

    #[test]
    fn what_is_no_newtype_says_why() {
        let no_newtype =
            "`DbType` is derived for a struct with one field, like `struct UserId(i64)`; for an enum there is `DbEnum`";
        assert_errors(derive, "struct A(i64, i64);", &[no_newtype]);
        assert_errors(derive, "enum A { B }", &[no_newtype]);
        assert_errors(derive, "struct A<T>(T);", &["`DbType` cannot be derived for a type with generic parameters"]);
        assert_errors(
            derive,
            "struct A(Option<i64>);",
            &["a newtype holds no `Option`: write `i64` here, and the `Option` around the newtype"],
        );
        assert_errors(
            derive,
            "#[db_type(number)] struct A(i64);",
            &["unknown attribute `number`; on a newtype there are `crate`"],
        );
    }
}
