//! The cases, an area a file. The name of a case is its claim.

#![allow(missing_docs, reason = "the name of a case is its claim")]

pub mod compounds;
pub mod copy_out;
pub mod delete;
pub mod echo;
pub mod errors;
pub mod filters;
pub mod insert;
pub mod joins;
pub mod json;
pub mod keys;
pub mod loading;
pub mod native;
pub mod pool;
pub mod retry;
pub mod schema;
pub mod select;
pub mod shapes;
pub mod sources;
pub mod stream;
pub mod transactions;
pub mod trees;
pub mod two_phase;
pub mod types;
pub mod unit_bulk;
pub mod unit_cascades;
pub mod unit_collections;
pub mod unit_delete;
pub mod unit_edges;
pub mod unit_histories;
pub mod unit_hooks;
pub mod unit_insert;
pub mod unit_keys;
pub mod unit_random;
pub mod unit_reads;
pub mod unit_relations;
pub mod unit_server_values;
pub mod unit_states;
pub mod unit_transactions;
pub mod unit_update;
pub mod unit_versions;
pub mod update;
pub mod windows;
