//! Tokens in, text out, for the unit tests.

use proc_macro2::{TokenStream, TokenTree};

type Derive = fn(&syn::DeriveInput) -> TokenStream;

/// What a derive writes, with a space between all tokens.
pub(crate) fn derived(derive: Derive, source: &str) -> String {
    derive(&syn::parse_str(source).unwrap()).to_string()
}

/// Asserts that a derive reports exactly these.
pub(crate) fn assert_errors(derive: Derive, source: &str, expected: &[&str]) {
    let messages = errors(derive(&syn::parse_str(source).unwrap()));
    assert_eq!(messages, expected, "{source}");
}

/// The texts of the `compile_error!`s.
fn errors(code: TokenStream) -> Vec<String> {
    let mut messages = Vec::new();
    let mut tokens = code.into_iter();
    while let Some(token) = tokens.next() {
        if token.to_string() == "compile_error"
            && let Some(TokenTree::Group(group)) = tokens.nth(1)
        {
            let literal: syn::LitStr = syn::parse2(group.stream()).unwrap();
            messages.push(literal.value());
        }
    }
    messages
}
