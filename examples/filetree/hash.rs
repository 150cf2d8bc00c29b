//! Reads the files that could be copies of each other: those that share their size with another.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use orm::prelude::*;
use sha2::{Digest, Sha256};

use crate::models::{Directory, File};

/// Gives the number of files read. A file that cannot be read keeps no hash.
pub(crate) async fn hash_candidates(engine: &Engine, root: &Path) -> anyhow::Result<u64> {
    // The inner select is a statement of its own, and is used as a list.
    let other = File.alias("other");
    let shared_sizes = select(other.size).group_by(other.size).having(count(other.id).gt(1));
    let candidates = select((File.id, Directory.path, File.name))
        .join(File.directory)
        .filter(File.hash.is_null().and(File.size.gt(0_u64)))
        .filter(File.size.in_(shared_sizes));
    let candidates: Vec<(i64, String, String)> = engine.fetch_all(candidates).await?;

    let progress = ProgressBar::new(candidates.len() as u64).with_message("comparing");
    let root = root.to_owned();
    let hashes = tokio::task::spawn_blocking(move || {
        let hash = |(id, directory, name): (i64, String, String)| {
            let path: PathBuf = root.join(directory).join(name);
            Some((id, hash(&path).ok()?))
        };
        progress.wrap_iter(candidates.into_iter()).filter_map(hash).collect::<Vec<_>>()
    })
    .await?;

    let written = engine
        .transaction(async |tx| {
            for (id, hash) in &hashes {
                tx.execute(update(File).set(File.hash, hash.as_slice()).filter(File.id.eq(*id))).await?;
            }
            Ok::<_, orm::Error>(hashes.len() as u64)
        })
        .await?;
    Ok(written)
}

fn hash(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = BufReader::with_capacity(1 << 16, fs::File::open(path)?);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
