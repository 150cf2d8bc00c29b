//! One row by its key.

use std::marker::PhantomData;

use super::{Command, Decoder, Query, Runnable};
use crate::ast::{Statement, TableRef};
use crate::model::{Entity, KeyValues, Model};
use crate::types::IntoKey;

/// The row with a certain primary key. No tree is built for it, and its text is known ahead.
#[derive(Debug, Clone)]
pub struct ByKey<M> {
    table: TableRef,
    key: KeyValues,
    model: PhantomData<fn() -> M>,
}

/// The row with this primary key.
pub fn by_key<E: Entity, K: IntoKey<<E::Model as Model>::Key>>(entity: E, key: K) -> ByKey<E::Model> {
    ByKey { table: entity.table_ref(), key: key.into_key(), model: PhantomData }
}

#[diagnostic::do_not_recommend]
impl<M: Model> Runnable for ByKey<M> {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::ByKey { table: self.table, key: &self.key })
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> Query for ByKey<M> {
    type Row = M;

    fn decoder(&self) -> Decoder<M> {
        Decoder::new(|row| M::decode(row, 0))
    }

    fn is_unique(&self) -> bool {
        true
    }
}
