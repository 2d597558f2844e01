//! File names, each stored once, and which of a blob's names say how it is to be read.

use std::collections::HashMap;

use gix::bstr::{BString, ByteSlice as _};

use crate::detect::secrets::{self, Reading};

#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<BString, u32>,
    names: Vec<(BString, Reading)>,
}

impl Names {
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(known) = self.numbers.get(name.as_bstr()) {
            return *known;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let reading = Reading::named(&name.to_str_lossy());
        self.names.push((name.into(), reading));
        self.numbers.insert(name.into(), number);
        number
    }

    pub(super) fn known(&self, name: &[u8]) -> Option<u32> {
        self.numbers.get(name.as_bstr()).copied()
    }

    /// Takes over the names of another list; gives the number here of each of them.
    pub(super) fn take(&mut self, others: &Self) -> Vec<u32> {
        others.names.iter().map(|(name, _)| self.number(name)).collect()
    }

    pub(super) fn bytes(&self, number: u32) -> &[u8] {
        self.names.get(number as usize).map_or(b"", |(name, _)| name)
    }

    pub(super) fn text(&self, number: u32) -> String {
        self.bytes(number).to_str_lossy().into_owned()
    }

    pub(super) fn is_env(&self, number: u32) -> bool {
        secrets::is_env_name(&self.text(number))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &BString> {
        self.names.iter().map(|(name, _)| name)
    }

    /// Notes one more name of a blob.
    pub(super) fn note(&self, called: &mut Called, blob: u32, name: u32) {
        let known = called.best.entry(blob).or_insert(name);
        if *known == name {
            return;
        }
        let other = if self.order(name) > self.order(*known) { std::mem::replace(known, name) } else { name };
        let best = *known;
        if self.reading(other) == self.reading(best) {
            return;
        }
        let others = called.others.entry(blob).or_default();
        match others.iter_mut().find(|known| self.reading(**known) == self.reading(other)) {
            Some(known) if self.order(other) > self.order(*known) => *known = other,
            Some(_) => {}
            None => others.push(other),
        }
        others.sort_unstable_by_key(|name| std::cmp::Reverse(self.order(*name)));
    }

    fn reading(&self, number: u32) -> Option<Reading> {
        self.names.get(number as usize).map(|(_, reading)| *reading)
    }

    /// What says more comes later; of equals the first in the alphabet does, so that no thread decides.
    fn order(&self, number: u32) -> Option<(u8, std::cmp::Reverse<&BString>)> {
        self.names.get(number as usize).map(|(name, reading)| (reading.weight(), std::cmp::Reverse(name)))
    }
}

/// The names of blobs, as far as they matter.
#[derive(Default)]
pub(super) struct Called {
    /// By a blob's number: the name that says most about its form.
    pub(super) best: HashMap<u32, u32>,
    /// Other names of the blob that would have it read in another way.
    pub(super) others: HashMap<u32, Vec<u32>>,
}
