//! `#[derive(DbEnum)]`: an enum without fields, stored as one of a fixed set of words.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::attr::{self, Item, Spanned};
use crate::errors::{Errors, quoted_list};
use crate::naming::{self, Case};
use crate::parse;

const ON_ENUM: [&str; 4] = ["name", "native", "rename_all", "crate"];
const ON_VARIANT: [&str; 1] = ["rename"];

struct DbEnum {
    private: TokenStream,
    name: Ident,
    /// The type's name in the database.
    db_name: String,
    /// Whether it is a type of the database, where there are such types.
    native: bool,
    variants: Vec<Variant>,
}

struct Variant {
    name: Ident,
    text: Spanned<String>,
    /// A mistake, reported where it is read.
    has_fields: bool,
}

/// Everything that `#[derive(DbEnum)]` writes.
pub(crate) fn derive(input: &syn::DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let Some(db_enum) = parse(input, &mut errors) else {
        return errors.to_tokens();
    };
    texts_differ(&db_enum, &mut errors);
    let mut code = errors.to_tokens();
    code.extend(emit(&db_enum));
    code
}

fn parse(input: &syn::DeriveInput, errors: &mut Errors) -> Option<DbEnum> {
    parse::refuse_generics(input, "DbEnum", errors)?;
    let syn::Data::Enum(data) = &input.data else {
        errors.push(input.ident.span(), "`DbEnum` is derived for an enum; for a struct there is `DbType`");
        return None;
    };
    if data.variants.is_empty() {
        errors.push(input.ident.span(), "an enum without variants has no values to store");
        return None;
    }
    let items = attr::items(&input.attrs, "db_enum", errors);
    attr::refuse_repeated(&items, &[], errors);
    let (mut case, mut name, mut path, mut native) = (Case::Snake, None, None, None);
    for item in &items {
        match item.name.to_string().as_str() {
            "name" => name = item.text(errors),
            "native" => native = item.flag(errors),
            "rename_all" => case = rename_all(item, errors).unwrap_or(case),
            "crate" => path = item.path(errors),
            _ => attr::unknown(item, "an enum", &ON_ENUM, errors),
        }
    }
    Some(DbEnum {
        private: attr::private(path, &input.ident),
        name: input.ident.clone(),
        db_name: attr::name_or(Case::Snake, &input.ident, name),
        native: native.is_some(),
        variants: data.variants.iter().map(|read| variant(read, case, errors)).collect(),
    })
}

fn rename_all(item: &Item, errors: &mut Errors) -> Option<Case> {
    item.choice(&Case::ALL, errors).map(|case| case.value)
}

fn variant(variant: &syn::Variant, case: Case, errors: &mut Errors) -> Variant {
    let items = attr::items(&variant.attrs, "db_enum", errors);
    attr::refuse_repeated(&items, &[], errors);
    let mut rename = None;
    for item in &items {
        match item.is("rename") {
            true => rename = item.text(errors),
            false => attr::unknown(item, "a variant", &ON_VARIANT, errors),
        }
    }
    let has_fields = !matches!(variant.fields, syn::Fields::Unit);
    if has_fields {
        errors.push(variant.ident.span(), "a variant of a `DbEnum` has no fields; for data there is `Json<..>`");
    }
    let span = rename.as_ref().map_or_else(|| variant.ident.span(), |text| text.span);
    let text = Spanned { value: attr::name_or(case, &variant.ident, rename), span };
    Variant { name: variant.ident.clone(), text, has_fields }
}

/// A word stands for one variant.
fn texts_differ(db_enum: &DbEnum, errors: &mut Errors) {
    let mut taken = HashMap::new();
    for Variant { name, text, .. } in &db_enum.variants {
        if let Some(earlier) = taken.insert(text.value.as_str(), name) {
            errors.push(text.span, format!("`{earlier}` is stored as \"{}\" already", text.value));
        }
    }
}

fn emit(DbEnum { private, name, db_name, native, variants }: &DbEnum) -> TokenStream {
    let texts: Vec<_> = variants.iter().map(|variant| variant.text.value.as_str()).collect();
    let (rust_name, known, enum_name) = (naming::plain(name), quoted_list(&texts), name);
    let binds = variants.iter().map(|Variant { name, text, has_fields }| {
        let (fields, text) = (has_fields.then(|| quote!({ .. })), &text.value);
        match native {
            false => quote!(Self::#name #fields => #private::value::ValueRef::Text(#text),),
            true => quote!(Self::#name #fields => {
                static WORD: #private::value::Word =
                    #private::value::Word { text: #text, column: <#enum_name as #private::types::Scalar>::COLUMN };
                #private::value::ValueRef::Word(&WORD)
            }),
        }
    });
    let decodes = variants.iter().filter(|variant| !variant.has_fields).map(|Variant { name, text, .. }| {
        let text = &text.value;
        quote!(#private::value::ValueRef::Text(#text) => ::core::result::Result::Ok(Self::#name),)
    });
    quote! {
        #[automatically_derived]
        impl #private::types::Scalar for #name {
            const COLUMN: #private::types::ColumnType =
                #private::types::ColumnType::Enum { name: #db_name, variants: &[#(#texts),*], native: #native };
            const NAME: &'static str = #rust_name;

            fn bind(
                &self,
                sink: &mut dyn #private::types::BindSink,
            ) -> ::core::result::Result<(), #private::error::Error> {
                sink.bind(match self {
                    #(#binds)*
                })
            }

            #[allow(unreachable_patterns)]
            fn decode(
                value: #private::value::ValueRef<'_>,
            ) -> ::core::result::Result<Self, #private::error::ValueError> {
                match value {
                    #(#decodes)*
                    #private::value::ValueRef::Text(other) => {
                        ::core::result::Result::Err(#private::error::ValueError::UnknownVariant {
                            expected: Self::NAME,
                            value: ::core::convert::Into::into(other),
                            known: ::core::convert::Into::into(#known),
                        })
                    }
                    other => ::core::result::Result::Err(#private::types::mismatch::<Self>(other)),
                }
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
    fn variants_are_stored_in_snake_case_unless_said_otherwise() {
        let code = derived(derive, "enum OrderState { InReview, #[db_enum(rename = \"gone\")] Deleted }");
        assert!(
            code.contains(r#"Enum { name : "order_state" , variants : & ["in_review" , "gone"] , native : false }"#),
            "{code}"
        );
        assert!(
            code.contains(r#"Self :: InReview => :: orm :: __private :: value :: ValueRef :: Text ("in_review") ,"#),
            "{code}"
        );

        let code = derived(derive, "#[db_enum(name = \"state\", rename_all = \"kebab-case\")] enum S { InReview }");
        assert!(code.contains(r#"Enum { name : "state" , variants : & ["in-review"] , native : false }"#), "{code}");
    }

    #[test]
    fn a_native_enum_binds_words_of_its_type() {
        let code = derived(derive, "#[db_enum(native, name = \"mood\")] enum Mood { Glad }");
        assert!(code.contains(r#"Enum { name : "mood" , variants : & ["glad"] , native : true }"#), "{code}");
        assert!(code.contains(r#"Word { text : "glad" , column : < Mood as"#), "{code}");
        assert_errors(
            derive,
            "#[db_enum(native = \"mood\")] enum Mood { Glad }",
            &["`native` stands alone here, without a value"],
        );
    }

    #[test]
    fn what_is_no_db_enum_says_why() {
        assert_errors(derive, "struct A(i64);", &["`DbEnum` is derived for an enum; for a struct there is `DbType`"]);
        assert_errors(derive, "enum A {}", &["an enum without variants has no values to store"]);
        assert_errors(
            derive,
            "enum A { B(i64), C { d: u8 } }",
            &["a variant of a `DbEnum` has no fields; for data there is `Json<..>`"; 2],
        );
        assert_errors(derive, "enum A { B, #[db_enum(rename = \"b\")] C }", &["`B` is stored as \"b\" already"]);
        assert_errors(
            derive,
            "#[db_enum(rename_all = \"Snake\", nam = \"x\")] enum A { #[db_enum(name = \"x\")] B }",
            &[
                "`rename_all` is one of `snake_case`, `lowercase`, `UPPERCASE`, `SCREAMING_SNAKE_CASE`, `PascalCase`, `camelCase`, `kebab-case`",
                "unknown attribute `nam`; on an enum there are `name`, `native`, `rename_all`, `crate`",
                "unknown attribute `name`; on a variant there are `rename`",
            ],
        );
    }
}
