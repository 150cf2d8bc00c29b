//! The language of the attributes: `name`, `name = value` and `name(..)`, separated by commas.
//!
//! An item is cut out of the attribute before anybody looks at what it says, so one that is wrong does not hide the
//! mistakes in the others.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::parse::{Parse, Parser};

use crate::errors::{Errors, quoted_list};
use crate::naming;

/// A value and the place where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// One item of an attribute.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: Ident,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// `unique`
    None,
    /// `table = "users"`
    Assigned(TokenStream),
    /// `index(a, b)`
    List(Group),
}

/// The items of every `#[tool(..)]` among `attributes`.
pub(crate) fn items(attributes: &[syn::Attribute], tool: &str, errors: &mut Errors) -> Vec<Item> {
    let mut items = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(tool)) {
        match &attribute.meta {
            syn::Meta::List(list) => {
                items.extend(split(list.tokens.clone()).into_iter().filter_map(|piece| item(piece, errors)));
            }
            other => errors.push(span_of(&other.to_token_stream()), format!("write `#[{tool}(..)]`")),
        }
    }
    items
}

/// Refuses items that are given twice, except for the `repeatable` ones.
pub(crate) fn refuse_repeated(items: &[Item], repeatable: &[&str], errors: &mut Errors) {
    for (index, item) in items.iter().enumerate() {
        let earlier = items.iter().take(index).any(|other| other.name == item.name);
        if earlier && !repeatable.iter().any(|name| item.name == name) {
            errors.push(item.name.span(), format!("`{}` is given twice", item.name));
        }
    }
}

/// The error for an item that nobody knows. `place` is where it stands: "a field".
pub(crate) fn unknown(item: &Item, place: &str, known: &[&str], errors: &mut Errors) {
    let known = quoted_list(known);
    errors.push(item.name.span(), format!("unknown attribute `{}`; on {place} there are {known}", item.name));
}

impl Item {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }

    /// `unique`
    pub(crate) fn flag(&self, errors: &mut Errors) -> Option<Span> {
        if !matches!(self.value, Value::None) {
            errors.push(self.span(), format!("`{}` stands alone here, without a value", self.name));
            return None;
        }
        Some(self.span())
    }

    /// Whether it is a word alone.
    pub(crate) fn is_flag(&self) -> bool {
        matches!(self.value, Value::None)
    }

    /// `table = "users"`
    pub(crate) fn text(&self, errors: &mut Errors) -> Option<Spanned<String>> {
        let literal: syn::LitStr = self.parsed("\"..\"", errors)?;
        text_of(&literal, errors)
    }

    /// `max_length = 255`
    pub(crate) fn integer(&self, errors: &mut Errors) -> Option<Spanned<u32>> {
        let literal: syn::LitInt = self.parsed("255", errors)?;
        match literal.base10_parse::<u32>() {
            Ok(value) if value > 0 => Some(Spanned { value, span: literal.span() }),
            _ => {
                errors.push(literal.span(), format!("`{}` is a number from 1 to {}", self.name, u32::MAX));
                None
            }
        }
    }

    /// `crate = path`
    pub(crate) fn path(&self, errors: &mut Errors) -> Option<TokenStream> {
        match Parser::parse2(syn::Path::parse_mod_style, self.assigned("some::path", errors)?) {
            Ok(path) => Some(path.into_token_stream()),
            Err(error) => {
                errors.push_syn(&error);
                None
            }
        }
    }

    /// `default = 1 + 1`: any expression, which is left to the compiler to read.
    pub(crate) fn expression(&self, errors: &mut Errors) -> Option<TokenStream> {
        self.assigned("<value>", errors)
    }

    /// `on_delete = cascade`
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)], errors: &mut Errors) -> Option<Spanned<T>> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let tokens = self.assigned(words.first().copied().unwrap_or(".."), errors)?;
        let span = span_of(&tokens);
        let given = syn::parse2::<syn::LitStr>(tokens.clone()).map_or_else(|_| tokens.to_string(), |text| text.value());
        match choices.iter().find(|(word, _)| *word == given) {
            Some((_, value)) => Some(Spanned { value: *value, span }),
            None => {
                errors.push(span, format!("`{}` is one of {}", self.name, quoted_list(&words)));
                None
            }
        }
    }

    /// The pieces between the commas of `index(a, b)`.
    pub(crate) fn list(&self, example: &str, errors: &mut Errors) -> Option<Vec<TokenStream>> {
        match &self.value {
            Value::List(group) if !group.stream().is_empty() => Some(split(group.stream())),
            _ => {
                errors.push(self.span(), format!("write `{}({example})`", self.name));
                None
            }
        }
    }

    /// `check = "sql"`, or the pieces of `check("sql", name = "..")`.
    pub(crate) fn text_or_list(&self, example: &str, errors: &mut Errors) -> Option<Vec<TokenStream>> {
        match &self.value {
            Value::Assigned(tokens) => Some(vec![tokens.clone()]),
            _ => self.list(example, errors),
        }
    }

    fn parsed<T: Parse>(&self, example: &str, errors: &mut Errors) -> Option<T> {
        let tokens = self.assigned(example, errors)?;
        let span = span_of(&tokens);
        let parsed = syn::parse2(tokens);
        if parsed.is_err() {
            errors.push(span, format!("write `{} = {example}`", self.name));
        }
        parsed.ok()
    }

    fn assigned(&self, example: &str, errors: &mut Errors) -> Option<TokenStream> {
        match &self.value {
            Value::Assigned(tokens) => Some(tokens.clone()),
            _ => {
                errors.push(self.span(), format!("write `{} = {example}`", self.name));
                None
            }
        }
    }
}

/// `name = ".."` within a list; `None` if the piece is something else.
pub(crate) fn named(piece: &TokenStream, errors: &mut Errors) -> Option<Option<Spanned<String>>> {
    let item = assignment(piece, errors).filter(|item| item.is("name"))?;
    Some(item.text(errors))
}

/// `word = ..` within a list; `None` if the piece is something else.
pub(crate) fn assignment(piece: &TokenStream, errors: &mut Errors) -> Option<Item> {
    let mut tokens = piece.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(_)), Some(TokenTree::Punct(sign))) if sign.as_char() == '=' => {
            item(piece.clone(), errors)
        }
        _ => None,
    }
}

/// A string that says something.
pub(crate) fn text_of(literal: &syn::LitStr, errors: &mut Errors) -> Option<Spanned<String>> {
    let text = Spanned { value: literal.value(), span: literal.span() };
    if text.value.is_empty() {
        errors.push(text.span, "an empty string names nothing");
        return None;
    }
    Some(text)
}

/// The place of some tokens: of the first one, since joining spans is not stable yet.
pub(crate) fn span_of(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

fn item(piece: TokenStream, errors: &mut Errors) -> Option<Item> {
    let span = span_of(&piece);
    let mut tokens = piece.into_iter();
    let name = match tokens.next() {
        Some(TokenTree::Ident(name)) => name,
        _ => {
            errors.push(span, "expected `name`, `name = value` or `name(..)`");
            return None;
        }
    };
    let value = match tokens.next() {
        None => Value::None,
        Some(TokenTree::Punct(sign)) if sign.as_char() == '=' => Value::Assigned(tokens.by_ref().collect()),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Value::List(group),
        Some(other) => {
            errors.push(other.span(), format!("expected `{name}`, `{name} = value` or `{name}(..)`"));
            return None;
        }
    };
    if let Value::Assigned(tokens) = &value
        && tokens.is_empty()
    {
        errors.push(name.span(), format!("`{name} =` lacks its value"));
        return None;
    }
    if let Some(rest) = tokens.next() {
        errors.push(rest.span(), "expected a comma");
        return None;
    }
    Some(Item { name, value })
}

/// Cuts at the commas, except within `::<..>`. What stands in brackets of another kind is one token anyway.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let (mut pieces, mut piece) = (Vec::new(), TokenStream::new());
    let (mut depth, mut colons) = (0_usize, 0_usize);
    for token in tokens {
        let sign = match &token {
            TokenTree::Punct(sign) => sign.as_char(),
            _ => ' ',
        };
        match sign {
            '<' if depth > 0 || colons == 2 => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ => {}
        }
        colons = if sign == ':' { colons + 1 } else { 0 };
        if sign == ',' && depth == 0 {
            pieces.push(std::mem::take(&mut piece));
        } else {
            piece.extend([token]);
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// `a` of a list of fields.
pub(crate) fn ident(piece: TokenStream, errors: &mut Errors) -> Option<Ident> {
    let span = span_of(&piece);
    let ident = syn::parse2::<Ident>(piece).ok();
    if ident.is_none() {
        errors.push(span, "expected a field's name");
    }
    ident
}

/// The `#[doc]` attributes, as they are.
pub(crate) fn docs(attributes: &[syn::Attribute]) -> TokenStream {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).map(ToTokens::to_token_stream).collect()
}

/// Where generated code finds the library: `::orm::__private` unless `crate = path` says otherwise. The tokens stand at
/// `name`, since code of which a part stands in the derive's own line is underlined from there on.
pub(crate) fn private(path: Option<TokenStream>, name: &Ident) -> TokenStream {
    let path = path.unwrap_or_else(|| quote_spanned!(name.span()=> ::orm));
    quote_spanned!(name.span()=> #path::__private)
}

/// Reads `rename = ".."`-like items into a name, and falls back to `case`.
pub(crate) fn name_or(case: naming::Case, ident: &Ident, given: Option<Spanned<String>>) -> String {
    given.map_or_else(|| case.apply(&naming::plain(ident)), |text| text.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(source: &str) -> Vec<String> {
        split(source.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_expression_may_hold_commas_in_brackets_and_turbofish() {
        assert_eq!(pieces("default = f(1, 2), unique"), ["default = f (1 , 2)", "unique"]);
        assert_eq!(pieces("default = Map::<u8, Vec<i8>>::new(), unique").len(), 2);
        assert_eq!(pieces("default = a < b, index,").len(), 2);
    }

    #[test]
    fn a_malformed_item_says_the_three_forms() {
        let mut errors = Errors::default();
        for source in ["\"users\"", "table users", "table =", "index(a) b"] {
            assert!(item(source.parse().unwrap(), &mut errors).is_none());
        }
        assert_eq!(
            errors.messages(),
            [
                "expected `name`, `name = value` or `name(..)`",
                "expected `table`, `table = value` or `table(..)`",
                "`table =` lacks its value",
                "expected a comma",
            ]
        );
    }
}
