//! Ways to a server, and what is said if there is none.

use orm::Error;
use orm::prelude::*;

use crate::database::open_with;
use crate::server;

#[tokio::test]
async fn a_socket_leads_to_the_server_as_well() {
    let db = open_with("", |builder| builder).await;
    let folder = db.fetch_one(sql!("SHOW unix_socket_directories").rows::<String>()).await.expect("folders");
    let folder = folder.split(',').next().unwrap_or_default().trim().to_owned();
    let port = db.fetch_one(sql!("SHOW port").rows::<String>()).await.expect("a port");
    let user = db.fetch_one(sql!("SELECT CAST(current_user AS text)").rows::<String>()).await.expect("a user");
    let name = db.fetch_one(sql!("SELECT CAST(current_database() AS text)").rows::<String>()).await.expect("a name");

    let engine = orm::connect(format!("postgresql://{user}@/{name}?host={folder}&port={port}")).await;

    let engine = engine.expect("a socket");
    let address = sql!("SELECT CAST(inet_client_addr() AS text)").rows::<Option<String>>();
    assert_eq!(engine.fetch_one(address).await.expect("no address"), None);
}

#[tokio::test]
async fn the_server_knows_the_name_of_the_application() {
    let db = open_with("application_name=the%20app", |builder| builder).await;

    let name = db.fetch_one(sql!("SHOW application_name").rows::<String>()).await.expect("a name");

    assert_eq!((name.as_str(), db.backend()), ("the app", "postgresql"));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let url = server::url_with("dbname=no_such_database");

    let error = orm::connect(url).await.expect_err("no database");

    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("there is no database `no_such_database`"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let error = orm::connect("postgresql://alice:hunter2@127.0.0.1:1/app").await.expect_err("no server");

    assert!(error.to_string().contains("127.0.0.1:1/app: is the server running"), "{error}");
    assert!(!format!("{error:?} {error:#}").contains("hunter2"), "{error:?}");
}
