//! What is written beside the errors: as much of the code as still makes sense, so that the rest of the crate, which
//! says `User.name` and `User::builder()`, does not fail as well.

use std::collections::HashSet;

use proc_macro2::TokenStream;

use crate::check::MOST_COLUMNS;
use crate::errors::Errors;
use crate::{emit, ir, naming};

/// The errors, and the model without what cannot stand in code.
pub(crate) fn model(mut model: ir::Model, errors: &Errors) -> TokenStream {
    let mut code = errors.to_tokens();
    model.columns.truncate(MOST_COLUMNS);
    drop_relations_of_taken_names(&mut model);
    code.extend(emit::model(&model));
    code
}

/// A struct cannot have two fields of one name.
fn drop_relations_of_taken_names(model: &mut ir::Model) {
    let mut taken: HashSet<String> = model.columns.iter().map(ir::Column::field_name).collect();
    for column in &mut model.columns {
        column.belongs_to.take_if(|relation| !taken.insert(naming::plain(&relation.name)));
    }
    let fields: HashSet<String> = model.columns.iter().map(ir::Column::field_name).collect();
    model.keys.retain(|key| {
        let known = key.columns.fields.iter().all(|field| fields.contains(&naming::plain(field)));
        known && taken.insert(naming::plain(&key.relation.name))
    });
    model.relations.retain(|relation| taken.insert(naming::plain(&relation.name)));
}
