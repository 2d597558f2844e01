//! Every object of the packs, each base before what is built on it: nothing is inflated twice, and chains take no memory.

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
    bundle: pack::Bundle,
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
        let bundle = pack::Bundle::at(index, hash).ok()?;
        let mut nodes: Vec<(u64, u32)> = (0..bundle.index.num_objects())
            .map(|position| (bundle.index.pack_offset_at_index(position), position))
            .collect();
        nodes.sort_unstable();
        let count = nodes.len();
        let mut pack = Self {
            bundle,
            nodes,
            first_child: vec![NONE; count],
            next_sibling: vec![NONE; count],
            weights: vec![1; count],
            roots: Vec::new(),
            broken: 0,
        };
        let mut bases = vec![NONE; count];
        let mut later = false;
        for (node, base) in bases.iter_mut().enumerate() {
            match pack.link(node) {
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

    fn link(&self, node: usize) -> Option<Link> {
        let (offset, _) = *self.nodes.get(node)?;
        let find = |offset: u64| {
            self.nodes
                .binary_search_by_key(&offset, |(offset, _)| *offset)
                .ok()
                .and_then(|node| u32::try_from(node).ok())
        };
        if offset >= self.bundle.pack.pack_end() as u64 {
            return None;
        }
        match self.bundle.pack.entry(offset).ok()?.header {
            Header::OfsDelta { base_distance } => {
                Some(Link::Base(find(Header::verified_base_pack_offset(offset, base_distance)?)?))
            }
            Header::RefDelta { base_id } => {
                let position = self.bundle.index.lookup(base_id)?;
                Some(Link::Base(find(self.bundle.index.pack_offset_at_index(position))?))
            }
            header @ (Header::Commit | Header::Tree | Header::Blob | Header::Tag) => header.as_kind().map(Link::Root),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn id_at(&self, position: u32) -> gix::ObjectId {
        self.bundle.index.oid_at_index(position).to_owned()
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
        let (offset, _) = *pack.nodes.get(node as usize)?;
        let entry = pack.bundle.pack.entry(offset).ok()?;
        if entry.decompressed_size > LARGEST_BASE {
            return None;
        }
        data.resize(usize::try_from(entry.decompressed_size).ok()?, 0);
        pack.bundle.pack.decompress_entry(&entry, &mut self.inflate, data).ok().map(|_| ())
    }

    fn child(&mut self, pack: &Pack, node: u32, base: &[u8], data: &mut Vec<u8>) -> Option<()> {
        let (offset, _) = *pack.nodes.get(node as usize)?;
        let entry = pack.bundle.pack.entry(offset).ok()?;
        if entry.decompressed_size > LARGEST_BASE {
            return None;
        }
        self.delta.resize(usize::try_from(entry.decompressed_size).ok()?, 0);
        pack.bundle.pack.decompress_entry(&entry, &mut self.inflate, &mut self.delta).ok()?;
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
