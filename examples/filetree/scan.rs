//! What is on the disk.

use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, SubsecRound, Utc};
use indicatif::ProgressBar;
use walkdir::{DirEntry, WalkDir};

/// A tree as it was found. Folders stand before what is in them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) directories: Vec<String>,
    pub(crate) files: Vec<FoundFile>,
    pub(crate) skipped: usize,
}

#[derive(Debug)]
pub(crate) struct FoundFile {
    /// The folder's path from the root.
    pub(crate) directory: String,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<DateTime<Utc>>,
}

/// Reads a tree, without following links.
pub(crate) fn scan(root: &Path) -> anyhow::Result<Found> {
    let progress = ProgressBar::new_spinner().with_message("scanning");
    let mut found = Found::default();
    for entry in WalkDir::new(root).sort_by_file_name() {
        progress.inc(1);
        if entry.map(|entry| add(&mut found, root, &entry)).is_ok_and(|added| added.is_some()) {
            continue;
        }
        found.skipped += 1;
    }
    progress.finish_and_clear();
    Ok(found)
}

/// Adds an entry; none if its name is not UTF-8 or it cannot be read.
fn add(found: &mut Found, root: &Path, entry: &DirEntry) -> Option<()> {
    if entry.file_type().is_dir() {
        found.directories.push(from_root(root, entry.path())?);
    } else if entry.file_type().is_file() {
        let metadata = entry.metadata().ok()?;
        found.files.push(FoundFile {
            directory: from_root(root, entry.path().parent()?)?,
            name: entry.file_name().to_str()?.to_owned(),
            size: metadata.len(),
            modified: metadata.modified().ok().map(to_the_microsecond),
        });
    }
    Some(())
}

/// A path from the root, with slashes.
fn from_root(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

/// Columns keep microseconds, so that is what is compared.
fn to_the_microsecond(time: SystemTime) -> DateTime<Utc> {
    DateTime::<Utc>::from(time).trunc_subsecs(6)
}
