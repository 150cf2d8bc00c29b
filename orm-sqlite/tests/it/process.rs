//! Another process: this test binary once more, in the role of a program that holds a lock on a file.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const FILE: &str = "ORM_SQLITE_TEST_HOLD";

/// Another process that holds the write lock of a file until it is dropped.
pub(crate) struct Holder {
    child: Child,
    // It could not end if it could not write its last words.
    _output: BufReader<ChildStdout>,
}

impl Holder {
    pub(crate) fn of(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "process::holds_a_file_if_told_to", "--nocapture"])
            .env(FILE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let held = output.by_ref().lines().map_while(Result::ok).any(|line| line.contains("the file is held"));
        assert!(held, "the other process did not get the lock");
        Holder { child, _output: output }
    }

    /// Tells it to let go, and waits until it has.
    pub(crate) fn let_go(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// Does nothing but in the other process.
#[test]
fn holds_a_file_if_told_to() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let db = rusqlite::Connection::open(path).expect("the file");
    db.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    println!("the file is held");
    // Ends when the other side closes its end, even if that is by dying.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end");
    db.execute_batch("COMMIT").expect("letting go");
}
