//! From tokens to [`ir`]. A wrong attribute is reported and left out, and reading goes on.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};

use crate::attr::{self, Item, Spanned};
use crate::errors::Errors;
use crate::ir;
use crate::naming::{self, Case};

const ON_MODEL: [&str; 13] = [
    "table",
    "schema",
    "primary_key",
    "unique",
    "index",
    "unique_index",
    "check",
    "exclude",
    "belongs_to",
    "has_many",
    "has_one",
    "many_to_many",
    "crate",
];

const ON_FIELD: [&str; 20] = [
    "column",
    "primary_key",
    "natural",
    "generated",
    "unique",
    "index",
    "max_length",
    "default",
    "default_sql",
    "sequence",
    "default_on_update",
    "version",
    "computed",
    "check",
    "belongs_to",
    "on_delete",
    "on_update",
    "delete_orphans",
    "deferrable",
    "skip",
];

const ACTIONS: [(&str, ir::OnAction); 5] = [
    ("cascade", ir::OnAction::Cascade),
    ("restrict", ir::OnAction::Restrict),
    ("set_null", ir::OnAction::SetNull),
    ("set_default", ir::OnAction::SetDefault),
    ("no_action", ir::OnAction::NoAction),
];

const DEFERRABLE: [(&str, ir::Deferrable); 2] = [
    ("initially_deferred", ir::Deferrable::InitiallyDeferred),
    ("initially_immediate", ir::Deferrable::InitiallyImmediate),
];

const METHODS: [(&str, ir::IndexMethod); 6] = [
    ("btree", ir::IndexMethod::BTree),
    ("hash", ir::IndexMethod::Hash),
    ("gin", ir::IndexMethod::Gin),
    ("gist", ir::IndexMethod::Gist),
    ("spgist", ir::IndexMethod::SpGist),
    ("brin", ir::IndexMethod::Brin),
];

const IDENTITIES: [(&str, ir::Identity); 2] =
    [("always", ir::Identity::Always), ("by_default", ir::Identity::ByDefault)];

const CHECK_EXAMPLE: &str = "\"age >= 18\"";

/// Reads a model. `None` if what is derived for can be none.
pub(crate) fn model(input: &syn::DeriveInput, errors: &mut Errors) -> Option<ir::Model> {
    let fields = named_fields(input, "Model", errors)?;
    let items = attr::items(&input.attrs, "model", errors);
    let repeatable =
        ["unique", "index", "unique_index", "check", "exclude", "belongs_to", "has_many", "has_one", "many_to_many"];
    attr::refuse_repeated(&items, &repeatable, errors);

    let mut model = ir::Model {
        private: attr::private(None, &input.ident),
        visibility: input.vis.to_token_stream(),
        name: input.ident.clone(),
        docs: attr::docs(&input.attrs),
        table: Case::Snake.apply(&naming::plain(&input.ident)),
        schema: None,
        columns: Vec::new(),
        skipped: Vec::new(),
        key: None,
        uniques: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        keys: Vec::new(),
        relations: Vec::new(),
    };
    for item in &items {
        model_item(item, &mut model, errors);
    }
    for field in fields {
        add_field(field, &mut model, errors);
    }
    Some(model)
}

/// The fields of a struct that a `trait_name` can be derived for.
pub(crate) fn named_fields<'a>(
    input: &'a syn::DeriveInput,
    trait_name: &str,
    errors: &mut Errors,
) -> Option<impl Iterator<Item = &'a syn::Field> + use<'a>> {
    refuse_generics(input, trait_name, errors)?;
    match &input.data {
        syn::Data::Struct(data) if matches!(data.fields, syn::Fields::Named(_)) => Some(data.fields.iter()),
        _ => {
            let repair = format!("`{trait_name}` is derived for a struct with named fields");
            errors.push(input.ident.span(), repair);
            None
        }
    }
}

/// Generics have no table, row or column of their own.
pub(crate) fn refuse_generics(input: &syn::DeriveInput, trait_name: &str, errors: &mut Errors) -> Option<()> {
    let Some(parameter) = input.generics.params.first() else {
        return Some(());
    };
    let span = attr::span_of(&parameter.to_token_stream());
    errors.push(span, format!("`{trait_name}` cannot be derived for a type with generic parameters"));
    None
}

fn model_item(item: &Item, model: &mut ir::Model, errors: &mut Errors) {
    match item.name.to_string().as_str() {
        "crate" => {
            model.private =
                item.path(errors).map_or_else(|| model.private.clone(), |path| attr::private(Some(path), &model.name))
        }
        "table" => model.table = item.text(errors).map_or_else(|| model.table.clone(), |table| table.value),
        "schema" => model.schema = item.text(errors).map(|schema| schema.value),
        "primary_key" => model.key = group(item, &["name"], errors),
        "unique" => model.uniques.extend(group(item, &["name", "deferrable"], errors)),
        "index" | "unique_index" => {
            let group = group(item, &INDEX_OPTIONS, errors);
            model.indexes.extend(group.map(|group| ir::Group { unique: item.is("unique_index"), ..group }));
        }
        "check" => model.checks.extend(check(item, errors)),
        "exclude" => model.exclusions.extend(exclusion(item, errors)),
        "belongs_to" => model.keys.extend(composite_key(item, &model.name, errors)),
        "has_many" => relations(item, "posts: Post.author_id", model, errors, |input| {
            by_their_columns(input).map(|(target, columns)| (target, ir::Path::Many(columns)))
        }),
        "has_one" => relations(item, "profile: Profile.user_id", model, errors, |input| {
            by_their_columns(input).map(|(target, columns)| (target, ir::Path::One(columns)))
        }),
        "many_to_many" => relations(item, "tags: Tag through PostTag", model, errors, through),
        _ => attr::unknown(item, "a model", &ON_MODEL, errors),
    }
}

fn add_field(field: &syn::Field, model: &mut ir::Model, errors: &mut Errors) {
    let Some(ident) = &field.ident else { return };
    let items = attr::items(&field.attrs, "model", errors);
    attr::refuse_repeated(&items, &["check"], errors);
    if let Some(skip) = items.iter().find(|item| item.is("skip")) {
        skip.flag(errors);
        let also = items.iter().find(|item| !item.is("skip")).map(|item| item.name.clone());
        model.skipped.push(ir::Skipped { field: ident.clone(), also });
        return;
    }
    let mut column = column(ident, field);
    for item in &items {
        field_item(item, &mut column, &model.name, errors);
    }
    model.columns.push(column);
}

fn column(ident: &Ident, field: &syn::Field) -> ir::Column {
    let ty = field.ty.to_token_stream();
    ir::Column {
        field: ident.clone(),
        visibility: field.vis.to_token_stream(),
        docs: attr::docs(&field.attrs),
        name: Spanned { value: naming::plain(ident), span: ident.span() },
        ty_span: attr::span_of(&ty),
        ty,
        shape: shape(&field.ty),
        primary_key: None,
        natural: None,
        generated: None,
        sequence: None,
        unique: None,
        index: None,
        max_length: None,
        default: None,
        default_sql: None,
        default_on_update: None,
        version: None,
        computed: None,
        checks: Vec::new(),
        belongs_to: None,
        on_delete: None,
        on_update: None,
        delete_orphans: None,
        deferrable: None,
    }
}

fn field_item(item: &Item, column: &mut ir::Column, model: &Ident, errors: &mut Errors) {
    match item.name.to_string().as_str() {
        "column" => column.name = item.text(errors).unwrap_or_else(|| column.name.clone()),
        "primary_key" => column.primary_key = item.flag(errors),
        "natural" => column.natural = item.flag(errors),
        "generated" => column.generated = generated(item, errors),
        "sequence" => column.sequence = item.text(errors),
        "unique" => column.unique = item.flag(errors),
        "index" => column.index = item.flag(errors),
        "max_length" => column.max_length = item.integer(errors),
        "default" => column.default = item.expression(errors),
        "default_sql" => column.default_sql = item.text(errors),
        "default_on_update" => {
            let span = item.span();
            column.default_on_update = item.expression(errors).map(|value| Spanned { value, span });
        }
        "version" => column.version = item.flag(errors),
        "computed" => column.computed = item.text(errors),
        "check" => column.checks.extend(check(item, errors)),
        "belongs_to" => column.belongs_to = belongs_to(item, model, errors),
        "on_delete" => column.on_delete = item.choice(&ACTIONS, errors),
        "on_update" => column.on_update = item.choice(&ACTIONS, errors),
        "delete_orphans" => column.delete_orphans = item.flag(errors),
        "deferrable" => column.deferrable = item.choice(&DEFERRABLE, errors),
        _ => attr::unknown(item, "a field", &ON_FIELD, errors),
    }
}

const INDEX_OPTIONS: [&str; 3] = ["name", "where", "method"];

/// `index(a, b, name = "..")`, with some of the `options`.
fn group(item: &Item, options: &[&str], errors: &mut Errors) -> Option<ir::Group> {
    let mut group = empty_group(item);
    for piece in item.list("a, b", errors)? {
        match (attr::assignment(&piece, errors), syn::parse2::<syn::LitStr>(piece.clone())) {
            (Some(option), _) => group_option(&option, options, &mut group, errors),
            (None, Ok(expression)) if options == INDEX_OPTIONS => {
                group.expressions.extend(attr::text_of(&expression, errors).map(|text| text.value));
            }
            _ => group.fields.extend(attr::ident(piece, errors)),
        }
    }
    (!group.fields.is_empty() || !group.expressions.is_empty()).then_some(group)
}

fn empty_group(item: &Item) -> ir::Group {
    ir::Group {
        span: item.span(),
        name: None,
        fields: Vec::new(),
        expressions: Vec::new(),
        unique: false,
        filter: None,
        method: None,
        deferrable: None,
    }
}

fn group_option(option: &Item, known: &[&str], group: &mut ir::Group, errors: &mut Errors) {
    match option.name.to_string().as_str() {
        word if !known.contains(&word) => attr::unknown(option, "a list of fields", known, errors),
        "name" => group.name = option.text(errors).map(|name| name.value),
        "where" => group.filter = option.text(errors).map(|filter| filter.value),
        "method" => group.method = option.choice(&METHODS, errors).map(|method| method.value),
        _ => group.deferrable = option.choice(&DEFERRABLE, errors).map(|deferrable| deferrable.value),
    }
}

/// `exclude(room with "=", during with "&&", method = gist, where = "..")`
fn exclusion(item: &Item, errors: &mut Errors) -> Option<ir::Exclusion> {
    const EXAMPLE: &str = "room with \"=\", during with \"&&\"";
    let options = ["name", "where", "method", "deferrable"];
    let mut exclusion = ir::Exclusion { group: empty_group(item), operators: Vec::new() };
    for piece in item.list(EXAMPLE, errors)? {
        match (attr::assignment(&piece, errors), Parser::parse2(with_operator, piece.clone())) {
            (Some(option), _) => group_option(&option, &options, &mut exclusion.group, errors),
            (None, Ok((field, operator))) => {
                exclusion.operators.push(attr::text_of(&operator, errors)?.value);
                exclusion.group.fields.push(field);
            }
            (None, Err(_)) => errors.push(attr::span_of(&piece), format!("write `exclude({EXAMPLE})`")),
        }
    }
    (!exclusion.operators.is_empty()).then_some(exclusion)
}

/// `room with "="`
fn with_operator(input: ParseStream<'_>) -> syn::Result<(Ident, syn::LitStr)> {
    let field = input.parse()?;
    let word: Ident = input.parse()?;
    if word != "with" {
        return Err(syn::Error::new(word.span(), "expected `with`"));
    }
    Ok((field, input.parse()?))
}

/// `check = "sql"` or `check("sql", name = "..")`
fn check(item: &Item, errors: &mut Errors) -> Option<ir::Check> {
    let (mut sql, mut given_name) = (None, None);
    for piece in item.text_or_list(CHECK_EXAMPLE, errors)? {
        match (attr::named(&piece, errors), syn::parse2::<syn::LitStr>(piece.clone())) {
            (Some(name), _) => given_name = name,
            (None, Ok(literal)) if sql.is_none() => sql = attr::text_of(&literal, errors),
            _ => errors.push(attr::span_of(&piece), format!("write `check = {CHECK_EXAMPLE}`")),
        }
    }
    Some(ir::Check { name: given_name.map(|name| name.value), sql: sql?.value })
}

/// `generated` or `generated = always`
fn generated(item: &Item, errors: &mut Errors) -> Option<Spanned<ir::Identity>> {
    match item.is_flag() {
        true => Some(Spanned { value: ir::Identity::ByDefault, span: item.span() }),
        false => item.choice(&IDENTITIES, errors).map(|identity| Spanned { span: item.span(), ..identity }),
    }
}

/// `belongs_to(author: User)`
fn belongs_to(item: &Item, model: &Ident, errors: &mut Errors) -> Option<ir::BelongsTo> {
    let pieces = item.list("author: User", errors)?;
    let [piece] = pieces.as_slice() else {
        errors.push(item.span(), "a field belongs to one model; a key of several columns is written on the struct");
        return None;
    };
    let relation = Parser::parse2(|input: ParseStream<'_>| reference(input, model), piece.clone());
    if relation.is_err() {
        errors.push(attr::span_of(piece), "write `belongs_to(author: User)`: a name for the relation, and the model");
    }
    relation.ok()
}

const COMPOSITE_EXAMPLE: &str = "order: Order by (order_region, order_number)";

/// `belongs_to(order: Order by (order_region, order_number), on_delete = cascade)`
fn composite_key(item: &Item, model: &Ident, errors: &mut Errors) -> Option<ir::CompositeKey> {
    let (mut key, mut on_delete, mut on_update, mut deferrable) = (None, None, None, None);
    for piece in item.list(COMPOSITE_EXAMPLE, errors)? {
        match attr::assignment(&piece, errors) {
            Some(item) if item.is("on_delete") => on_delete = item.choice(&ACTIONS, errors),
            Some(item) if item.is("on_update") => on_update = item.choice(&ACTIONS, errors),
            Some(item) if item.is("deferrable") => deferrable = item.choice(&DEFERRABLE, errors),
            None if key.is_none() => {
                let relation = Parser::parse2(|input: ParseStream<'_>| reference_by(input, model), piece.clone());
                key = Some((attr::span_of(&piece), relation.ok()));
            }
            _ => errors.push(attr::span_of(&piece), "expected `on_delete = ..`, `on_update = ..` or `deferrable = ..`"),
        }
    }
    let (span, relation) = key.unwrap_or((item.span(), None));
    let Some((relation, fields)) = relation else {
        errors.push(span, format!("write `belongs_to({COMPOSITE_EXAMPLE})`: the columns that hold the key after `by`"));
        return None;
    };
    let columns = ir::Group { span, fields, ..empty_group(item) };
    Some(ir::CompositeKey { relation, columns, on_delete, on_update, deferrable })
}

/// `order: Order by (order_region, order_number)`
fn reference_by(input: ParseStream<'_>, model: &Ident) -> syn::Result<(ir::BelongsTo, Vec<Ident>)> {
    let relation = reference(input, model)?;
    word(input, "by")?;
    Ok((relation, parenthesized(input)?))
}

/// `author: User`, `author: User.email`, `order: Order(region, number)`
fn reference(input: ParseStream<'_>, model: &Ident) -> syn::Result<ir::BelongsTo> {
    let name = relation_name(input)?;
    let target = target(input, model)?;
    let to = if input.peek(syn::Token![.]) || input.peek(syn::token::Paren) { columns(input)? } else { Vec::new() };
    Ok(ir::BelongsTo { name, target, to })
}

/// `has_many(posts: Post.author_id, comments: Comment.author_id)`
fn relations(
    item: &Item,
    example: &str,
    model: &mut ir::Model,
    errors: &mut Errors,
    path: fn(&TargetStream<'_>) -> syn::Result<(TokenStream, ir::Path)>,
) {
    let name = model.name.clone();
    let reader = |input: ParseStream<'_>| {
        let relation = relation_name(input)?;
        let (target, path) = path(&TargetStream { input, model: &name })?;
        Ok(ir::Relation { name: relation, target, path })
    };
    for piece in item.list(example, errors).unwrap_or_default() {
        match Parser::parse2(reader, piece.clone()) {
            Ok(relation) => model.relations.push(relation),
            Err(_) if piece.to_string() == "delete_orphans" => errors.push(
                attr::span_of(&piece),
                "which rows are orphans their own key says: write `delete_orphans` beside the `belongs_to` of their model",
            ),
            Err(_) => errors.push(attr::span_of(&piece), format!("write `{}({example})`", item.name)),
        }
    }
}

/// What stands after a relation's name, and the model that `Self` means.
struct TargetStream<'a> {
    input: ParseStream<'a>,
    model: &'a Ident,
}

/// `posts:`
fn relation_name(input: ParseStream<'_>) -> syn::Result<Ident> {
    let name = input.parse()?;
    input.parse::<syn::Token![:]>()?;
    Ok(name)
}

/// `Post.author_id`, or `Line(order_region, order_number)`
fn by_their_columns(stream: &TargetStream<'_>) -> syn::Result<(TokenStream, Vec<Ident>)> {
    Ok((target(stream.input, stream.model)?, columns(stream.input)?))
}

/// `.author_id`, or `(order_region, order_number)`, after a model.
fn columns(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    if input.peek(syn::token::Paren) {
        return parenthesized(input);
    }
    input.parse::<syn::Token![.]>()?;
    Ok(vec![input.parse()?])
}

/// `(a, b)`
fn parenthesized(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    let content;
    syn::parenthesized!(content in input);
    let fields: Vec<Ident> = content.parse_terminated(Ident::parse, syn::Token![,])?.into_iter().collect();
    if fields.is_empty() { Err(input.error("expected a field's name")) } else { Ok(fields) }
}

/// `Tag through PostTag`, or `User through Friendship(user_id -> friend_id)`
fn through(stream: &TargetStream<'_>) -> syn::Result<(TokenStream, ir::Path)> {
    let tag = target(stream.input, stream.model)?;
    word(stream.input, "through")?;
    let mut between = ir::Between { model: target(stream.input, stream.model)?, from: Vec::new(), to: Vec::new() };
    if stream.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in stream.input);
        between.from = side(&content)?;
        content.parse::<syn::Token![->]>()?;
        between.to = side(&content)?;
        if !content.is_empty() {
            return Err(content.error("expected `)`"));
        }
    }
    Ok((tag, ir::Path::Through(between)))
}

/// `user_id`, or `(a, b)`
fn side(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    if input.peek(syn::token::Paren) { parenthesized(input) } else { Ok(vec![input.parse()?]) }
}

fn word(input: ParseStream<'_>, expected: &str) -> syn::Result<()> {
    let word: Ident = input.parse()?;
    if word == expected { Ok(()) } else { Err(syn::Error::new(word.span(), format!("expected `{expected}`"))) }
}

/// The path of a model. `Self` is written out, since it means something else in the generated items.
fn target(input: ParseStream<'_>, model: &Ident) -> syn::Result<TokenStream> {
    let path = input.call(syn::Path::parse_mod_style)?;
    Ok(match path.get_ident() {
        Some(ident) if ident == "Self" => Ident::new(&model.to_string(), ident.span()).into_token_stream(),
        _ => path.into_token_stream(),
    })
}

/// Looks at a type as it is written.
pub(crate) fn shape(ty: &syn::Type) -> ir::Shape {
    let inner = option_of(ty);
    let plain = ungrouped(inner.unwrap_or(ty));
    ir::Shape { plain: plain.to_token_stream(), option: inner.is_some(), kind: kind(plain) }
}

/// The `T` of an `Option<T>`.
fn option_of(ty: &syn::Type) -> Option<&syn::Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Option")?;
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}

fn kind(ty: &syn::Type) -> ir::Kind {
    let Some(segment) = last_segment(ty).filter(|segment| segment.arguments.is_none()) else {
        return ir::Kind::Other;
    };
    match segment.ident.to_string().as_str() {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => ir::Kind::Integer,
        "bool" | "f32" | "f64" => ir::Kind::OtherPrimitive,
        "String" => ir::Kind::Text,
        "Uuid" => ir::Kind::Uuid,
        _ => ir::Kind::Other,
    }
}

fn last_segment(ty: &syn::Type) -> Option<&syn::PathSegment> {
    match ungrouped(ty) {
        syn::Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// A type that a macro passed on, or one in parentheses, without its wrapping.
fn ungrouped(ty: &syn::Type) -> &syn::Type {
    match ty {
        syn::Type::Group(group) => ungrouped(&group.elem),
        syn::Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}
