//! The clients: the raw driver as the SQLite benchmark has it, and SeaORM.

#[path = "../../src/clients/raw.rs"]
mod raw;
mod sea_orm;

use crate::{
    case::Case,
    client::Client,
    contender::{self, EnterContender},
};

/// How the harness meets a client whose type it does not know.
pub(crate) struct Registration {
    pub(crate) name: &'static str,
    pub(crate) does: fn(&Case) -> bool,
    pub(crate) enter_contender: EnterContender,
}

impl Registration {
    const fn of<C: Client>() -> Self {
        Self { name: C::NAME, does: C::does, enter_contender: contender::enter::<C> }
    }
}

/// What all others are compared with.
pub(crate) const RAW: Registration = Registration::of::<raw::Raw>();

/// SeaORM in both its forms.
pub(crate) const PEERS: &[Registration] =
    &[Registration::of::<sea_orm::LevelByLevel>(), Registration::of::<sea_orm::Nested>()];
