//! Text that a policy or a register is read from: a regular file, opened without waiting, and bounded.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Whether the last part of a path may be a symlink.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Links {
    Followed,
    Refused,
}

/// The text of a regular file of at most `most` bytes. A FIFO would be waited for without end, a device has no end.
pub fn text(path: &Path, links: Links, most: u64) -> io::Result<String> {
    let mut text = String::new();
    open(path, links)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {} KiB", most >> 10)));
    }
    Ok(text)
}

/// A regular file, opened for reading.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    let known = match links {
        Links::Followed => path.metadata()?,
        Links::Refused => path.symlink_metadata()?,
    };
    if known.is_symlink() {
        return Err(io::Error::other("it is a symlink"));
    }
    if !known.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    without_waiting(&mut options, links);
    let file = options.open(path)?;
    // What was looked at may have been replaced before it was opened.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

#[cfg(unix)]
fn without_waiting(options: &mut std::fs::OpenOptions, links: Links) {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let flags = match links {
        Links::Followed => OFlags::NONBLOCK,
        Links::Refused => OFlags::NONBLOCK | OFlags::NOFOLLOW,
    };
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn without_waiting(_: &mut std::fs::OpenOptions, _: Links) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_device_and_a_folder_are_refused_at_once_and_a_symlink_where_none_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [folder.path(), Path::new("/dev/zero")] {
            assert!(text(path, Links::Followed, 10).unwrap_err().to_string().contains("no regular file"));
        }
        assert!(text(&link, Links::Refused, 10).unwrap_err().to_string().contains("symlink"));
        assert_eq!(text(&link, Links::Followed, 10).unwrap(), "text");
        assert_eq!(text(&file, Links::Refused, 4).unwrap(), "text");
        assert!(text(&file, Links::Refused, 3).is_err());
    }
}
