//! A crash leaves no memory behind: the deployment's token is in it.

/// No core file, and on Linux no reading of this process's memory by others of the same user (`prctl(2)`,
/// PR_SET_DUMPABLE). Where the system does not allow it, the audit goes on: it is a second line, not the first.
#[cfg(unix)]
pub(super) fn forbid() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(unix))]
pub(super) fn forbid() {}
