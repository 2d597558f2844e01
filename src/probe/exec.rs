//! Runs the user's own checks: no shell, no environment, no input, an empty folder, a process group that ends with it,
//! a deadline and a bound on what it says.

use std::path::Path;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::{Sink, World};
use crate::evidence::Unseen;
use crate::evidence::exec::{Exec, Said};
use crate::target::Target;

/// Bytes of output at most.
const OUTPUT: usize = 64 * 1024;
/// Programs at a time.
const ABREAST: usize = 4;
/// A program that is pinned has so many bytes at most.
const PROGRAM: u64 = 256 * 1024 * 1024;

pub(super) async fn answer(world: &World, target: &Target, asks: Vec<Exec>, sink: &Sink) {
    futures_util::stream::iter(asks)
        .for_each_concurrent(ABREAST, |ask| async move {
            // Fetched so that it is masked in whatever the program says; a target without one has nothing to mask.
            let _ = world.vault.token(target).await;
            let mut said = run(&ask).await;
            if let Ok(said) = &mut said {
                said.output = world.vault.masked(&said.output);
            }
            sink.put(&ask, said);
        })
        .await;
}

async fn run(ask: &Exec) -> Result<Said, Unseen> {
    let Some((program, arguments)) = ask.command.split_first() else {
        return Err(Unseen::NotConfigured(format!("{} names no program", ask.id)));
    };
    if let Some(pin) = &ask.sha256 {
        let program = program.clone();
        let pin = pin.clone();
        let checked = tokio::task::spawn_blocking(move || pinned(Path::new(&program), &pin)).await;
        checked.unwrap_or_else(|_| Err(Unseen::Bug("the pin was not compared".into())))?;
    }
    let folder = tempfile::tempdir().map_err(|error| {
        Unseen::NotConfigured(format!("no empty folder could be made to run {program} in: {error}"))
    })?;
    let deadline = ask.deadline.duration();
    tokio::time::timeout(deadline, running::to_its_end(program, arguments, folder.path(), deadline))
        .await
        .map_err(|_| Unseen::TimedOut(format!("{program}: no end in {}; it was ended", ask.deadline)))?
}

fn pinned(program: &Path, pin: &str) -> Result<(), Unseen> {
    let unread = |why: String| Unseen::NotAllowed(format!("{} is pinned and cannot be read: {why}", program.display()));
    let size = std::fs::metadata(program).map_err(|error| unread(error.to_string()))?.len();
    if size > PROGRAM {
        return Err(unread(format!("{size} bytes")));
    }
    let bytes = std::fs::read(program).map_err(|error| unread(error.to_string()))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == pin {
        return Ok(());
    }
    Err(Unseen::NotAllowed(format!(
        "{} is not the program that the policy pins: its SHA-256 is {found}",
        program.display()
    )))
}

#[cfg(unix)]
mod running {
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::Path;
    use std::process::Stdio;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    use tokio::io::AsyncReadExt as _;

    use super::OUTPUT;
    use crate::evidence::Unseen;
    use crate::evidence::exec::{Ending, Said};

    /// Open files, bytes of memory that is written to, and bytes of one file at most; no core dumps, which would keep
    /// what the program knew.
    #[cfg(target_os = "linux")]
    fn bound(pid: Pid, deadline: Duration) {
        use rustix::process::{Resource, Rlimit, prlimit};
        for (resource, most) in [
            (Resource::Core, 0),
            (Resource::Nofile, 256),
            (Resource::Data, 2 * 1024 * 1024 * 1024),
            (Resource::Fsize, 64 * 1024 * 1024),
            // Beside the deadline, which ends it sooner: for children that left the group.
            (Resource::Cpu, deadline.as_secs() + 2),
        ] {
            // A program that has ended already needs no bound.
            let _ = prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) });
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn bound(_pid: Pid, _deadline: Duration) {}

    /// Between two looks at whether the program has ended.
    const LOOK: Duration = Duration::from_millis(5);

    /// Ends whatever the program started, however this future ends. It must go before the child is reaped: until then
    /// its number, and so its group's, belongs to nobody else.
    struct Group(Option<Pid>);

    impl Group {
        fn end(&mut self) {
            if let Some(group) = self.0.take() {
                // Where nothing of the group is left there is nothing to end.
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            self.end();
        }
    }

    pub(super) async fn to_its_end(
        program: &str,
        arguments: &[String],
        folder: &Path,
        deadline: Duration,
    ) -> Result<Said, Unseen> {
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Unseen::NotConfigured(format!("{program} cannot be run: {error}")))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // Dropped before `child`, since it is declared after it.
        let mut group = Group(pid);
        let (Some(pid), Some(mut pipe)) = (pid, child.stdout.take()) else {
            return Err(Unseen::Bug(format!("{program} was started without a number or an output")));
        };
        bound(pid, deadline);
        let mut output = Vec::new();
        let mut chunk = vec![0; 8192];
        loop {
            let read = pipe.read(&mut chunk).await.map_err(|error| Unseen::Malformed(format!("{program}: {error}")))?;
            if read == 0 {
                break;
            }
            output.extend_from_slice(chunk.get(..read).unwrap_or_default());
            if output.len() > OUTPUT {
                return Err(Unseen::OverBudget(format!("{program} said more than {OUTPUT} bytes; it was ended")));
            }
        }
        // Looked at without reaping, so that the group can still be ended safely afterwards.
        while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG)
            .is_ok_and(|ended| ended.is_none())
        {
            tokio::time::sleep(LOOK).await;
        }
        group.end();
        let status = child.wait().await.map_err(|error| Unseen::Malformed(format!("{program}: {error}")))?;
        let ending = match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, Some(signal)) => Ending::Signalled(signal),
            (None, None) => return Err(Unseen::Malformed(format!("{program} ended without a code"))),
        };
        Ok(Said { ending, output: String::from_utf8_lossy(&output).into_owned() })
    }
}

#[cfg(not(unix))]
mod running {
    use std::path::Path;

    use crate::evidence::Unseen;
    use crate::evidence::exec::Said;

    #[expect(clippy::unused_async, reason = "the same shape as where process groups exist")]
    pub(super) async fn to_its_end(
        program: &str,
        _arguments: &[String],
        _folder: &Path,
        _deadline: std::time::Duration,
    ) -> Result<Said, Unseen> {
        Err(Unseen::NotAllowed(format!("{program}: without process groups it could not be ended for sure")))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::evidence::exec::Ending;
    use crate::period::Period;

    fn ask(command: &[&str]) -> Exec {
        Exec {
            id: "own".into(),
            command: command.iter().map(ToString::to_string).collect(),
            deadline: Period::millis(1500),
            sha256: None,
        }
    }

    #[tokio::test]
    async fn a_program_finds_no_environment_no_input_and_an_empty_folder() {
        let said = run(&ask(&[
            "/bin/sh",
            "-c",
            "/usr/bin/env | /bin/grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=; /bin/ls -A; /bin/cat; exit 3",
        ]))
        .await
        .unwrap();
        assert_eq!(said, Said { ending: Ending::Exited(3), output: String::new() });
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn memory_files_and_cores_are_bounded() {
        // The bounds come right after the start, so the program waits for them.
        let said = run(&ask(&["/bin/sh", "-c", "/bin/sleep 0.3; ulimit -d; ulimit -n; ulimit -c; ulimit -f"])).await;
        // Kilobytes, files, and blocks of 512 bytes.
        assert_eq!(said.unwrap().output, "2097152\n256\n0\n131072\n");
    }

    #[tokio::test]
    async fn arguments_meet_no_shell() {
        let said = run(&ask(&["/bin/echo", "$HOME; `id` > x"])).await.unwrap();
        assert_eq!(said.output, "$HOME; `id` > x\n");
    }

    #[tokio::test]
    async fn the_deadline_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(/bin/sleep 3; echo late > {}) & /bin/sleep 60", mark.display());
        let unseen = run(&ask(&["/bin/sh", "-c", &script])).await.unwrap_err();
        assert!(matches!(unseen, Unseen::TimedOut(_)), "{unseen}");
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        assert!(!mark.exists(), "a child of the program outlived it");
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(/bin/sleep 1; echo late > {}) >/dev/null 2>&1 & echo done", mark.display());
        let said = run(&ask(&["/bin/sh", "-c", &script])).await.unwrap();
        assert_eq!(said.ending, Ending::Exited(0));
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        assert!(!mark.exists(), "a child of the program outlived it");
    }

    #[tokio::test]
    async fn endless_output_a_signal_a_missing_program_and_a_wrong_pin_are_not_seen() {
        assert!(matches!(run(&ask(&["/usr/bin/yes"])).await, Err(Unseen::OverBudget(_))));
        let said = run(&ask(&["/bin/sh", "-c", "kill -9 $$"])).await.unwrap();
        assert_eq!(said.ending, Ending::Signalled(9));
        assert!(matches!(run(&ask(&["/no/such/program"])).await, Err(Unseen::NotConfigured(_))));
        let pinned = Exec { sha256: Some("0".repeat(64)), ..ask(&["/bin/true"]) };
        assert!(matches!(run(&pinned).await, Err(Unseen::NotAllowed(_))));
    }
}
