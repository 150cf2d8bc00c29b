//! The clients, a file each. A new one is a file with an `impl Client`, and a line in [`PEERS`].

#[cfg(feature = "diesel")]
mod diesel;
mod orm;
mod raw;
#[cfg(feature = "sea-orm")]
mod sea_orm;
#[cfg(feature = "sqlx")]
mod sqlx;

use crate::client::Client;
use crate::contender::{self, EnterContender};
use crate::crowd::{self, EnterCrowd};

/// How the harness meets a client whose type it does not know.
pub(crate) struct Registration {
    pub(crate) name: &'static str,
    pub(crate) enter_contender: EnterContender,
    pub(crate) enter_crowd: EnterCrowd,
}

impl Registration {
    const fn of<C: Client>() -> Self {
        Self { name: C::NAME, enter_contender: contender::enter::<C>, enter_crowd: crowd::enter::<C> }
    }
}

/// What all others are compared with.
pub(crate) const RAW: Registration = Registration::of::<raw::Raw>();

/// Everyone else, in the order of the table.
pub(crate) const PEERS: &[Registration] = &[
    Registration::of::<orm::Orm>(),
    #[cfg(feature = "diesel")]
    Registration::of::<diesel::Diesel>(),
    #[cfg(feature = "sqlx")]
    Registration::of::<sqlx::Sqlx>(),
    #[cfg(feature = "sea-orm")]
    Registration::of::<sea_orm::SeaOrm>(),
];
