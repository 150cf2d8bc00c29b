//! The answers, each one statement.

use indicatif::HumanBytes;
use orm::prelude::*;

use crate::models::{Directory, File};

pub(crate) async fn print(engine: &Engine) -> orm::Result<()> {
    largest_directories(engine).await?;
    totals_by_extension(engine).await?;
    copies(engine).await
}

async fn largest_directories(engine: &Engine) -> orm::Result<()> {
    let query = select((Directory.path, count(File.id), sum(File.size)))
        .join(Directory.files)
        .group_by(Directory.id)
        .order_by((sum(File.size).desc(), Directory.path))
        .limit(10);
    println!("largest folders (by the files directly in them):");
    for (path, files, bytes) in engine.fetch_all(query).await? {
        println!("  {:>12}  {files:>7} files  /{path}", human(bytes));
    }
    Ok(())
}

async fn totals_by_extension(engine: &Engine) -> orm::Result<()> {
    #[derive(FromRow)]
    struct Total {
        extension: String,
        files: i64,
        bytes: Option<i64>,
    }
    let query = select((File.extension.coalesce("(none)"), count(File.id), sum(File.size).label("bytes")))
        .group_by(File.extension)
        .order_by((label("bytes").desc(), File.extension))
        .limit(10)
        .rows_as::<Total>();
    println!("\nby extension:");
    for total in engine.fetch_all(query).await? {
        println!("  {:>12}  {:>7} files  {}", human(total.bytes), total.files, total.extension);
    }
    Ok(())
}

async fn copies(engine: &Engine) -> orm::Result<()> {
    let copies = count(File.id);
    let query = select((File.size, copies.clone(), min(Directory.path.concat("/").concat(File.name))))
        .join(File.directory)
        .filter(File.hash.is_not_null())
        .group_by((File.size, File.hash))
        .having(copies.clone().gt(1))
        .order_by((File.size * (copies.into_expr().cast::<u64>() - 1)).desc())
        .limit(10);
    println!("\nfiles of equal size and content, most wasted first:");
    for (size, copies, first) in engine.fetch_all(query).await? {
        println!("  {copies} x {:>12}  {}", HumanBytes(size).to_string(), first.unwrap_or_default());
    }
    Ok(())
}

fn human(bytes: Option<i64>) -> String {
    HumanBytes(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)).to_string()
}
