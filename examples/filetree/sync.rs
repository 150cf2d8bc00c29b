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

pub(crate) async fn sync(engine: &Engine, found: &Found) -> orm::Result<Changes> {
    engine
        .transaction(async |tx| {
            let mut changes = Changes::default();
            let directories = sync_directories(tx, found, &mut changes).await?;
            sync_files(tx, found, &directories, &mut changes).await?;
            Ok(changes)
        })
        .await
}

/// Gives the key of every folder by its path.
async fn sync_directories(
    tx: &mut Transaction,
    found: &Found,
    changes: &mut Changes,
) -> orm::Result<HashMap<String, i64>> {
    let known: Vec<(String, i64)> = tx.fetch_all(select((Directory.path, Directory.id))).await?;
    let mut known: HashMap<String, i64> = known.into_iter().collect();
    let mut present = HashMap::with_capacity(found.directories.len());
    let mut missing: Vec<Vec<&String>> = Vec::new();
    for path in &found.directories {
        if let Some(id) = known.remove(path) {
            present.insert(path.clone(), id);
            continue;
        }
        let depth = if path.is_empty() { 0 } else { path.matches('/').count() + 1 };
        missing.resize_with(missing.len().max(depth + 1), Vec::new);
        missing[depth].push(path);
    }
    // A folder's row needs its parent's key, so they are written level by level: one insert for each depth.
    for level in missing {
        let rows =
            level.iter().map(|path| Directory::builder().path(path.as_str()).parent_id(parent_of(path, &present)));
        let ids = tx.fetch_all(insert(rows.collect::<Vec<_>>()).returning(Directory.id)).await?;
        changes.added += ids.len() as u64;
        present.extend(level.into_iter().cloned().zip(ids));
    }
    // What is in a folder that is gone goes with it, by the foreign keys' `on_delete = cascade`.
    let gone: Vec<i64> = known.into_values().collect();
    changes.removed += tx.execute(delete(Directory).filter(Directory.id.in_(gone))).await?;
    Ok(present)
}

fn parent_of(path: &str, known: &HashMap<String, i64>) -> Option<i64> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    if path.is_empty() { None } else { known.get(parent).copied() }
}

async fn sync_files(
    tx: &mut Transaction,
    found: &Found,
    directories: &HashMap<String, i64>,
    changes: &mut Changes,
) -> orm::Result<()> {
    let columns = (File.directory_id, File.name, File.id, File.size, File.modified);
    let known = tx.fetch_all(select(columns)).await?;
    let mut known: HashMap<(i64, String), _> = known
        .into_iter()
        .map(|(directory, name, id, size, modified)| ((directory, name), (id, size, modified)))
        .collect();

    let progress = ProgressBar::new(found.files.len() as u64).with_message("indexing");
    let mut missing = Vec::new();
    for file in progress.wrap_iter(found.files.iter()) {
        let Some(directory) = directories.get(&file.directory).copied() else { continue };
        match known.remove(&(directory, file.name.clone())) {
            None => missing.push(row(directory, file)),
            Some((_, size, modified)) if size == file.size && modified == file.modified => {}
            Some((id, ..)) => {
                let change = update(File)
                    .set(File.size, file.size)
                    .set(File.modified, file.modified)
                    .set(File.hash, None::<Vec<u8>>)
                    .filter(File.id.eq(id));
                changes.changed += tx.execute(change).await?;
            }
        }
    }
    changes.added += tx.execute(insert(missing)).await?;
    let gone: Vec<i64> = known.into_values().map(|(id, ..)| id).collect();
    changes.removed += tx.execute(delete(File).filter(File.id.in_(gone))).await?;
    Ok(())
}

fn row(directory: i64, file: &FoundFile) -> impl InsertRow<Model = File> + use<> {
    let extension = file.name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    File::builder()
        .directory_id(directory)
        .name(file.name.as_str())
        .extension(extension.map(|(_, extension)| extension.to_lowercase()))
        .size(file.size)
        .modified(file.modified)
}
