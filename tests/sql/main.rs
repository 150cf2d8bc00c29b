//! The SQL of each construct, all dialects side by side, without a server.
