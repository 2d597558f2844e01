//! Other people's servers as child processes with an empty environment: some hand theirs to anyone who asks.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with the test.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // The group: some servers leave workers behind when only they are ended. Each fails only where it has ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).stderr(Stdio::null()).status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts `program` and waits until every port takes connections.
    #[track_caller]
    pub(crate) fn start(
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
        ports: &[u16],
    ) -> Self {
        Self::start_within(Duration::from_secs(20), program, arguments, environment, log, ports)
    }

    /// The same for programs that import half a world before they listen.
    #[track_caller]
    pub(crate) fn start_slowly(
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
        ports: &[u16],
    ) -> Self {
        Self::start_within(Duration::from_mins(2), program, arguments, environment, log, ports)
    }

    #[track_caller]
    fn start_within(
        patience: Duration,
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
        ports: &[u16],
    ) -> Self {
        let log = std::fs::File::create(log).expect("the log is made");
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start ({error}); tests/run installs what is missing"));
        let server = Self(child);
        for port in ports {
            wait_for(*port, patience);
        }
        server
    }
}

#[track_caller]
fn wait_for(port: u16, patience: Duration) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < patience, "nothing listens on 127.0.0.1:{port} after {} s", patience.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nothing listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// A script of `tests/real/node/`, or a file of an installed package there.
pub(crate) fn node(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/node").join(file);
    assert!(path.exists(), "{} is missing: run tests/run, which installs the npm packages", path.display());
    path.to_string_lossy().into_owned()
}

/// The Python that `tests/run` fills with the packages of `tests/real/python/`.
pub(crate) fn python() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    assert!(path.exists(), "{} is missing: run tests/run, which installs the Python packages", path.display());
    path.to_string_lossy().into_owned()
}
