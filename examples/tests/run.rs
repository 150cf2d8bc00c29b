//! Every example runs to its end and says what it should.

#![expect(clippy::expect_used, reason = "an example that cannot be run has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The built example: cargo puts it beside the folder of this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.parent().and_then(Path::parent).expect("the target folder");
    target.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Runs an example and gives what it printed.
fn run(name: &str, arguments: &[&Path]) -> String {
    let output = Command::new(example(name)).args(arguments).output().expect("the example is built with the tests");
    let text = String::from_utf8(output.stdout).expect("the example prints UTF-8");
    assert!(output.status.success(), "{name} failed: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn quickstart_runs_twice_on_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tour.db");

    let first = run("quickstart", &[&file]);
    let second = run("quickstart", &[&file]);

    assert!(first.contains("deleted 1 user; her posts went with her, 25 are left"), "{first}");
    assert!(first.contains("unique violation on `users.email`"), "{first}");
    assert!(first.contains("SET \"nickname\" = ?1 WHERE \"users\".\"id\" = ?2"), "{first}");
    assert_eq!(first, second);
}

#[test]
fn bank_transfer_neither_makes_nor_loses_money() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = run("bank_transfer", &[&folder.path().join("bank.db")]);

    assert!(text.contains("gave up a transfer half-way: Alice has 1000, Bob has 1000"), "{text}");
    assert!(text.contains("Alice cannot send 5000: she has 1000"), "{text}");
    assert!(text.contains("the same, started again, was killed in the middle of its transfers"), "{text}");
    assert_eq!(text.matches("the sum of all balances is still 5000").count(), 4, "{text}");
}

#[test]
fn shop_refuses_bad_prices_and_deletes_products_with_their_category() {
    let text = run("shop", &[]);

    assert!(text.contains("Books  Rust by Night      24.50"), "{text}");
    assert!(text.contains("refused for 3 reasons"), "{text}");
    assert!(text.contains("price: -5 is no price: it must be above 0"), "{text}");
    assert!(text.contains("2 of 3 products are on sale"), "{text}");
    assert!(text.contains("without books there is left: Darjeeling"), "{text}");
}

#[cfg(unix)]
#[test]
fn blog_answers_until_it_is_asked_to_stop() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::process::Stdio;

    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("blog.db").display());
    let mut server =
        Command::new(example("blog")).arg(url).env("PORT", "0").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut says = BufReader::new(server.stdout.take().expect("its output"));
    let mut first = String::new();
    says.read_line(&mut first).expect("a line");
    let address = first.trim().strip_prefix("listening on http://").expect("its address").to_owned();

    let mut connection = std::net::TcpStream::connect(address).expect("a connection");
    connection.write_all(b"GET /posts HTTP/1.1\r\nhost: blog\r\nconnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let kill = Command::new("kill").arg(server.id().to_string()).status().expect("a signal");
    let status = server.wait().expect("an end");
    let mut last = String::new();
    says.read_to_string(&mut last).expect("the rest");

    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(r#"{"posts":[],"next":null}"#), "{answer}");
    assert!(kill.success() && status.success(), "{status}");
    assert_eq!(last, "stopped\n");
}

#[test]
fn filetree_writes_only_what_changed_on_a_second_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tree, database) = (folder.path().join("tree"), folder.path().join("index.db"));
    std::fs::create_dir_all(tree.join("a/b")).expect("folders");
    for (path, text) in [("one.txt", "same"), ("a/two.txt", "same"), ("a/b/three.rs", "fn main() {}"), ("a/none", "x")]
    {
        std::fs::write(tree.join(path), text).expect("a file");
    }

    let first = run("filetree", &[&tree, &database]);
    assert!(first.contains("7 added, 0 changed, 0 removed"), "{first}");
    assert!(first.contains("2 x          4 B  /one.txt") || first.contains("2 x"), "{first}");

    let second = run("filetree", &[&tree, &database]);
    assert!(second.contains("0 added, 0 changed, 0 removed, by 0 statements that write"), "{second}");

    std::fs::write(tree.join("one.txt"), "another text").expect("a file");
    std::fs::remove_dir_all(tree.join("a/b")).expect("a folder");
    let third = run("filetree", &[&tree, &database]);
    assert!(third.contains("0 added, 1 changed, 1 removed, by 2 statements that write"), "{third}");

    std::fs::create_dir_all(tree.join("new/newer")).expect("folders");
    std::fs::write(tree.join("new/newer/four.txt"), "four").expect("a file");
    let fourth = run("filetree", &[&tree, &database]);
    assert!(fourth.contains("3 added, 0 changed, 0 removed"), "{fourth}");
}
