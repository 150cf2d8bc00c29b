//! TLS: what each `sslmode` takes and refuses, as libpq has it.

use std::time::{Duration, Instant};

use orm::Error;
use orm::prelude::*;

use crate::server;
use crate::tls_server::{Authority, Pair, secured, signed_by_itself};

/// What the server says it has on its side of the connection.
async fn has_tls(engine: &Engine) -> bool {
    let state = sql!("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").rows::<bool>();
    engine.fetch_one(state).await.expect("a state")
}

async fn connect(url: String) -> Engine {
    orm::connect(url).await.expect("a connection")
}

async fn refusal(url: String) -> Error {
    let error = orm::connect(url).await.expect_err("no connection");
    assert!(!format!("{error:?} {error:#}").contains("hunter2"), "{error:?}");
    error
}

#[track_caller]
fn assert_hint(error: &Error, hint: &str) {
    assert!(matches!(error, Error::Connect { .. }) && error.to_string().contains(hint), "{error:?}");
}

#[tokio::test]
async fn require_takes_any_certificate_and_disable_takes_no_tls() {
    let url = |options| secured().url("postgres", options);

    assert!(has_tls(&connect(url("sslmode=require")).await).await);
    assert!(!has_tls(&connect(url("sslmode=disable")).await).await);
}

#[tokio::test]
async fn prefer_takes_tls_and_goes_without_where_only_that_is_let_in() {
    assert!(has_tls(&connect(secured().url("postgres", "")).await).await);
    assert!(has_tls(&connect(secured().url("secured", "sslmode=prefer")).await).await);
    assert!(!has_tls(&connect(secured().url("plain", "sslmode=prefer")).await).await);
}

#[tokio::test]
async fn allow_goes_without_and_takes_tls_where_only_that_is_let_in() {
    assert!(!has_tls(&connect(secured().url("postgres", "sslmode=allow")).await).await);
    assert!(has_tls(&connect(secured().url("secured", "sslmode=allow")).await).await);
}

#[tokio::test]
async fn who_forbids_tls_is_not_let_in_where_it_is_needed() {
    assert_hint(&refusal(secured().url("secured", "sslmode=disable")).await, "not without TLS");
    assert_hint(&refusal(secured().url("plain", "sslmode=require")).await, "does not let this user in");
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_where_tls_is_required() {
    let db = connect(server::url_with("sslmode=prefer")).await;
    // The tests' own server has none; another one may.
    let tls = db.fetch_one(sql!("SHOW ssl").rows::<String>()).await.expect("a setting") == "on";
    assert_eq!(has_tls(&db).await, tls);

    let required = orm::connect(server::url_with("sslmode=require")).await;

    match tls {
        true => assert!(required.is_ok()),
        false => assert_hint(&required.expect_err("no TLS"), "the server has no TLS"),
    }
}

#[tokio::test]
async fn verify_ca_looks_who_signed_and_not_for_whom() {
    let root = secured().root();
    let by_another_name = |options: &str| secured().url("postgres", &format!("host=db.example&{options}"));

    for mode in ["verify-ca", "require"] {
        let engine = connect(by_another_name(&format!("sslmode={mode}&sslrootcert={root}"))).await;
        assert!(has_tls(&engine).await);
    }
    let another = secured().file("another-root.crt", &Authority::new("a stranger").certificate);
    for mode in ["verify-ca", "verify-full", "require"] {
        let error = refusal(by_another_name(&format!("sslmode={mode}&sslrootcert={another}"))).await;
        assert_hint(&error, "not signed by any in `sslrootcert`");
    }
}

#[tokio::test]
async fn verify_full_takes_no_other_host() {
    let options = format!("sslmode=verify-full&sslrootcert={}", secured().root());

    assert!(has_tls(&connect(secured().url("postgres", &options)).await).await);
    for host in ["db.example", "127.0.0.1", "local%20host"] {
        let error = refusal(secured().url("postgres", &format!("host={host}&{options}"))).await;
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        let other_host = error.to_string().contains("for another host: connect by a name that is in it");
        assert!(other_host || host == "local%20host", "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_taken_if_it_is_trusted_itself() {
    let pair = signed_by_itself("localhost");
    let port = secured().between(&pair, &[], false).await;
    let trusted = secured().file("itself.crt", &pair.certificate);
    let url = |options: &str| secured().url("postgres", &format!("port={port}&sslrootcert={trusted}&{options}"));

    connect(url("sslmode=verify-full")).await;
    connect(url("sslmode=verify-ca&host=db.example")).await;
    assert_hint(&refusal(url("sslmode=verify-full&host=db.example")).await, "for another host");
    let another = signed_by_itself("localhost");
    let port = secured().between(&another, &[], false).await;
    let error = refusal(url(&format!("sslmode=verify-ca&port={port}"))).await;
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_not_verified() {
    let pair = secured().authority.sign_with("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let port = secured().between(&pair, &[], false).await;
    let url = |mode: &str| {
        let root = secured().root();
        secured().url("postgres", &format!("port={port}&sslmode={mode}&sslrootcert={root}"))
    };

    for mode in ["verify-ca", "verify-full"] {
        assert_hint(&refusal(url(mode)).await, "has expired");
    }
    connect(secured().url("postgres", &format!("port={port}&sslmode=require"))).await;
}

#[tokio::test]
async fn the_machine_does_not_trust_the_tests() {
    let error = refusal(secured().url("postgres", "sslrootcert=system")).await;

    // A machine without any certificates says so.
    let none = matches!(&error, Error::Url(text) if text.contains("no certificates that it trusts"));
    assert!(none || error.to_string().contains("not signed by any"), "{error:?}");
}

/// The options for a certificate of ours.
fn identity(name: &str, pair: &Pair) -> String {
    let certificate = secured().file(&format!("{name}.crt"), &pair.certificate);
    let key = secured().file(&format!("{name}.key"), &pair.key);
    format!("sslmode=require&sslcert={certificate}&sslkey={key}")
}

#[tokio::test]
async fn a_user_is_known_by_a_certificate() {
    let ours = identity("ours", &secured().authority.sign("certified"));
    let strangers = identity("strangers", &Authority::new("a stranger").sign("certified"));

    assert!(has_tls(&connect(secured().url("certified", &ours)).await).await);
    assert_hint(&refusal(secured().url("certified", "sslmode=require")).await, "does not let this user in");
    assert_hint(&refusal(secured().url("certified", &strangers)).await, "does not take our certificate");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let ours = identity("readable", &secured().authority.sign("certified"));
    std::process::Command::new("chmod").arg("644").arg(secured().path("readable.key")).status().expect("chmod");
    let empty = secured().file("empty.crt", "nothing");
    let refusal = async |options: &str| refusal(secured().url("certified", options)).await.to_string();

    let readable = refusal(&ours).await;
    assert!(readable.contains("readable.key: `chmod 600` it"), "{readable}");
    let missing = refusal("sslmode=verify-ca&sslrootcert=/no/such/file").await;
    assert!(missing.contains("`sslrootcert`: /no/such/file cannot be read"), "{missing}");
    let nothing = refusal(&format!("sslmode=verify-ca&sslrootcert={empty}")).await;
    assert!(nothing.contains("empty.crt has no certificate in it"), "{nothing}");
    let no_key = refusal(&format!("sslmode=require&sslcert={}&sslkey={empty}", secured().root())).await;
    assert!(no_key.contains("empty.crt has no private key"), "{no_key}");
}

#[tokio::test]
async fn a_password_is_bound_to_the_certificate() {
    let url = |options: &str| secured().url("bound:hunter2", options);

    for binding in ["require", "prefer", "disable"] {
        let engine = connect(url(&format!("sslmode=require&channel_binding={binding}"))).await;
        assert!(has_tls(&engine).await);
    }
}

#[tokio::test]
async fn a_password_that_must_be_bound_is_given_to_nobody_in_between() {
    let port = secured().between(&signed_by_itself("localhost"), &[], false).await;
    let url = |binding: &str| {
        secured().url("scram:hunter2", &format!("port={port}&sslmode=require&channel_binding={binding}"))
    };

    connect(url("disable")).await;
    assert_hint(&refusal(url("require")).await, "cannot bind the password to its certificate");
}

#[tokio::test]
async fn a_handshake_may_begin_unasked() {
    let pair = secured().authority.sign("localhost");
    let options = format!("sslnegotiation=direct&sslmode=verify-full&sslrootcert={}", secured().root());
    let speaks = secured().between(&pair, &[b"postgresql"], true).await;
    let says_nothing = secured().between(&pair, &[], true).await;

    connect(secured().url("postgres", &format!("port={speaks}&{options}"))).await;
    let error = refusal(secured().url("postgres", &format!("port={says_nothing}&{options}"))).await;
    assert_hint(&error, "TLS could not be agreed on");
}

#[tokio::test]
async fn the_version_of_tls_can_be_held() {
    let version = sql!("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").rows::<String>();

    for (option, expected) in [("max", "TLSv1.2"), ("min", "TLSv1.3")] {
        let options = format!("sslmode=require&ssl_{option}_protocol_version={expected}");
        let engine = connect(secured().url("postgres", &options)).await;
        assert_eq!(engine.fetch_one(version.clone()).await.expect("a version"), expected);
    }
}

#[tokio::test]
async fn what_runs_over_tls_is_stopped_over_tls() {
    let url = secured().url("secured", "sslmode=require");
    let engine = Engine::builder(url).pool_size(1).max_overflow(0).connect().await.expect("a connection");
    let start = Instant::now();

    let sleep = engine.execute(sql!("SELECT pg_sleep(60)"));
    tokio::time::timeout(Duration::from_millis(100), sleep).await.expect_err("a minute");

    assert!(has_tls(&engine).await);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_socket_needs_no_tls() {
    let (folder, port) = (secured().server.folder().display(), secured().server.port());

    let engine = connect(format!("postgresql://postgres@/postgres?host={folder}&port={port}&sslmode=require")).await;

    assert!(!has_tls(&engine).await);
}
