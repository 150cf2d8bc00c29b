//! A PgBouncer before a server: what stands between many programs and PostgreSQL.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{BECOME_THE_SERVER, Owner, PATIENCE, PostgresServer, free_port, give_away, log_in, new_folder};

/// A PgBouncer on a port of its own, which gives each transaction whatever connection to the server is free. It lets in
/// everybody as `postgres`, and ends with its value or with the process of the test.
#[derive(Debug)]
pub struct PgBouncer {
    folder: PathBuf,
    port: u16,
    running: Child,
}

impl PgBouncer {
    /// Starts one with so many connections to the server at most.
    ///
    /// # Panics
    ///
    /// If there is none on this machine, or it does not start.
    #[must_use]
    pub fn before(server: &PostgresServer, connections: u32) -> Self {
        let program = program().expect("PgBouncer: install it, or run the tests by ./test, which does");
        let (folder, owner) = new_folder();
        // Another program may take the port between the look and the start.
        for _ in 0..20 {
            let port = free_port();
            let text = settings(&program, server.port(), port, connections);
            let file = folder.join("pgbouncer.ini");
            fs::write(&file, text).expect("a file in PgBouncer's folder");
            give_away(owner, &file);
            if let Some(running) = start(&program, &folder, owner, port) {
                return PgBouncer { folder, port, running };
            }
        }
        panic!("PgBouncer did not start: {}", said(&folder));
    }

    /// A URL through it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It keeps nothing, and QUIT is ignored by what a shell has started in the background.
        let kill = format!("kill -KILL {}", self.running.id());
        let _gone_already = Command::new("/bin/sh").args(["-c", &kill]).status();
        let _gone_already = self.running.stdin.take().map(|mut line| line.write_all(b"over\n"));
        let _over = self.running.wait();
        let _left_behind = fs::remove_dir_all(&self.folder);
    }
}

/// Debian keeps it out of the PATH of users.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}

fn settings(program: &Path, server: u16, port: u16, connections: u32) -> String {
    // Newer ones know prepared statements, and would hide what these tests are about.
    let forgetful = if knows_statements(program) { "max_prepared_statements = 0" } else { "" };
    format!(
        "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 200\n{forgetful}\n"
    )
}

/// From version 1.21 on.
fn knows_statements(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output().expect("PgBouncer");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    numbers >= vec![1, 21]
}

/// What it has written to its log.
fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Starts it and waits until it takes connections; none if it ended instead.
fn start(program: &Path, folder: &Path, owner: Option<Owner>, port: u16) -> Option<Child> {
    let mut command = Command::new("/bin/sh");
    super::run_as(owner, &mut command);
    command.args(["-c", BECOME_THE_SERVER, "pgbouncer"]).arg(folder).arg(program).arg(folder.join("pgbouncer.ini"));
    command.current_dir("/").stdin(Stdio::piped()).stdout(log_in(folder)).stderr(log_in(folder));
    let mut child = command.spawn().expect("a shell");
    let end = Instant::now() + PATIENCE;
    // Not by connecting: another program may have taken the port.
    let listens = format!("listening on 127.0.0.1:{port}");
    while !said(folder).contains(&listens) {
        if child.try_wait().expect("a process").is_some() {
            return None;
        }
        assert!(Instant::now() < end, "PgBouncer takes too long to start: {}", said(folder));
        thread::sleep(Duration::from_millis(5));
    }
    Some(child)
}
