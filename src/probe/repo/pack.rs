//! Every object of the packs, each base before what is built on it: nothing is inflated twice, and chains take no memory.

use std::fs::File;
use std::path::Path;

use gix::objs::Kind;
use gix::odb::pack;
use gix::odb::pack::data::entry::Header;

use super::Budget;
use super::delta::{self, Copied};
use super::parallel::each;

/// An object at most; what is larger is neither read nor taken as a base.
const LARGEST_BASE: u64 = 256 * 1024 * 1024;

const NONE: u32 = u32::MAX;

/// One pack and the forest of its deltas. A node is a place in the order of the offsets.
pub(super) struct Pack {
    index: pack::index::File,
    data: Data,
    hash: gix::hash::Kind,
    /// Offset and place in the index, by offset.
    nodes: Vec<(u64, u32)>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    /// The node itself and all below it.
    weights: Vec<u32>,
    roots: Vec<(u32, Kind)>,
    /// Nodes whose header or base cannot be read.
    pub(super) broken: u32,
}

impl Pack {
    pub(super) fn open(index: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let data = Data::open(&index.with_extension("pack"), hash)?;
        let index = pack::index::File::at(index, hash).ok()?;
        let mut nodes: Vec<(u64, u32)> =
            (0..index.num_objects()).map(|position| (index.pack_offset_at_index(position), position)).collect();
        nodes.sort_unstable();
        let count = nodes.len();
        let mut pack = Self {
            index,
            data,
            hash,
            nodes,
            first_child: vec![NONE; count],
            next_sibling: vec![NONE; count],
            weights: vec![1; count],
            roots: Vec::new(),
            broken: 0,
        };
        let mut bases = vec![NONE; count];
        let mut later = false;
        let mut headers = Headers::default();
        for (node, base) in bases.iter_mut().enumerate() {
            match pack.link(node, &mut headers) {
                Some(Link::Root(kind)) => pack.roots.push((u32::try_from(node).unwrap_or(NONE), kind)),
                Some(Link::Base(known)) => {
                    *base = known;
                    later |= known as usize >= node;
                }
                None => pack.broken += 1,
            }
        }
        for node in (0..count).rev() {
            if let Some(base) = bases.get(node).copied().filter(|base| *base != NONE) {
                let number = u32::try_from(node).unwrap_or(NONE);
                if let (Some(next), Some(first)) =
                    (pack.next_sibling.get_mut(node), pack.first_child.get_mut(base as usize))
                {
                    *next = std::mem::replace(first, number);
                }
                // Bases stand before what is built on them, but for rare ones named by their id.
                if !later {
                    let weight = pack.weights.get(node).copied().unwrap_or(1);
                    if let Some(sum) = pack.weights.get_mut(base as usize) {
                        *sum += weight;
                    }
                }
            }
        }
        Some(pack)
    }

    fn link(&self, node: usize, headers: &mut Headers) -> Option<Link> {
        let (offset, _) = *self.nodes.get(node)?;
        let find = |offset: u64| {
            self.nodes
                .binary_search_by_key(&offset, |(offset, _)| *offset)
                .ok()
                .and_then(|node| u32::try_from(node).ok())
        };
        let bytes = headers.at(&self.data, offset)?;
        match pack::data::Entry::from_bytes(bytes, offset, self.hash).ok()?.header {
            Header::OfsDelta { base_distance } => {
                Some(Link::Base(find(Header::verified_base_pack_offset(offset, base_distance)?)?))
            }
            Header::RefDelta { base_id } => {
                let position = self.index.lookup(base_id)?;
                Some(Link::Base(find(self.index.pack_offset_at_index(position))?))
            }
            header @ (Header::Commit | Header::Tree | Header::Blob | Header::Tag) => header.as_kind().map(Link::Root),
        }
    }

    /// The header of an entry, and its compressed bytes, which `bytes` takes.
    fn entry(&self, node: u32, bytes: &mut Vec<u8>) -> Option<pack::data::Entry> {
        let (offset, _) = *self.nodes.get(node as usize)?;
        let end = self.nodes.get(node as usize + 1).map_or(self.data.end, |(next, _)| *next);
        let length = end.checked_sub(offset).filter(|length| *length <= LARGEST_BASE)?;
        bytes.resize(usize::try_from(length).ok()?, 0);
        self.data.read(bytes, offset)?;
        let entry = pack::data::Entry::from_bytes(bytes, offset, self.hash).ok()?;
        (entry.decompressed_size <= LARGEST_BASE).then_some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn id_at(&self, position: u32) -> gix::ObjectId {
        self.index.oid_at_index(position).to_owned()
    }

    pub(super) fn roots(&self) -> &[(u32, Kind)] {
        &self.roots
    }

    fn children(&self, node: usize) -> impl Iterator<Item = u32> {
        let first = self.first_child.get(node).copied().filter(|child| *child != NONE);
        std::iter::successors(first, |child| {
            self.next_sibling.get(*child as usize).copied().filter(|child| *child != NONE)
        })
    }
}

/// The file of a pack. It is read piece by piece: mapped into memory, a large one would count as memory in use, and one
/// that shrinks meanwhile would end the process.
struct Data {
    file: File,
    /// Where the objects end and the checksum begins.
    end: u64,
}

impl Data {
    fn open(path: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let file = File::open(path).ok()?;
        let end = file.metadata().ok()?.len().checked_sub(hash.len_in_bytes() as u64)?;
        let data = Self { file, end };
        let mut head = [0; 4];
        data.read(&mut head, 0)?;
        // gitformat-pack(5): the signature of every version.
        (&head == b"PACK").then_some(data)
    }

    #[cfg(unix)]
    fn read(&self, bytes: &mut [u8], at: u64) -> Option<()> {
        use std::os::unix::fs::FileExt as _;
        self.file.read_exact_at(bytes, at).ok()
    }

    #[cfg(windows)]
    fn read(&self, mut bytes: &mut [u8], mut at: u64) -> Option<()> {
        use std::os::windows::fs::FileExt as _;
        while !bytes.is_empty() {
            let length = self.file.seek_read(bytes, at).ok().filter(|length| *length > 0)?;
            bytes = bytes.get_mut(length..)?;
            at += length as u64;
        }
        Some(())
    }
}

/// A window over the pack, for the headers of one entry after the other.
#[derive(Default)]
struct Headers {
    window: Vec<u8>,
    from: u64,
}

impl Headers {
    /// A header is shorter: ten bytes of size, and the longest name of a base (gitformat-pack(5)).
    const LONGEST: u64 = 64;
    const WINDOW: u64 = 1 << 20;

    fn at(&mut self, data: &Data, offset: u64) -> Option<&[u8]> {
        let end = data.end.min(offset + Self::LONGEST);
        if offset >= end {
            return None;
        }
        if offset < self.from || end > self.from + self.window.len() as u64 {
            self.window.resize(usize::try_from(Self::WINDOW.min(data.end - offset)).ok()?, 0);
            self.from = offset;
            if data.read(&mut self.window, offset).is_none() {
                self.window.clear();
                return None;
            }
        }
        self.window.get(usize::try_from(offset - self.from).ok()?..usize::try_from(end - self.from).ok()?)
    }
}

enum Link {
    Root(Kind),
    Base(u32),
}

/// One object on its way past a visitor.
pub(super) struct Passing<'a, S> {
    /// Which pack, and the place in its index.
    pub(super) pack: usize,
    pub(super) position: u32,
    /// The root of its family.
    pub(super) root: u32,
    pub(super) kind: Kind,
    pub(super) data: &'a [u8],
    /// What the visitor made of the base, and what of the base stands in here.
    pub(super) base: Option<(&'a S, &'a [Copied])>,
}

/// Looks at objects as they pass.
pub(super) trait Visit {
    /// What it remembers of an object while others are built on it.
    type State;

    fn visit(&mut self, passing: &Passing<'_, Self::State>) -> Self::State;

    /// An object, or one that it is built on, cannot be read.
    fn unreadable(&mut self, pack: usize, position: u32);
}

/// A family to be walked: the pack, its root.
pub(super) type Family = (usize, u32, Kind);

/// What one walk goes over.
pub(super) struct Course<'a> {
    pub(super) packs: &'a [Pack],
    pub(super) families: &'a [Family],
    pub(super) budget: &'a Budget,
}

impl Course<'_> {
    /// Walks all families on all cores; gives the visitors back, and whether the walk was cut short.
    pub(super) fn walk<V: Visit<State: Send> + Send>(&self, visitor: impl Fn() -> V + Sync) -> (Vec<V>, bool) {
        const STRETCH: usize = 16;
        let (walkers, cut_short) = each(
            self.families.len(),
            STRETCH,
            self.budget,
            || Walker::new(self, visitor()),
            |walker, number| {
                if let Some(family) = self.families.get(number) {
                    walker.family(*family);
                }
            },
        );
        let cut_short = cut_short || walkers.iter().any(|walker| walker.cut_short);
        (walkers.into_iter().map(|walker| walker.visitor).collect(), cut_short)
    }
}

struct Walker<'a, V: Visit> {
    course: &'a Course<'a>,
    visitor: V,
    inflate: gix::zlib::Inflate,
    packed: Vec<u8>,
    delta: Vec<u8>,
    copies: Vec<Copied>,
    /// Buffers that wait for their next object.
    spare: Vec<Vec<u8>>,
    stack: Vec<Frame<V::State>>,
    cut_short: bool,
}

/// An object whose children are still to come.
struct Frame<S> {
    data: Vec<u8>,
    state: S,
    /// The next one last, the heaviest first: its base is let go before it begins, so that long chains hold one object.
    children: Vec<u32>,
}

/// Buffers that are kept at most, and the largest that is.
const SPARE: usize = 8;
const SPARE_BYTES: usize = 4 * 1024 * 1024;

impl<'a, V: Visit> Walker<'a, V> {
    fn new(course: &'a Course<'a>, visitor: V) -> Self {
        Self {
            course,
            visitor,
            inflate: gix::zlib::Inflate::default(),
            packed: Vec::new(),
            delta: Vec::new(),
            copies: Vec::new(),
            spare: Vec::new(),
            stack: Vec::new(),
            cut_short: false,
        }
    }

    fn family(&mut self, (number, root, kind): Family) {
        let course = self.course;
        let Some(pack) = course.packs.get(number) else { return };
        if self.spent() {
            return;
        }
        let mut data = self.buffer();
        if self.root(pack, root, &mut data).is_none() {
            self.spare(data);
            self.lost(pack, number, root);
            return;
        }
        self.pass(pack, number, root, (root, kind), data, None);
        while let Some(mut base) = self.stack.pop() {
            if self.spent() {
                self.stack.clear();
                return;
            }
            let Some(node) = base.children.pop() else {
                self.spare(base.data);
                continue;
            };
            let mut data = self.buffer();
            let built = self.child(pack, node, &base.data, &mut data);
            if built.is_none() {
                self.spare(data);
                self.lost(pack, number, node);
                self.stack.push(base);
                continue;
            }
            if base.children.is_empty() {
                let Frame { data: old, state, .. } = base;
                self.spare(old);
                self.pass(pack, number, root, (node, kind), data, Some(&state));
            } else {
                let at = self.stack.len();
                self.pass(pack, number, root, (node, kind), data, Some(&base.state));
                // Below its child, which comes first.
                self.stack.insert(at, base);
            }
        }
    }

    /// Shows an object to the visitor, and keeps it if others are built on it.
    fn pass(
        &mut self,
        pack: &Pack,
        number: usize,
        root: u32,
        (node, kind): (u32, Kind),
        data: Vec<u8>,
        base: Option<&V::State>,
    ) {
        let position = pack.nodes.get(node as usize).map_or(0, |(_, position)| *position);
        let copies = std::mem::take(&mut self.copies);
        let state = self.visitor.visit(&Passing {
            pack: number,
            position,
            root,
            kind,
            data: &data,
            base: base.map(|state| (state, copies.as_slice())),
        });
        self.copies = copies;
        let mut children: Vec<u32> = pack.children(node as usize).collect();
        if children.is_empty() {
            self.spare(data);
            return;
        }
        children.sort_by_key(|child| std::cmp::Reverse(pack.weights.get(*child as usize).copied().unwrap_or(0)));
        self.stack.push(Frame { data, state, children });
    }

    fn root(&mut self, pack: &Pack, node: u32, data: &mut Vec<u8>) -> Option<()> {
        let entry = pack.entry(node, &mut self.packed)?;
        data.resize(usize::try_from(entry.decompressed_size).ok()?, 0);
        inflate(&mut self.inflate, self.packed.get(entry.header_size()..)?, data)
    }

    fn child(&mut self, pack: &Pack, node: u32, base: &[u8], data: &mut Vec<u8>) -> Option<()> {
        let entry = pack.entry(node, &mut self.packed)?;
        self.delta.resize(usize::try_from(entry.decompressed_size).ok()?, 0);
        inflate(&mut self.inflate, self.packed.get(entry.header_size()..)?, &mut self.delta)?;
        let (base_size, size, at) = delta::sizes(&self.delta)?;
        if base_size != base.len() as u64 || size > LARGEST_BASE {
            return None;
        }
        let size = usize::try_from(size).ok()?;
        data.clear();
        data.reserve(size);
        delta::apply(base, self.delta.get(at..)?, data, &mut self.copies)?;
        (data.len() == size).then_some(())
    }

    /// The node and all that is built on it.
    fn lost(&mut self, pack: &Pack, number: usize, node: u32) {
        let mut pending = vec![node];
        while let Some(node) = pending.pop() {
            if let Some((_, position)) = pack.nodes.get(node as usize) {
                self.visitor.unreadable(number, *position);
            }
            pending.extend(pack.children(node as usize));
        }
    }

    fn spent(&mut self) -> bool {
        self.cut_short = self.cut_short || self.course.budget.is_spent();
        self.cut_short
    }

    fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn spare(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE && buffer.capacity() <= SPARE_BYTES {
            self.spare.push(buffer);
        }
    }
}

/// Fills `data` whole, or says that it cannot.
fn inflate(inflate: &mut gix::zlib::Inflate, packed: &[u8], data: &mut [u8]) -> Option<()> {
    inflate.reset();
    let (status, _, written) = inflate.once(packed, data).ok()?;
    (status == gix::zlib::Status::StreamEnd && written == data.len()).then_some(())
}
