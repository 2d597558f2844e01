//! File names, each stored once, and which of a blob's names says most about its form.

use std::collections::HashMap;

use gix::bstr::{BString, ByteSlice as _};

use crate::detect::secrets;

#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<BString, u32>,
    names: Vec<(BString, Rank)>,
}

/// How much a name says of how to read the file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    Nothing,
    Code,
    Config,
    Env,
}

impl Names {
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(known) = self.numbers.get(name.as_bstr()) {
            return *known;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let text = name.to_str_lossy();
        let rank = if secrets::is_env_name(&text) {
            Rank::Env
        } else {
            match secrets::syntax(&text) {
                secrets::Syntax::Config | secrets::Syntax::Shell => Rank::Config,
                secrets::Syntax::Code => Rank::Code,
                secrets::Syntax::Text => Rank::Nothing,
            }
        };
        self.names.push((name.into(), rank));
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
        self.names.get(number as usize).is_some_and(|(_, rank)| *rank == Rank::Env)
    }

    /// Keeps the name that says more; of equals the first in the alphabet, so that no thread decides.
    pub(super) fn better(&self, called: &mut HashMap<u32, u32>, blob: u32, name: u32) {
        let known = called.entry(blob).or_insert(name);
        if *known != name && self.order(name) > self.order(*known) {
            *known = name;
        }
    }

    fn order(&self, number: u32) -> Option<(Rank, std::cmp::Reverse<&BString>)> {
        self.names.get(number as usize).map(|(name, rank)| (*rank, std::cmp::Reverse(name)))
    }
}
