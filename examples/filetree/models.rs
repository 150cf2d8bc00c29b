//! Folders, which stand in folders, and files.

use chrono::{DateTime, Utc};
use orm::prelude::*;

/// A folder. The root's path is empty, and it stands in none.
#[derive(Debug, Clone, Model)]
#[model(has_many(children: Directory.parent_id, files: File.directory_id))]
pub(crate) struct Directory {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(belongs_to(parent: Directory), on_delete = cascade, index)]
    pub(crate) parent_id: Option<i64>,
    /// From the root, with slashes.
    #[model(unique)]
    pub(crate) path: String,
}

/// A file.
#[derive(Debug, Clone, Model)]
#[model(unique(directory_id, name), index(size, hash))]
pub(crate) struct File {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(belongs_to(directory: Directory), on_delete = cascade)]
    pub(crate) directory_id: i64,
    pub(crate) name: String,
    /// In lower case, without the dot.
    #[model(index)]
    pub(crate) extension: Option<String>,
    pub(crate) size: u64,
    pub(crate) modified: Option<DateTime<Utc>>,
    /// SHA-256 of the content, known only for files that share their size with others.
    pub(crate) hash: Option<Vec<u8>>,
}
