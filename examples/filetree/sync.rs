//! Makes the database agree with the disk, in one transaction, writing only what differs.

use std::collections::HashMap;

use indicatif::ProgressBar;
use orm::prelude::*;

use crate::models::{Directory, File};
use crate::scan::{Found, FoundFile};

/// How many rows were written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    pub(crate) removed: u64,
}

/// An index that is empty is filled in bulk; one that is there is brought up to date by a session.
pub(crate) async fn sync(engine: &Engine, found: &Found) -> orm::Result<Changes> {
    let known: i64 = engine.fetch_scalar(select(count(Directory.id))).await?;
    if known == 0 { fill(engine, found).await } else { rescan(engine, found).await }
}

async fn fill(engine: &Engine, found: &Found) -> orm::Result<Changes> {
    engine
        .transaction(async |tx| {
            let directories = fill_directories(tx, found).await?;
            let files = found.files.iter().filter_map(|file| {
                let directory = directories.get(file.directory.as_str())?;
                let row = File::builder().directory_id(*directory).name(file.name.as_str());
                Some(row.extension(extension(file)).size(file.size).modified(file.modified))
            });
            let progress = ProgressBar::new(found.files.len() as u64).with_message("indexing");
            let files = tx.execute(insert(progress.wrap_iter(files).collect::<Vec<_>>())).await?;
            Ok(Changes { added: directories.len() as u64 + files, ..Changes::default() })
        })
        .await
}

/// Gives the key of every folder by its path. A folder's row needs its parent's key, so they are written level by
/// level: one insert for each depth.
async fn fill_directories<'f>(tx: &mut Transaction, found: &'f Found) -> orm::Result<HashMap<&'f str, i64>> {
    let mut levels: Vec<Vec<&str>> = Vec::new();
    for path in &found.directories {
        let depth = if path.is_empty() { 0 } else { path.matches('/').count() + 1 };
        levels.resize_with(levels.len().max(depth + 1), Vec::new);
        levels[depth].push(path);
    }
    let mut keys: HashMap<&str, i64> = HashMap::with_capacity(found.directories.len());
    for level in levels {
        let rows = level.iter().map(|path| {
            let parent = parent_of(path).and_then(|parent| keys.get(parent).copied());
            Directory::builder().path(*path).parent_id(parent)
        });
        let made = tx.fetch_all(insert(rows.collect::<Vec<_>>()).returning(Directory.id)).await?;
        keys.extend(level.into_iter().zip(made));
    }
    Ok(keys)
}

/// The session finds out which rows differ, and in which columns: if none does, it sends no statement that writes.
async fn rescan(engine: &Engine, found: &Found) -> orm::Result<Changes> {
    let mut session = Session::new(engine);
    let mut changes = Changes::default();
    let directories = update_directories(&mut session, found, &mut changes).await?;
    update_files(&mut session, found, &directories, &mut changes).await?;
    session.commit().await?;
    Ok(changes)
}

async fn update_directories<'f>(
    session: &mut Session,
    found: &'f Found,
    changes: &mut Changes,
) -> orm::Result<HashMap<&'f str, Ref<Directory>>> {
    let known = session.query(Directory).all().await?;
    let mut known: HashMap<String, Ref<Directory>> =
        known.into_iter().map(|directory| (session[directory].path.clone(), directory)).collect();
    let mut present = HashMap::with_capacity(found.directories.len());
    for path in &found.directories {
        let directory = known.remove(path).unwrap_or_else(|| {
            changes.added += 1;
            // A new folder may stand in a new one, which has no key yet: the handle is enough.
            let parent = parent_of(path).and_then(|parent| present.get(parent).copied());
            session.add(Directory::builder().path(path).parent(parent))
        });
        present.insert(path.as_str(), directory);
    }
    // What is in a folder that is gone goes with it, by the foreign keys' `on_delete = cascade`.
    for gone in known.into_values() {
        session.delete(gone)?;
        changes.removed += 1;
    }
    Ok(present)
}

async fn update_files(
    session: &mut Session,
    found: &Found,
    directories: &HashMap<&str, Ref<Directory>>,
    changes: &mut Changes,
) -> orm::Result<()> {
    // Before this query the session flushes what it reads from, so new folders have their keys here.
    let known = session.query(File).join(File.directory).all().await?;
    let mut known: HashMap<(i64, String), Ref<File>> =
        known.into_iter().map(|file| ((session[file].directory_id, session[file].name.clone()), file)).collect();

    let progress = ProgressBar::new(found.files.len() as u64).with_message("indexing");
    for file in progress.wrap_iter(found.files.iter()) {
        let Some(directory) = directories.get(file.directory.as_str()).copied() else { continue };
        let Some(row) = known.remove(&(session[directory].id, file.name.clone())) else {
            let row = File::builder().directory(directory).name(file.name.as_str());
            session.add(row.extension(extension(file)).size(file.size).modified(file.modified));
            changes.added += 1;
            continue;
        };
        if session[row].size != file.size || session[row].modified != file.modified {
            let row = &mut session[row];
            (row.size, row.modified, row.hash) = (file.size, file.modified, None);
            changes.changed += 1;
        }
    }
    for gone in known.into_values() {
        session.delete(gone)?;
        changes.removed += 1;
    }
    Ok(())
}

/// The folder that a folder stands in; the root stands in none.
fn parent_of(path: &str) -> Option<&str> {
    (!path.is_empty()).then(|| path.rsplit_once('/').map_or("", |(parent, _)| parent))
}

/// In lower case, without the dot.
fn extension(file: &FoundFile) -> Option<String> {
    let (stem, extension) = file.name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_lowercase())
}
