//! `#[derive(Shape)]`: a struct of the columns and relations that are wanted of a model.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use crate::attr::{self, Item};
use crate::emit::at;
use crate::errors::Errors;
use crate::parse;

const ON_A_SHAPE: [&str; 2] = ["model", "crate"];
const ON_A_FIELD: [&str; 5] = ["column", "expr", "filter", "order_by", "limit"];

struct Shape {
    private: TokenStream,
    name: Ident,
    model: TokenStream,
    fields: Vec<Field>,
}

struct Field {
    name: Ident,
    ty: TokenStream,
    ty_span: Span,
    source: Source,
}

/// What a field is read from.
enum Source {
    /// What the model calls so, with `.order_by(Post.id)` and its like.
    Named(Ident, TokenStream),
    /// What the program says.
    Expr(TokenStream),
}

/// Everything that `#[derive(Shape)]` writes.
pub(crate) fn derive(input: &syn::DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let shape = parse(input, &mut errors);
    match shape.filter(|_| errors.is_empty()) {
        Some(shape) => emit(&shape),
        None => errors.to_tokens(),
    }
}

fn parse(input: &syn::DeriveInput, errors: &mut Errors) -> Option<Shape> {
    let fields = parse::named_fields(input, "Shape", errors)?;
    let (mut path, mut model) = (None, None);
    let items = attr::items(&input.attrs, "shape", errors);
    attr::refuse_repeated(&items, &[], errors);
    for item in items {
        match item.name.to_string().as_str() {
            "model" => model = item.expression(errors),
            "crate" => path = item.path(errors),
            _ => attr::unknown(&item, "a shape", &ON_A_SHAPE, errors),
        }
    }
    if model.is_none() {
        errors.push(input.ident.span(), "a shape says whose it is: `#[shape(model = User)]`");
    }
    let fields: Vec<Field> = fields.filter_map(|one| field(one, errors)).collect();
    for field in fields.iter().filter(|field| names(field.ty.clone(), &input.ident)) {
        errors.push(
            field.ty_span,
            "a shape that contains itself has no end: write a shape for each level, or read a tree with `descendants`",
        );
    }
    if fields.is_empty() {
        errors.push(input.ident.span(), "a shape has at least one field");
        return None;
    }
    Some(Shape { private: attr::private(path, &input.ident), name: input.ident.clone(), model: model?, fields })
}

fn field(field: &syn::Field, errors: &mut Errors) -> Option<Field> {
    let name = field.ident.clone()?;
    let (mut source, mut calls, mut expr) = (name.clone(), TokenStream::new(), None);
    let items = attr::items(&field.attrs, "shape", errors);
    attr::refuse_repeated(&items, &[], errors);
    expr_stands_alone(&items, errors);
    for item in items {
        match item.name.to_string().as_str() {
            "column" => source = column(&item, errors).unwrap_or(source),
            "expr" => expr = item.expression(errors),
            "filter" | "order_by" | "limit" => calls.extend(call(&item, errors)),
            _ => attr::unknown(&item, "a field", &ON_A_FIELD, errors),
        }
    }
    let ty = field.ty.to_token_stream();
    let source = expr.map_or(Source::Named(source, calls), Source::Expr);
    Some(Field { name, ty_span: attr::span_of(&ty), ty, source })
}

/// The others are of what the model calls so.
fn expr_stands_alone(items: &[Item], errors: &mut Errors) {
    if items.iter().any(|item| item.is("expr")) {
        for other in items.iter().filter(|item| !item.is("expr")) {
            errors.push(other.span(), format!("a field that is an expression has no `{}`", other.name));
        }
    }
}

/// Whether a type is made of the struct that is derived for: `Vec<Node>`, but not `Vec<other::Node>`.
fn names(ty: TokenStream, name: &Ident) -> bool {
    let mut after_colon = false;
    ty.into_iter().any(|token| {
        let of_a_path =
            std::mem::replace(&mut after_colon, matches!(&token, TokenTree::Punct(at) if at.as_char() == ':'));
        match token {
            TokenTree::Ident(ident) => !of_a_path && (ident == *name || ident == "Self"),
            TokenTree::Group(group) => names(group.stream(), name),
            _ => false,
        }
    })
}

fn column(item: &Item, errors: &mut Errors) -> Option<Ident> {
    attr::ident(item.expression(errors)?, errors)
}

/// `order_by = Post.id` calls the relation's method of this name.
fn call(item: &Item, errors: &mut Errors) -> Option<TokenStream> {
    let (name, value) = (&item.name, item.expression(errors)?);
    Some(quote!(.#name(#value)))
}

fn emit(Shape { private, name, model, fields }: &Shape) -> TokenStream {
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let types = nested(fields.iter().map(|field| field.ty.clone()));
    let pattern = nested(names.iter().map(ToTokens::to_token_stream));
    let reads = fields.iter().map(|field| read(private, field));
    let within = fields.iter().map(|field| within(private, field));
    // A circle is shown at the name of a shape that is in it, and at the fields that lead around.
    let no_circle = quote_spanned!(name.span()=> NO_CIRCLE_OF_SHAPES);
    quote! {
        #[automatically_derived]
        impl #private::query::Shape for #name {
            type Model = #model;
            const #no_circle: () = {
                use #private::query::NoShape as _;
                let _ = (#(#within),*);
            };

            fn shaped(
                rows: #private::query::Select<#model>,
                model: <#model as #private::model::Model>::Columns,
            ) -> #private::query::Select<Self> {
                // A type of its own, that nobody sees: the fields may be of types that fewer see than see the shape.
                struct Assembled;

                impl #private::query::Assemble for Assembled {
                    type Shape = #name;
                    type Values = #types;

                    #[inline]
                    fn assemble(#pattern: Self::Values) -> #name {
                        #name { #(#names),* }
                    }
                }

                let shape = #private::query::shaping(rows);
                #(#reads)*
                shape.build::<Assembled>()
            }
        }

        // The constant of an impl is looked at only where it is used.
        const _: () = <#name as #private::query::Shape>::#no_circle;
    }
}

/// A column and a relation are read alike: only the compiler knows which it is.
fn read(private: &TokenStream, Field { ty, ty_span, source, .. }: &Field) -> TokenStream {
    // Names of locals keep the hygiene of the function around them.
    let (shape, model) = (quote!(shape), quote!(model));
    let value = match source {
        // A name that the model lacks is underlined itself; of a type that does not fit, the type is.
        Source::Named(name, calls) => {
            let source = quote_spanned!(name.span()=> #model.#name);
            let value = at(*ty_span, quote!(#source));
            if calls.is_empty() { value } else { quote!(#value #calls) }
        }
        Source::Expr(expr) => quote!(#private::expr::Expression::into_expr(#expr)),
    };
    let call = at(*ty_span, quote!(field));
    quote_spanned!(*ty_span=> let #shape = #shape.#call::<#ty, _>(#value);)
}

/// Has the compiler look at the shape in a field's type, if there is one.
fn within(private: &TokenStream, Field { ty, ty_span, .. }: &Field) -> TokenStream {
    let (one, many, perhaps) = (at(*ty_span, quote!(ONE)), at(*ty_span, quote!(MANY)), at(*ty_span, quote!(PERHAPS)));
    let holds = quote!(#private::query::Holds::<#ty>);
    quote!((#holds::#one, #holds::#many, #holds::#perhaps))
}

/// `(((), a), b)`
fn nested(parts: impl Iterator<Item = TokenStream>) -> TokenStream {
    parts.fold(quote!(()), |before, part| quote!((#before, #part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_errors, derived};

    #[test]
    fn columns_and_relations_are_read_alike() {
        let source =
            "#[shape(model = User)] struct Card { name: String, #[shape(column = posts, limit = 3)] all: Vec<P> }";
        let code = derived(derive, source);
        assert!(code.contains("type Values = ((() , String) , Vec < P >)"), "{code}");
        assert!(code.contains("let shape = shape . field :: < String , _ > (model . name) ;"), "{code}");
        assert!(
            code.contains("let shape = shape . field :: < Vec < P > , _ > (model . posts . limit (3)) ;"),
            "{code}"
        );
        let source = "#[shape(model = User)] struct Card { #[shape(expr = User.posts.count())] posts: i64 }";
        let code = derived(derive, source);
        assert!(code.contains("expr :: Expression :: into_expr (User . posts . count ())"), "{code}");
    }

    #[test]
    fn what_is_no_shape_says_why() {
        assert_errors(derive, "struct A { a: i64 }", &["a shape says whose it is: `#[shape(model = User)]`"]);
        assert_errors(derive, "#[shape(model = User)] struct A {}", &["a shape has at least one field"]);
        assert_errors(
            derive,
            "#[shape(model = User)] struct A(i64);",
            &["`Shape` is derived for a struct with named fields"],
        );
        let endless =
            "a shape that contains itself has no end: write a shape for each level, or read a tree with `descendants`";
        assert_errors(derive, "#[shape(model = User)] struct A { staff: Vec<A> }", &[endless]);
        assert_errors(derive, "#[shape(model = User)] struct A { boss: Option<Box<Self>> }", &[endless]);
        assert_errors(derive, "#[shape(model = User)] struct A { staff: Vec<other::A> }", &[]);
        assert_errors(
            derive,
            "#[shape(model = User)] struct A { #[shape(rename = b)] a: i64 }",
            &["unknown attribute `rename`; on a field there are `column`, `expr`, `filter`, `order_by`, `limit`"],
        );
        assert_errors(
            derive,
            "#[shape(model = User)] struct A { #[shape(expr = User.posts.count(), limit = 3)] posts: i64 }",
            &["a field that is an expression has no `limit`"],
        );
    }
}
