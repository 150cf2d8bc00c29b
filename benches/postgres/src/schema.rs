//! A schema of a client's own for each case, dropped at the end.

use anyhow::Result;
use tokio_postgres::NoTls;

/// A schema with the tables in it.
#[derive(Debug)]
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// Makes the schema, its tables, and what `statements` fill them with.
    pub(crate) async fn create(server: &str, name: &str, statements: &[String]) -> Result<Self> {
        let name = format!("bench_{}_{}", std::process::id(), name.replace([' ', '-'], "_"));
        let schema = Self { server: server.to_owned(), name };
        let mut all = format!("CREATE SCHEMA {0}; SET search_path = {0};", schema.name);
        statements.iter().for_each(|statement| all.extend([statement, ";"]));
        run(server, &all).await?;
        Ok(schema)
    }

    /// Where a client finds its tables.
    pub(crate) fn url(&self) -> String {
        let next = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{next}options=-csearch_path%3D{}", self.server, self.name)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP SCHEMA {} CASCADE", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&server, &sql))
        });
        if !matches!(dropping.join(), Ok(Ok(()))) {
            eprintln!("the schema {} is left behind", self.name);
        }
    }
}

async fn run(server: &str, sql: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await?;
    let going = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    going.await??;
    Ok(())
}
