//! Servers of a test's own, which it may configure, stop and kill.
//!
//! ```no_run
//! # use orm_testkit::servers::PostgresServer;
//! let mut server = PostgresServer::create();
//! server.set("max_connections", "5");
//! server.start();
//! let url = server.url();
//! server.kill();
//! ```
//!
//! The server ends with its value, and also with the process of the test, however that ends: a `static` may hold one for
//! all tests of a binary. Whatever fails here panics with what the server said, for a test without its server has failed.
//!
//! Starting and stopping block the thread, a few tenths of a second. A test on one thread does nothing else meanwhile.
#![allow(clippy::expect_used, clippy::panic, reason = "a test without its server has failed")]
#![allow(clippy::disallowed_methods, reason = "it blocks, and says so")]

mod pgbouncer;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use self::pgbouncer::PgBouncer;

/// How long a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who the server is when the tests are root's and there is no user `postgres`: it refuses to be root.
const NOBODY: Owner = Owner { user: 65534, group: 65534 };

const HOW_TO_GET_PROGRAMS: &str = "PostgreSQL's programs: install them, or name their folder in ORM_TEST_POSTGRES_BIN";

/// Becomes the server. What it leaves behind waits for a line from us: if none comes before the end, we are dead, and the
/// server has to go as well.
const BECOME_THE_SERVER: &str = r#"
    folder=$1
    shift
    exec 3<&0
    (
        {
            read -r over <&3 || {
                kill -QUIT $$
                tries=0
                while kill -0 $$; do
                    tries=$((tries + 1))
                    [ $tries -lt 100 ] || kill -KILL $$
                    sleep 0.1
                done
                rm -rf "$folder"
            } 2>/dev/null
        } &
    )
    exec 3<&-
    exec "$@" </dev/null
"#;

/// A PostgreSQL server on a port and in a folder of its own.
///
/// Its superuser is `postgres`, and needs no password. Nothing is durable: it survives [`kill`](Self::kill), but not the
/// machine's fall.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    /// Whose the folder is, if not ours.
    owner: Option<Owner>,
    port: u16,
    settings: Vec<(String, String)>,
    running: Option<Child>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl PostgresServer {
    /// Makes a server that does not run yet.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    #[must_use]
    pub fn create() -> Self {
        Self::of(programs().pop().expect(HOW_TO_GET_PROGRAMS))
    }

    /// Makes a server that can do TLS, of another version if need be: not all of PostgreSQL's packages have OpenSSL in them.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn create_with_tls() -> Self {
        let servers = programs().into_iter().rev().map(Self::of);
        let mut able = servers.filter(|server| server.setting_of_the_programs("ssl_library") == "OpenSSL");
        able.next().expect("a PostgreSQL with OpenSSL in it, as systems' packages have")
    }

    /// What the programs have for a setting when nobody sets it.
    fn setting_of_the_programs(&self, name: &str) -> String {
        let mut asking = self.command(&self.programs.join("postgres"));
        let output = asking.arg("-D").arg(self.data()).args(["-C", name]).stdin(Stdio::null()).output();
        let output = output.expect("PostgreSQL's programs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn of(programs: PathBuf) -> Self {
        let (folder, owner) = new_folder();
        let server = PostgresServer { programs, folder, owner, port: 0, settings: Vec::new(), running: None };
        let mut initdb = server.command(&server.programs.join("initdb"));
        initdb.arg("-D").arg(server.data());
        initdb.args("-U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions --wal-segsize=1".split(' '));
        let made = initdb.stdin(Stdio::null()).stdout(server.log()).stderr(server.log()).status();
        assert!(made.is_ok_and(|status| status.success()), "initdb failed: {}", server.last_words());
        server
    }

    /// Makes a server and starts it.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    #[must_use]
    pub fn run() -> Self {
        let mut server = Self::create();
        server.start();
        server
    }

    /// Gives a setting another value, from the next start on: `server.set("max_connections", "5")`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.into(), value.into()));
    }

    /// Writes a file of the data folder that only the server may read: `pg_hba.conf`, `server.key`.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).expect("a file in the server's folder");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode for the file");
        self.give_away(&path);
    }

    /// Runs SQL, a command a line, before the server is started: users that it should have.
    ///
    /// # Panics
    ///
    /// If that cannot be done. What is wrong with the SQL is in the [log](Self::log_text).
    pub fn prepare(&self, sql: &str) {
        assert!(self.running.is_none(), "the server runs already");
        let mut single = self.command(&self.programs.join("postgres"));
        single.args(["--single", "-D"]).arg(self.data()).arg("postgres");
        single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(self.log());
        let mut child = single.spawn().expect("PostgreSQL's programs");
        let written = child.stdin.take().map(|mut input| input.write_all(sql.as_bytes()));
        assert!(matches!(written, Some(Ok(()))), "the server did not read SQL: {}", self.last_words());
        assert!(child.wait().is_ok_and(|status| status.success()), "the SQL failed: {}", self.last_words());
    }

    /// Starts the server, on its port if it had one, and waits until it takes connections.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        let port = self.port;
        // Another program may take a free port between the look and the start; and a server that was killed holds its
        // memory until the last of its processes has noticed.
        for _ in 0..20 {
            if port == 0 {
                self.port = free_port();
            }
            if self.try_start() {
                return;
            }
            assert!(self.last_words().contains("in use"), "the server did not start: {}", self.last_words());
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the server did not start: {}", self.last_words());
    }

    fn try_start(&mut self) -> bool {
        let mut child = self.server_command().spawn().expect("a shell");
        let end = Instant::now() + PATIENCE;
        while !self.is_ready(child.id()) {
            if child.try_wait().expect("a process").is_some() {
                // It is tried again, in the same folder.
                dismiss(&mut child);
                return false;
            }
            assert!(Instant::now() < end, "the server takes too long to start: {}", self.last_words());
            thread::sleep(Duration::from_millis(10));
        }
        self.running = Some(child);
        true
    }

    fn server_command(&self) -> Command {
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", BECOME_THE_SERVER, "postgres"]).arg(&self.folder).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let folder = self.folder.display().to_string();
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", &folder),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ];
        let theirs = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        // A folder of ours may be closed to the server's user.
        command.current_dir("/").stdin(Stdio::piped()).stdout(self.log()).stderr(self.log());
        command
    }

    /// The server's lock file has its process in the first line, and its state in the eighth.
    fn is_ready(&self, process: u32) -> bool {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = lock.lines().map(str::trim).collect();
        lines.first().is_some_and(|first| *first == process.to_string())
            && lines.get(7).is_some_and(|state| *state == "ready" || *state == "standby")
    }

    /// Stops the server: every client is told that it ends (`57P01`), and what they had not committed is undone.
    ///
    /// # Panics
    ///
    /// If it does not stop.
    pub fn stop(&mut self) {
        self.end("INT");
    }

    /// Ends the server as a crash does: no client is told anything.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Stops the server and starts it again, on the same port.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Has the server read its files again: `pg_hba.conf`, certificates, what `ALTER SYSTEM` wrote.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    fn end(&mut self, signal: &str) {
        self.signal(signal);
        let Some(mut child) = self.running.take() else { return };
        dismiss(&mut child);
        let end = Instant::now() + PATIENCE;
        while child.try_wait().expect("a process").is_none() {
            assert!(Instant::now() < end, "the server does not stop: {}", self.last_words());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: &str) {
        let child = self.running.as_ref().expect("the server runs");
        let kill = format!("kill -{signal} {}", child.id());
        let sent = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server cannot be sent {signal}");
    }

    /// The port, also before the next start.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL for the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where its Unix socket is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it has written to its log.
    #[must_use]
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn log(&self) -> File {
        log_in(&self.folder)
    }

    fn last_words(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        run_as(self.owner, &mut command);
        command.current_dir("/");
        command
    }

    fn give_away(&self, path: &Path) {
        give_away(self.owner, path);
    }
}

/// Tells what waits beside a server that nobody need end it any more, and its folder stays: another process may get its
/// number.
fn dismiss(server: &mut Child) {
    let _gone_already = server.stdin.take().map(|mut line| line.write_all(b"over\n"));
}

fn give_away(owner: Option<Owner>, path: &Path) {
    if let Some(owner) = owner {
        chown(path, Some(owner.user), Some(owner.group)).expect("another owner for the server's file");
    }
}

fn run_as(owner: Option<Owner>, command: &mut Command) {
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
}

fn log_in(folder: &Path) -> File {
    File::options().create(true).append(true).open(folder.join("log")).expect("a log file")
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.end("QUIT");
        }
        let _left_behind = fs::remove_dir_all(&self.folder);
    }
}

/// A folder that only the server may enter, and whose it is if not ours. `./test` removes those whose tester is gone.
fn new_folder() -> (PathBuf, Option<Owner>) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = base().join(format!("orm-postgres.{}-{number}", std::process::id()));
    // Left behind by an earlier process with our number.
    let _none = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder for the server");
    fs::write(folder.join("tester"), std::process::id().to_string()).expect("a file in the server's folder");
    let we_are_root = fs::metadata(&folder).expect("the server's folder").uid() == 0;
    let owner = we_are_root.then(postgres_user);
    if let Some(owner) = owner {
        chown(&folder, Some(owner.user), Some(owner.group)).expect("another owner for the server's folder");
    }
    (folder, owner)
}

/// In memory where that is possible. Not below a home folder, which the server's user may not enter.
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let probe = memory.join(format!("orm-probe.{}", std::process::id()));
    match fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)) {
        Ok(()) => memory.into(),
        Err(_) => std::env::temp_dir(),
    }
}

fn postgres_user() -> Owner {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = |fields: &[&str], index: usize| fields.get(index).and_then(|field| field.parse().ok());
    let entry = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == "postgres");
    entry.and_then(|fields| Some(Owner { user: number(&fields, 2)?, group: number(&fields, 3)? })).unwrap_or(NOBODY)
}

/// The folders of PostgreSQL's programs, that of the version to be tested at the end: the one that `./test` names, or else
/// the newest.
fn programs() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).chain(installed()).collect();
    found.sort_by_key(|folder| version(folder));
    found.extend(std::env::var_os("ORM_TEST_POSTGRES_BIN").filter(|folder| !folder.is_empty()).map(PathBuf::from));
    found.retain(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    found
}

/// Debian and Red Hat keep the programs out of PATH.
fn installed() -> impl Iterator<Item = PathBuf> {
    let folders = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let debian = folders("/usr/lib/postgresql").map(|version| version.join("bin"));
    let red_hat = folders("/usr").filter(|folder| folder.display().to_string().starts_with("/usr/pgsql-"));
    let alpine = folders("/usr/libexec").filter(|folder| folder.display().to_string().contains("postgresql"));
    debian.chain(red_hat.map(|version| version.join("bin"))).chain(alpine)
}

/// The first number in a path, as 15 in `/usr/lib/postgresql/15/bin`.
fn version(folder: &Path) -> u32 {
    let path = folder.display().to_string();
    path.split(|letter: char| !letter.is_ascii_digit()).find_map(|digits| digits.parse().ok()).unwrap_or_default()
}

/// One that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "a test that runs itself reads it")]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn connects(server: &PostgresServer) -> bool {
        TcpStream::connect(("127.0.0.1", server.port())).is_ok()
    }

    #[test]
    fn a_server_stops_dies_and_starts_again_on_its_port() {
        let mut server = PostgresServer::create();
        server.set("cluster_name", "of its own");
        server.start();
        let port = server.port();
        assert!(connects(&server));

        server.stop();
        assert!(!connects(&server));
        server.start();
        server.kill();
        assert!(!connects(&server));
        server.start();

        assert!(connects(&server));
        assert_eq!(server.port(), port);
        let folder = server.folder().to_owned();
        drop(server);
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_that_finds_its_port_taken_starts_when_it_is_free() {
        let mut server = PostgresServer::run();
        server.stop();
        let (taken, log) = (TcpListener::bind(("127.0.0.1", server.port())), server.folder().join("log"));
        let taken = taken.expect("the port is free");
        let owner = thread::spawn(move || {
            while !fs::read_to_string(&log).expect("the server's log").contains("in use") {
                thread::sleep(Duration::from_millis(10));
            }
            drop(taken);
        });
        server.start();
        owner.join().expect("no panic");
        assert!(connects(&server));
    }

    #[test]
    fn a_server_ends_with_the_process_of_its_test() {
        const DIES: &str = "ORM_TESTKIT_DIES";
        if std::env::var_os(DIES).is_some() {
            let server = PostgresServer::run();
            println!("server={}", server.folder().display());
            std::process::abort();
        }
        let mut itself = Command::new(std::env::current_exe().expect("this program"));
        itself.args(["--exact", "servers::tests::a_server_ends_with_the_process_of_its_test", "--nocapture"]);
        let output = itself.env(DIES, "1").output().expect("it ran");

        let text = String::from_utf8(output.stdout).expect("text");
        let folder = text.lines().find_map(|line| line.split_once("server=")).expect("a server").1;
        let end = Instant::now() + PATIENCE;
        while Path::new(folder).exists() {
            assert!(Instant::now() < end, "{folder} is still there");
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!output.status.success());
    }

    #[test]
    fn a_server_with_tls_is_found() {
        let server = PostgresServer::create_with_tls();
        assert_eq!(server.setting_of_the_programs("ssl_library"), "OpenSSL");
    }

    #[test]
    fn the_newest_version_is_taken() {
        assert!(version(Path::new("/usr/lib/postgresql/15/bin")) > version(Path::new("/usr/lib/postgresql/9/bin")));
        assert_eq!(version(Path::new("/opt/bin")), 0);
    }
}
