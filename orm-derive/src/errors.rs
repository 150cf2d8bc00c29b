//! The mistakes found so far. A derive reports all of them at once, each on the token that is wrong.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// A list of mistakes, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<(Span, String)>);

impl Errors {
    /// Adds one. The message says what is wrong and the repair, in lower case and without a full stop.
    pub(crate) fn push(&mut self, span: Span, message: impl Into<String>) {
        self.0.push((span, message.into()));
    }

    /// Adds what `syn` found.
    pub(crate) fn push_syn(&mut self, error: &syn::Error) {
        self.push(error.span(), error.to_string());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `compile_error!` each.
    pub(crate) fn to_tokens(&self) -> TokenStream {
        self.0.iter().map(|(span, message)| quote_spanned!(*span=> ::core::compile_error! { #message })).collect()
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.0.iter().map(|(_, message)| message.as_str()).collect()
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn quoted_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
