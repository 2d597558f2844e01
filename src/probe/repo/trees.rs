//! Reads trees by what is new in them: an entry that a tree shares with the one it is built on is read once.

use gix::objs::tree::EntryKind;

use super::delta::Copied;

/// An entry that matters, wherever it stands in its tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) name: u32,
    pub(super) object: u32,
}

/// Where the entries of a tree begin, its end last; and those that matter, with where they begin.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Read {
    bounds: Vec<u32>,
    pub(super) marks: Vec<(u32, Mark)>,
}

/// One entry as it is written.
pub(super) struct Entry<'a> {
    pub(super) kind: EntryKind,
    pub(super) name: &'a [u8],
    pub(super) id: &'a [u8],
}

/// Reads a tree. `fresh` sees each entry that is not the base's, and says which of them matter. `None`: it is broken.
pub(super) fn read(
    data: &[u8],
    hash: gix::hash::Kind,
    base: Option<(&Read, &[Copied])>,
    mut fresh: impl FnMut(&Entry<'_>) -> Option<Mark>,
) -> Option<Read> {
    let mut read = Read::default();
    let (known, mut copies) = base.map_or((None, [].as_slice()), |(known, copies)| (Some(known), copies));
    let mut at = 0;
    while at < data.len() {
        while let Some((first, rest)) = copies.split_first()
            && first.end() <= at
        {
            copies = rest;
        }
        if let (Some(known), Some(copied)) = (known, copies.first().filter(|copied| copied.at <= at))
            && let Some(length) = read.take(known, copied, at)
        {
            at += length;
            continue;
        }
        let (entry, length) = entry(data.get(at..)?, hash.len_in_bytes())?;
        let here = u32::try_from(at).ok()?;
        read.bounds.push(here);
        if let Some(mark) = fresh(&entry) {
            read.marks.push((here, mark));
        }
        at += length;
    }
    read.bounds.push(u32::try_from(data.len()).ok()?);
    Some(read)
}

impl Read {
    /// Takes over the entries that lie whole in the copied stretch, from `at` on; gives their length.
    fn take(&mut self, known: &Self, copied: &Copied, at: usize) -> Option<usize> {
        let from = u32::try_from(copied.from + (at - copied.at)).ok()?;
        let until = u32::try_from(copied.from + copied.length).ok()?;
        let first = known.bounds.binary_search(&from).ok()?;
        let last = known.bounds.partition_point(|bound| *bound <= until).checked_sub(1)?;
        let end = *known.bounds.get(last)?;
        if last <= first {
            return None;
        }
        let at = u32::try_from(at).ok()?;
        self.bounds.extend(known.bounds.get(first..last)?.iter().map(|bound| bound - from + at));
        let marks = known.marks.partition_point(|(bound, _)| *bound < from)
            ..known.marks.partition_point(|(bound, _)| *bound < end);
        self.marks.extend(known.marks.get(marks)?.iter().map(|(bound, mark)| (bound - from + at, *mark)));
        usize::try_from(end - from).ok()
    }
}

/// `MODE NAME\0ID`, and its length.
fn entry(data: &[u8], id: usize) -> Option<(Entry<'_>, usize)> {
    let space = data.iter().take(8).position(|byte| *byte == b' ')?;
    let rest = data.get(space + 1..)?;
    let end = gix::bstr::ByteSlice::find_byte(rest, 0)?;
    let kind = match data.get(..space)? {
        b"40000" | b"040000" => EntryKind::Tree,
        b"120000" => EntryKind::Link,
        b"160000" => EntryKind::Commit,
        // Old git wrote other modes of files, too.
        mode if mode.starts_with(b"100") => EntryKind::Blob,
        _ => return None,
    };
    let id = rest.get(end + 1..end + 1 + id)?;
    let length = space + 1 + end + 1 + id.len();
    Some((Entry { kind, name: rest.get(..end)?, id }, length))
}

#[cfg(test)]
mod tests {
    use super::super::delta::apply;
    use super::*;

    fn tree(entries: &[(&str, u8)]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|(name, id)| [format!("100644 {name}\0").into_bytes(), vec![*id; 20]].concat())
            .collect()
    }

    #[test]
    fn a_tree_built_on_another_reads_the_same_with_fewer_entries_read() {
        let base = tree(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        let one = tree(&[("a", 1)]).len();
        // All but the id of `b`.
        let head = u8::try_from(one + 9).unwrap();
        let mut delta = vec![0x90, head, 20];
        delta.extend([9; 20]);
        delta.extend([0x91, u8::try_from(2 * one).unwrap(), u8::try_from(2 * one).unwrap()]);
        let (mut data, mut copies) = (Vec::with_capacity(base.len()), Vec::new());
        apply(&base, &delta, &mut data, &mut copies).unwrap();
        assert_eq!(data, tree(&[("a", 1), ("b", 9), ("c", 3), ("d", 4)]));
        let mark = |entry: &Entry<'_>| Some(Mark { name: u32::from(entry.name[0]), object: u32::from(entry.id[0]) });
        let known = read(&base, gix::hash::Kind::Sha1, None, mark).unwrap();
        let mut names = Vec::new();
        let by_delta = read(&data, gix::hash::Kind::Sha1, Some((&known, &copies)), |entry| {
            names.push(entry.name.to_vec());
            mark(entry)
        });
        assert_eq!(by_delta, read(&data, gix::hash::Kind::Sha1, None, mark));
        assert_eq!(names, [b"b"]);
    }

    #[test]
    fn a_broken_tree_is_said_to_be_broken() {
        for data in [&b"100644 a"[..], b"100644 a\0short", b"nonsense x\0", b"777 a\0aaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(read(data, gix::hash::Kind::Sha1, None, |_| None), None);
        }
    }
}
