//! Ways to a server, and what is said if there is none.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::OnceLock;

use orm::Error;
use orm::prelude::*;
use orm_testkit::servers::PostgresServer;

use crate::database::open_with;
use crate::server;

/// A primary and a standby.
struct Pair {
    primary: PostgresServer,
    standby: PostgresServer,
}

/// Passwords are asked of all but the superuser.
const WHO_MAY_COME_IN: &str = "
local all all      trust
host  all postgres all trust
host  all all      all scram-sha-256
";

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let mut primary = PostgresServer::create();
        primary.write("pg_hba.conf", WHO_MAY_COME_IN);
        primary.prepare(
            "CREATE ROLE alice LOGIN PASSWORD 'swordfish'\nCREATE ROLE lonely LOGIN CONNECTION LIMIT 1 PASSWORD 'swordfish'\n",
        );
        primary.start();
        let mut standby = PostgresServer::create();
        standby.write("standby.signal", "");
        standby.start();
        Pair { primary, standby }
    })
}

/// A URL of several ports of this machine.
fn url(ports: &[u16], options: &str) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("postgresql://postgres@{}/postgres?{options}", hosts.join(","))
}

/// A port on which nobody listens.
const NOBODY: u16 = 1;

async fn port(engine: &Engine) -> u16 {
    let port = sql!("SELECT CAST(current_setting('port') AS integer)").rows::<i32>();
    u16::try_from(engine.fetch_one(port).await.expect("a port")).expect("a port")
}

async fn port_of(ports: &[u16], options: &str) -> u16 {
    port(&orm::connect(url(ports, options)).await.expect(options)).await
}

async fn refusal(url: String) -> Error {
    let error = orm::connect(url).await.expect_err("no connection");
    let printed = format!("{error:?} {error} {error:#}");
    assert!(!printed.contains("hunter2") && !printed.contains("swordfish"), "{printed}");
    error
}

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

#[tokio::test]
async fn the_first_server_that_is_there_is_taken() {
    let (primary, standby) = (pair().primary.port(), pair().standby.port());

    assert_eq!(port_of(&[NOBODY, primary, standby], "").await, primary);
    assert_eq!(port_of(&[standby, primary], "").await, standby);
}

#[tokio::test]
async fn when_no_server_is_there_each_is_told() {
    let error = refusal(url(&[NOBODY, 2], "")).await;

    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1,127.0.0.1:2/postgres: 127.0.0.1:1: is the server running"), "{text}");
    assert!(text.contains("; 127.0.0.1:2: is the server running"), "{text}");
}

#[tokio::test]
async fn the_kind_of_server_that_is_wanted_is_looked_for() {
    let (primary, standby) = (pair().primary.port(), pair().standby.port());
    let both = [standby, NOBODY, primary];

    for (wanted, found) in [
        ("any", standby),
        ("read-write", primary),
        ("primary", primary),
        ("read-only", standby),
        ("standby", standby),
        ("prefer-standby", standby),
    ] {
        assert_eq!(port_of(&both, &format!("target_session_attrs={wanted}")).await, found, "{wanted}");
    }
    assert_eq!(port_of(&[primary], "target_session_attrs=prefer-standby").await, primary);
    assert_eq!(port_of(&[primary, standby], "target_session_attrs=prefer-standby").await, standby);
}

#[tokio::test]
async fn a_server_of_another_kind_is_told() {
    let (primary, standby) = (pair().primary.port(), pair().standby.port());

    for (port, wanted, reason) in [
        (primary, "standby", "it is the primary, and a standby is wanted"),
        (standby, "primary", "it is a standby, and the primary is wanted"),
        (standby, "read-write", "it is read-only, and one that takes writes is wanted"),
        (primary, "read-only", "it takes writes, and a read-only one is wanted"),
    ] {
        let error = refusal(url(&[port], &format!("target_session_attrs={wanted}"))).await;
        assert!(error.to_string().contains(reason), "{error}");
    }
    // What a session is begun with counts, not what the server could.
    let options = "target_session_attrs=read-only&options=-c%20default_transaction_read_only%3Don";
    assert_eq!(port_of(&[primary], options).await, primary);
}

#[tokio::test]
async fn clients_spread_over_all_servers_in_random_order() {
    let ports = [pair().primary.port(), pair().standby.port()];
    let mut found = HashSet::new();

    // Sixty-four times the same has happened to nobody yet.
    for _ in 0..64 {
        found.insert(port_of(&ports, "load_balance_hosts=random").await);
        if found.len() == 2 {
            return;
        }
    }
    panic!("always {found:?}");
}

#[tokio::test]
async fn an_address_takes_the_place_of_the_names() {
    let port = pair().primary.port();

    let engine =
        orm::connect(format!("postgresql://postgres@no-such.invalid:{port}/postgres?hostaddr=127.0.0.1")).await;

    assert_eq!(self::port(&engine.expect("an address")).await, port);
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let error = refusal("postgresql://alice:hunter2@no-such.invalid/app".into()).await;

    assert!(error.to_string().contains("no-such.invalid:5432/app: no address is known for this host"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_elsewhere() {
    let (primary, standby) = (pair().primary.port(), pair().standby.port());

    for (user, hint) in [
        ("alice:hunter2", "the password is wrong"),
        ("alice", "asks for a password, and the URL has none"),
        ("nobody:hunter2", "the password is wrong"),
    ] {
        let error = refusal(format!("postgresql://{user}@127.0.0.1:{primary}/postgres")).await;
        assert!(matches!(error, Error::Connect { .. }) && error.to_string().contains(hint), "{error}");
    }
    let both = format!("postgresql://alice:hunter2@127.0.0.1:{primary},127.0.0.1:{standby}/postgres");
    let error = refusal(both).await;
    assert!(error.to_string().ends_with("/postgres: the password is wrong, or missing"), "{error}");
}

#[tokio::test]
async fn a_password_may_be_given_as_an_option() {
    let url = format!("postgresql://127.0.0.1:{}/postgres", pair().primary.port());
    let builder = Engine::builder(url).url_option("user", "alice").url_option("application_name", "50% & ü?");

    let engine = builder.url_option("password", "swordfish").connect().await.expect("a connection");

    let name = engine.fetch_one(sql!("SHOW application_name").rows::<String>()).await.expect("a name");
    assert!(name.starts_with("50% & "), "{name}");
}

#[tokio::test]
async fn a_user_with_too_many_connections_is_told() {
    let url = format!("postgresql://lonely:swordfish@127.0.0.1:{}/postgres", pair().primary.port());
    let engine = orm::connect(&url).await.expect("the first one");

    let error = refusal(url).await;

    assert!(matches!(error, Error::TooManyConnections { .. }), "{error:?}");
    assert_eq!(engine.fetch_one(select(value(7))).await.expect("a row"), 7);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left_for_the_next() {
    // It takes connections, which nobody serves.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (silent, primary) = (listener.local_addr().expect("an address").port(), pair().primary.port());

    let error = refusal(url(&[silent], "connect_timeout=1")).await;
    assert!(error.to_string().contains("no answer within 1.0s: raise `connect_timeout`"), "{error}");
    assert_eq!(port_of(&[silent, primary], "connect_timeout=1").await, primary);
}

#[tokio::test]
async fn what_is_no_postgresql_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::io::AsyncWriteExt::write_all(&mut client, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    });

    for mode in ["disable", "prefer", "require"] {
        let error = refusal(url(&[port], &format!("sslmode={mode}"))).await;
        assert!(error.to_string().contains("is the server running"), "{error}");
    }
}

#[tokio::test]
async fn sockets_are_kept_alive_as_the_url_says() {
    let options = "keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=1500";
    let port = pair().primary.port();

    assert_eq!(port_of(&[port], options).await, port);
    assert_eq!(port_of(&[port], "keepalives=0").await, port);
}
