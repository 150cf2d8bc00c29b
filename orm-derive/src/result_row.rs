//! `#[derive(FromRow)]`: a struct whose fields are the columns of a result, in order.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::attr;
use crate::emit::at;
use crate::errors::Errors;
use crate::naming;
use crate::parse;

const KNOWN: [&str; 1] = ["crate"];

/// `select` takes tuples of at most so many.
const LONGEST_TUPLE: usize = 16;

struct ResultRow {
    private: TokenStream,
    name: Ident,
    fields: Vec<Field>,
}

struct Field {
    name: Ident,
    ty: TokenStream,
    ty_span: Span,
}

/// Everything that `#[derive(FromRow)]` writes.
pub(crate) fn derive(input: &syn::DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let row = parse(input, &mut errors);
    let mut code = errors.to_tokens();
    code.extend(row.map(|row| emit(&row)));
    code
}

fn parse(input: &syn::DeriveInput, errors: &mut Errors) -> Option<ResultRow> {
    let fields = parse::named_fields(input, "FromRow", errors)?;
    let mut path = None;
    for item in attr::items(&input.attrs, "from_row", errors) {
        match item.is("crate") {
            true => path = item.path(errors),
            false => attr::unknown(&item, "a result's struct", &KNOWN, errors),
        }
    }
    let fields: Vec<Field> = fields.filter_map(field).collect();
    if fields.is_empty() {
        errors.push(input.ident.span(), "a row has at least one column: give the struct a field");
        return None;
    }
    Some(ResultRow { private: attr::private(path, &input.ident), name: input.ident.clone(), fields })
}

fn field(field: &syn::Field) -> Option<Field> {
    let ty = field.ty.to_token_stream();
    Some(Field { name: field.ident.clone()?, ty_span: attr::span_of(&ty), ty })
}

fn emit(row: &ResultRow) -> TokenStream {
    let ResultRow { private, name, fields } = row;
    let width = fields.len();
    let reads = fields.iter().enumerate().map(|(index, field)| read(row, index, field));
    let conversion = (width <= LONGEST_TUPLE).then(|| from_tuple(row));
    quote! {
        #[automatically_derived]
        impl #private::model::FromRow for #name {
            const WIDTH: usize = #width;

            #[inline]
            fn from_row(
                row: &dyn #private::driver::Row,
                at: usize,
            ) -> ::core::result::Result<Self, #private::error::Error> {
                ::core::result::Result::Ok(Self { #(#reads,)* })
            }
        }

        #conversion
    }
}

fn read(ResultRow { private, name, .. }: &ResultRow, index: usize, field: &Field) -> TokenStream {
    let Field { name: field, ty_span: span, .. } = field;
    let place = format!("{}.{}", naming::plain(name), naming::plain(field));
    // Names of locals keep the hygiene of the function around them.
    let (row, position) = (quote!(row), quote!(at + #index));
    let value = at(*span, quote_spanned!(*span=> #private::model::field(#row, #position, #place)?));
    quote!(#field: #value)
}

fn from_tuple(ResultRow { name, fields, .. }: &ResultRow) -> TokenStream {
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<(#(#types,)*)> for #name {
            fn from((#(#names,)*): (#(#types,)*)) -> Self {
                Self { #(#names),* }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_errors, derived};

    #[test]
    fn fields_are_read_by_position() {
        let code = derived(derive, "struct Top { name: String, posts: i64 }");
        assert!(
            code.contains(r#"posts : :: orm :: __private :: model :: field (row , at + 1usize , "Top.posts") ?"#),
            "{code}"
        );
        assert!(code.contains("From < (String , i64 ,) > for Top"), "{code}");
    }

    #[test]
    fn a_struct_of_more_fields_than_a_tuple_holds_is_still_read() {
        let fields: String = (0..17).map(|index| format!("f{index}: i64,")).collect();
        let code = derived(derive, &format!("struct Wide {{ {fields} }}"));
        assert!(code.contains("const WIDTH : usize = 17usize") && !code.contains("convert :: From"), "{code}");
    }

    #[test]
    fn what_is_no_result_says_why() {
        assert_errors(derive, "struct A(i64);", &["`FromRow` is derived for a struct with named fields"]);
        assert_errors(derive, "struct A {}", &["a row has at least one column: give the struct a field"]);
        assert_errors(
            derive,
            "struct A<'a> { b: &'a str }",
            &["`FromRow` cannot be derived for a type with generic parameters"],
        );
    }
}
