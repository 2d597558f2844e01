//! Other people's servers as child processes with an empty environment: some hand theirs to anyone who asks.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(2);

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
    /// Starts `program` and waits until every port takes connections. Two minutes: some import half a world before they listen.
    #[track_caller]
    pub(crate) fn start(
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
        let mut server = Self(child);
        for port in ports {
            server.wait_for(*port);
        }
        server
    }

    /// A server that ended at once is not waited for.
    #[track_caller]
    fn wait_for(&mut self, port: u16) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = self.0.try_wait() {
                panic!("the server that was to listen on 127.0.0.1:{port} ended: {status}");
            }
            assert!(begun.elapsed() < PATIENCE, "nothing listens on 127.0.0.1:{port} after {} s", PATIENCE.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
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
