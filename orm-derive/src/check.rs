//! The rules that a model keeps: one function each, all of them asked, so that every mistake is reported at once.

use std::collections::HashMap;

use proc_macro2::{Ident, Span};

use crate::attr::Spanned;
use crate::errors::Errors;
use crate::ir::{Column, CompositeKey, Group, Kind, Model, OnAction};
use crate::naming;

/// Columns are numbered in 256 bits.
pub(crate) const MOST_COLUMNS: usize = 256;

/// Asks every rule.
pub(crate) fn model(model: &Model, errors: &mut Errors) {
    a_model_has_a_primary_key(model, errors);
    the_primary_key_is_said_once(model, errors);
    only_a_single_key_is_generated(model, errors);
    groups_name_columns(model, errors);
    keys_fit_what_they_point_at(model, errors);
    skipped_fields_say_nothing_else(model, errors);
    column_names_differ(model, errors);
    relations_and_columns_have_names_of_their_own(model, errors);
    columns_fit_the_numbering(model, errors);
    a_row_has_one_version(model, errors);
    for position in model.primary_key() {
        model.columns.get(position).into_iter().for_each(|column| keys_are_not_options(column, errors));
    }
    for column in &model.columns {
        column_rules(column, model, errors);
    }
    for key in &model.keys {
        actions_fit_all_columns(key, model, errors);
    }
}

fn column_rules(column: &Column, model: &Model, errors: &mut Errors) {
    set_null_needs_an_option(column, errors);
    set_default_needs_a_default_in_sql(column, errors);
    actions_need_a_foreign_key(column, errors);
    max_length_needs_text(column, errors);
    one_default_is_enough(column, errors);
    natural_and_generated_are_said_of_keys(column, model, errors);
    keys_stay_what_they_are(column, model, errors);
    a_version_is_a_plain_integer(column, errors);
    a_version_is_counted_by_the_session(column, model, errors);
    a_computed_column_has_no_other_source(column, model, errors);
    a_generated_key_has_no_other_source(column, model, errors);
    a_sequence_is_the_only_default(column, errors);
    deferrable_needs_a_foreign_key(column, errors);
}

/// A model has a primary key.
fn a_model_has_a_primary_key(model: &Model, errors: &mut Errors) {
    if model.key.is_none() && model.primary_key().is_empty() {
        errors.push(
            model.name.span(),
            format!("`{}` has no primary key: put `#[model(primary_key)]` on a field", model.name),
        );
    }
}

/// The key is marked on the fields or listed on the struct.
fn the_primary_key_is_said_once(model: &Model, errors: &mut Errors) {
    let marked = model.columns.iter().find_map(|column| column.primary_key);
    if let (Some(_), Some(span)) = (&model.key, marked) {
        errors.push(span, "the struct's `primary_key(..)` lists the key already: remove one of the two");
    }
}

/// The database makes a key of one column only.
fn only_a_single_key_is_generated(model: &Model, errors: &mut Errors) {
    if model.primary_key().len() > 1 {
        for generated in model.columns.iter().filter_map(|column| column.generated.as_ref()) {
            errors.push(generated.span, "only a primary key of a single column can be `generated`");
        }
    }
}

/// `index`, `unique`, `primary_key` and `belongs_to` list fields that are columns, each once.
fn groups_name_columns(model: &Model, errors: &mut Errors) {
    let exclusions = model.exclusions.iter().map(|exclusion| &exclusion.group);
    let keys = model.keys.iter().map(|key| &key.columns).chain(exclusions);
    for group in model.key.iter().chain(&model.uniques).chain(&model.indexes).chain(keys) {
        group.fields.iter().for_each(|field| is_a_column(field, model, errors));
        fields_are_listed_once(group, errors);
    }
    if let Some(key) = model.key.as_ref().filter(|key| key.name.is_some()) {
        errors.push(key.span, "a primary key has no name of its own");
    }
}

/// A foreign key has as many columns as it points at: one on a field, several on the struct.
fn keys_fit_what_they_point_at(model: &Model, errors: &mut Errors) {
    for relation in model.columns.iter().filter_map(|column| column.belongs_to.as_ref()) {
        if let Some(second) = relation.to.get(1) {
            errors
                .push(second.span(), "a field holds one column: write a key of several on the struct, with `by (..)`");
        }
    }
    for CompositeKey { relation, columns, .. } in &model.keys {
        let (own, theirs) = (columns.fields.len(), relation.to.len());
        if own < 2 {
            errors.push(columns.span, "a key of one column is written on its field, without `by`");
        } else if theirs > 0 && theirs != own {
            errors.push(columns.span, format!("the key has {own} columns, and points at {theirs}"));
        }
    }
}

fn is_a_column(field: &Ident, model: &Model, errors: &mut Errors) {
    if model.skipped.iter().any(|skipped| skipped.field == *field) {
        errors.push(field.span(), format!("the field `{field}` is skipped, so it is no column"));
    } else if model.position(field).is_none() {
        errors.push(field.span(), format!("`{}` has no field `{field}`", model.name));
    }
}

fn fields_are_listed_once(group: &Group, errors: &mut Errors) {
    for (index, field) in group.fields.iter().enumerate() {
        if group.fields.iter().take(index).any(|earlier| earlier == field) {
            errors.push(field.span(), format!("`{field}` is listed twice"));
        }
    }
}

/// A skipped field is not a column, so nothing can be said of the column.
fn skipped_fields_say_nothing_else(model: &Model, errors: &mut Errors) {
    for also in model.skipped.iter().filter_map(|skipped| skipped.also.as_ref()) {
        errors.push(also.span(), format!("a skipped field is not a column: remove `{also}` or `skip`"));
    }
}

/// Two columns of a table have different names.
fn column_names_differ(model: &Model, errors: &mut Errors) {
    let mut fields = HashMap::new();
    for column in &model.columns {
        if let Some(earlier) = fields.insert(column.name.value.as_str(), &column.field) {
            let name = &column.name.value;
            errors.push(column.name.span, format!("the field `{earlier}` has the column `{name}` already"));
        }
    }
}

/// Relations and columns stand side by side in `User.name`, `User.posts`.
fn relations_and_columns_have_names_of_their_own(model: &Model, errors: &mut Errors) {
    let mut taken: HashMap<String, &str> = model.columns.iter().map(|column| (column.field_name(), "field")).collect();
    for name in model.relation_names() {
        if let Some(what) = taken.insert(naming::plain(name), "relation") {
            errors.push(name.span(), format!("there is a {what} `{name}` already: give the relation another name"));
        }
    }
}

/// A model has at most 256 columns.
fn columns_fit_the_numbering(model: &Model, errors: &mut Errors) {
    if let Some(column) = model.columns.get(MOST_COLUMNS) {
        errors.push(column.field.span(), format!("a model has at most {MOST_COLUMNS} columns"));
    }
}

/// NULL is never a key.
fn keys_are_not_options(column: &Column, errors: &mut Errors) {
    if column.shape.option {
        let plain = &column.shape.plain;
        errors.push(column.ty_span, format!("a primary key is never NULL: make the field `{plain}`"));
    }
}

/// `set_null` needs a column that can hold NULL.
fn set_null_needs_an_option(column: &Column, errors: &mut Errors) {
    for (attribute, span) in actions(&column.on_delete, &column.on_update, OnAction::SetNull) {
        if !column.shape.option {
            let plain = &column.shape.plain;
            errors.push(span, format!("`{attribute} = set_null` needs `Option<{plain}>` here"));
        }
    }
}

/// The same of every column of a key.
fn actions_fit_all_columns(key: &CompositeKey, model: &Model, errors: &mut Errors) {
    let columns = || model.columns.iter().filter(|column| key.columns.fields.contains(&column.field));
    if let Some(column) = columns().find(|column| !column.shape.option) {
        for (attribute, span) in actions(&key.on_delete, &key.on_update, OnAction::SetNull) {
            let (field, plain) = (&column.field, &column.shape.plain);
            errors.push(span, format!("`{attribute} = set_null` needs `{field}: Option<{plain}>`"));
        }
    }
    if let Some(Column { field, .. }) = columns().find(|column| column.default_sql.is_none()) {
        for (attribute, span) in actions(&key.on_delete, &key.on_update, OnAction::SetDefault) {
            errors.push(span, format!("`{attribute} = set_default` needs `default_sql = \"..\"` on `{field}`"));
        }
    }
}

/// `set_default` needs a default that the server knows.
fn set_default_needs_a_default_in_sql(column: &Column, errors: &mut Errors) {
    for (attribute, span) in actions(&column.on_delete, &column.on_update, OnAction::SetDefault) {
        if column.default_sql.is_none() {
            errors.push(
                span,
                format!("`{attribute} = set_default` needs a default in the database: `default_sql = \"..\"`"),
            );
        }
    }
}

/// `on_delete` and `on_update` say what a foreign key does.
fn actions_need_a_foreign_key(column: &Column, errors: &mut Errors) {
    if column.belongs_to.is_none() {
        for (attribute, span) in [("on_delete", &column.on_delete), ("on_update", &column.on_update)]
            .into_iter()
            .filter_map(|(attribute, action)| Some((attribute, action.as_ref()?.span)))
        {
            errors.push(span, format!("`{attribute}` needs a foreign key: add `belongs_to(name: Model)`"));
        }
        if let Some(span) = column.delete_orphans {
            errors.push(span, "`delete_orphans` needs a foreign key: add `belongs_to(name: Model)`");
        }
    }
}

/// A foreign key can be checked later; of a unique constraint it is said in its list.
fn deferrable_needs_a_foreign_key(column: &Column, errors: &mut Errors) {
    if let Some(deferrable) = column.deferrable.as_ref().filter(|_| column.belongs_to.is_none()) {
        let repair = "`deferrable` needs a foreign key: add `belongs_to(name: Model)`; for a unique constraint write \
                      `unique(a, deferrable = initially_deferred)` on the struct";
        errors.push(deferrable.span, repair);
    }
}

/// Only text has a length.
fn max_length_needs_text(column: &Column, errors: &mut Errors) {
    if let Some(length) = &column.max_length
        && column.shape.kind != Kind::Text
    {
        errors.push(length.span, "`max_length` needs a `String` or an `Option<String>`");
    }
}

/// The default is a Rust value or SQL.
fn one_default_is_enough(column: &Column, errors: &mut Errors) {
    if let (Some(_), Some(sql)) = (&column.default, &column.default_sql) {
        errors.push(
            sql.span,
            "`default` and `default_sql` exclude each other: the builder sends the one, the server gives the other",
        );
    }
}

/// A sequence gives what nobody else gives.
fn a_sequence_is_the_only_default(column: &Column, errors: &mut Errors) {
    let others = [
        ("default", column.default.is_some()),
        ("default_sql", column.default_sql.is_some()),
        ("default_on_update", column.default_on_update.is_some()),
        ("computed", column.computed.is_some()),
        ("generated", column.generated.is_some()),
        ("belongs_to", column.belongs_to.is_some()),
    ];
    exclude("sequence", column.sequence.as_ref().map(|sequence| sequence.span), others, errors);
}

/// `natural` and `generated` say where a key comes from.
fn natural_and_generated_are_said_of_keys(column: &Column, model: &Model, errors: &mut Errors) {
    let is_key = model.is_key(column);
    let generated = column.generated.as_ref().map(|generated| generated.span);
    for (attribute, span) in [("natural", column.natural), ("generated", generated)] {
        if let Some(span) = span.filter(|_| !is_key) {
            errors.push(span, format!("`{attribute}` is said of a primary key: add `primary_key`"));
        }
    }
}

/// Nobody finds a row again whose key changes with every save.
fn keys_stay_what_they_are(column: &Column, model: &Model, errors: &mut Errors) {
    if let Some(on_update) = column.default_on_update.as_ref().filter(|_| model.is_key(column)) {
        errors.push(on_update.span, "a primary key cannot change with every update: remove `default_on_update`");
    }
}

/// One number counts the changes of a row.
fn a_row_has_one_version(model: &Model, errors: &mut Errors) {
    let mut versions = model.columns.iter().filter_map(|column| Some((column, column.version?)));
    let first = versions.next();
    for (_, span) in versions {
        let field = first.map(|(column, _)| column.field_name()).unwrap_or_default();
        errors.push(span, format!("the field `{field}` is the version already"));
    }
}

/// The version is counted up.
fn a_version_is_a_plain_integer(column: &Column, errors: &mut Errors) {
    if column.version.is_some() && !column.is_counted() {
        errors.push(column.ty_span, "a version is a plain integer, such as `i64`");
    }
}

/// A version begins with 1, and nobody else has a say in it.
fn a_version_is_counted_by_the_session(column: &Column, model: &Model, errors: &mut Errors) {
    let others = [("primary_key", model.is_key(column)), ("belongs_to", model.holds_key(column))];
    exclude("version", column.version, defaults(column).into_iter().chain(others), errors);
}

/// What the database computes is given by nobody else.
fn a_computed_column_has_no_other_source(column: &Column, model: &Model, errors: &mut Errors) {
    let others = [
        ("primary_key", model.is_key(column)),
        ("version", column.version.is_some()),
        ("belongs_to", model.holds_key(column)),
    ];
    let span = column.computed.as_ref().map(|computed| computed.span);
    exclude("computed", span, defaults(column).into_iter().chain(others), errors);
}

/// A key that the database makes is given by nobody else.
fn a_generated_key_has_no_other_source(column: &Column, model: &Model, errors: &mut Errors) {
    let sources = [
        ("natural", column.natural.is_some()),
        ("default", column.default.is_some()),
        ("default_sql", column.default_sql.is_some()),
        ("belongs_to", model.holds_key(column)),
    ];
    exclude("generated", column.generated.as_ref().map(|generated| generated.span), sources, errors);
}

/// The attributes that give a column a value, and which of them it has.
fn defaults(column: &Column) -> [(&'static str, bool); 3] {
    [
        ("default", column.default.is_some()),
        ("default_sql", column.default_sql.is_some()),
        ("default_on_update", column.default_on_update.is_some()),
    ]
}

/// Refuses the first of the others that is given beside `attribute`.
fn exclude(
    attribute: &str,
    span: Option<Span>,
    others: impl IntoIterator<Item = (&'static str, bool)>,
    errors: &mut Errors,
) {
    if let (Some(span), Some((other, _))) = (span, others.into_iter().find(|(_, given)| *given)) {
        errors.push(span, format!("`{attribute}` and `{other}` exclude each other"));
    }
}

/// The attributes of a key that choose `wanted`.
fn actions<'a>(
    on_delete: &'a Option<Spanned<OnAction>>,
    on_update: &'a Option<Spanned<OnAction>>,
    wanted: OnAction,
) -> impl Iterator<Item = (&'static str, Span)> + 'a {
    let both = [("on_delete", on_delete), ("on_update", on_update)];
    both.into_iter().filter_map(move |(attribute, action)| {
        action.as_ref().filter(|action| action.value == wanted).map(|action| (attribute, action.span))
    })
}
