//! Public models of a library: it compiles only if what the derives write is documented as well.
#![deny(missing_docs)]

use orm::prelude::*;

/// A team.
#[derive(Debug, Model)]
#[model(has_many(players: Player.team_id))]
pub struct Team {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
}

/// A player of a [`Team`](struct@Team).
#[derive(Debug, Model)]
pub struct Player {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The team.
    #[model(belongs_to(team: Team))]
    pub team_id: i64,
    /// On the shirt.
    pub number: Shirt,
    /// In the field.
    #[model(default = Place::Back)]
    pub place: Place,
}

/// A number on a shirt.
#[derive(Debug, Clone, Copy, DbType)]
pub struct Shirt(pub u8);

/// Where somebody plays.
#[derive(Debug, Clone, Copy, DbEnum)]
pub enum Place {
    /// In front.
    Front,
    /// Behind.
    Back,
}

/// A line of a report.
#[derive(Debug, FromRow)]
pub struct Line {
    /// The team.
    pub team: String,
    /// Its players.
    pub players: i64,
}
