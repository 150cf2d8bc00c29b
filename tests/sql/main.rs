//! The SQL of each construct, all dialects side by side, without a server.

mod aggregate;
mod alias;
mod case;
mod check;
mod compound;
mod ddl;
mod delete;
mod errors;
mod filter;
mod insert;
mod join;
mod lock;
mod math;
mod models;
mod order;
mod raw;
mod recursive;
mod row;
mod select;
mod source;
mod subquery;
mod text;
mod tree;
mod update;
mod window;
