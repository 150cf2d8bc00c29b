//! The clients, a file each. A new one is a file with an `impl Client`, and a line in [`PEERS`].

#[cfg(feature = "diesel")]
mod diesel;
pub(crate) mod orm;
mod raw;
#[cfg(feature = "toasty")]
mod toasty;

use crate::{
    case::Case,
    client::Client,
    contender::{self, EnterContender},
    crowd::{self, EnterCrowd},
};

/// How the harness meets a client whose type it does not know.
pub(crate) struct Registration {
    pub(crate) name: &'static str,
    pub(crate) does: fn(&Case) -> bool,
    pub(crate) enter_contender: EnterContender,
    pub(crate) enter_crowd: EnterCrowd,
}

impl Registration {
    const fn of<C: Client>() -> Self {
        Self { name: C::NAME, does: C::does, enter_contender: contender::enter::<C>, enter_crowd: crowd::enter::<C> }
    }
}

/// What all others are compared with.
pub(crate) const RAW: Registration = Registration::of::<raw::Raw>();

/// Everyone else, in the order of the table.
pub(crate) const PEERS: &[Registration] = &[
    Registration::of::<orm::Orm>(),
    #[cfg(feature = "diesel")]
    Registration::of::<diesel::Diesel>(),
    #[cfg(feature = "toasty")]
    Registration::of::<toasty::Toasty>(),
];
