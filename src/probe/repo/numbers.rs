//! Every object that is there has a number; so has every one that is named and not there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use gix::ObjectId;

use super::open::Opened;
use super::pack::Pack;
use crate::evidence::Unseen;

/// All objects of a repository: in packs, loose, and in the stores it borrows from.
pub(super) struct Store {
    pub(super) packs: Vec<Pack>,
    pub(super) loose: Vec<(gix::odb::loose::Store, ObjectId)>,
    pub(super) numbers: Numbers,
    /// Packs and listings that cannot be read.
    pub(super) broken: u32,
    /// The number of each place in each pack's index; `NOT_FIRST` is set where another pack has the object, too.
    places: Vec<Vec<u32>>,
}

const NOT_FIRST: u32 = 1 << 31;

impl Store {
    pub(super) fn open(opened: &Opened) -> Result<Self, Unseen> {
        let hash = opened.repo.object_hash();
        let odb = opened.repo.objects.store_ref();
        let mut folders = vec![odb.path().to_owned()];
        folders.extend(odb.alternate_db_paths().map_err(|error| {
            Unseen::Malformed(format!("the objects cannot be listed: {}", super::bounded(&error.to_string(), 200)))
        })?);
        let (mut packs, mut loose, mut broken) = (Vec::new(), Vec::new(), 0);
        for folder in &folders {
            for index in indexes(folder, &mut broken) {
                match Pack::open(&index, hash) {
                    Some(pack) => {
                        broken += pack.broken;
                        packs.push(pack);
                    }
                    None => broken += 1,
                }
            }
            let store = gix::odb::loose::Store::at(folder, hash);
            for id in store.iter() {
                match id {
                    Ok(id) => loose.push((store.clone(), id)),
                    Err(_) => broken += 1,
                }
            }
        }
        let mut ids: Vec<ObjectId> = Vec::with_capacity(packs.iter().map(Pack::len).sum::<usize>() + loose.len());
        for pack in &packs {
            ids.extend((0..u32::try_from(pack.len()).unwrap_or(u32::MAX)).map(|position| pack.id_at(position)));
        }
        ids.extend(loose.iter().map(|(_, id)| *id));
        ids.sort_unstable();
        ids.dedup();
        if ids.len() >= NOT_FIRST as usize {
            return Err(Unseen::OverBudget("more than two thousand million objects".into()));
        }
        let numbers = Numbers::of(ids);
        let mut claimed = vec![false; numbers.len()];
        let mut claim = |id: &ObjectId| {
            let number = numbers.present(id).unwrap_or(0);
            match claimed.get_mut(number as usize) {
                Some(claimed) if !*claimed => {
                    *claimed = true;
                    number
                }
                Some(_) | None => number | NOT_FIRST,
            }
        };
        let places = packs
            .iter()
            .map(|pack| {
                (0..u32::try_from(pack.len()).unwrap_or(u32::MAX))
                    .map(|position| claim(&pack.id_at(position)))
                    .collect()
            })
            .collect();
        loose.retain(|(_, id)| claim(id) & NOT_FIRST == 0);
        Ok(Self { packs, loose, numbers, broken, places })
    }

    /// The number of a packed object; `None` where it was read from another pack.
    pub(super) fn number(&self, pack: usize, position: u32) -> Option<u32> {
        let number = *self.places.get(pack)?.get(position as usize)?;
        (number & NOT_FIRST == 0).then_some(number)
    }

    /// The number of a packed object, wherever it is read.
    pub(super) fn any_number(&self, pack: usize, position: u32) -> Option<u32> {
        Some(*self.places.get(pack)?.get(position as usize)? & !NOT_FIRST)
    }
}

fn indexes(objects: &Path, broken: &mut u32) -> Vec<PathBuf> {
    let listing = match std::fs::read_dir(objects.join("pack")) {
        Ok(listing) => listing,
        Err(error) => {
            *broken += u32::from(error.kind() != std::io::ErrorKind::NotFound);
            return Vec::new();
        }
    };
    let mut indexes = Vec::new();
    for entry in listing {
        let Ok(entry) = entry else {
            *broken += 1;
            continue;
        };
        let path = entry.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("idx") => indexes.push(path),
            // A pack without its index: git does not see what is in it, and neither do we.
            Some("pack") if !path.with_extension("idx").exists() => *broken += 1,
            Some(_) | None => {}
        }
    }
    indexes.sort();
    indexes
}

pub(super) struct Numbers {
    /// Sorted: the place is the number.
    ids: Vec<ObjectId>,
    /// Where the ids of each first two bytes begin.
    fan: Vec<u32>,
    missing: Mutex<Missing>,
}

#[derive(Default)]
struct Missing {
    ids: Vec<ObjectId>,
    numbers: HashMap<ObjectId, u32>,
}

impl Numbers {
    fn of(ids: Vec<ObjectId>) -> Self {
        let mut fan = Vec::with_capacity(0x1_0001);
        let mut at = 0;
        for prefix in 0..=u16::MAX {
            while ids.get(at).is_some_and(|id| prefix_of(id.as_bytes()) < prefix) {
                at += 1;
            }
            fan.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        fan.push(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        Self { ids, fan, missing: Mutex::default() }
    }

    /// The objects that are there.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn present(&self, id: &gix::oid) -> Option<u32> {
        let prefix = usize::from(prefix_of(id.as_bytes()));
        let (start, end) = (*self.fan.get(prefix)? as usize, *self.fan.get(prefix + 1)? as usize);
        let found = self.ids.get(start..end)?.binary_search_by(|known| known.as_bytes().cmp(id.as_bytes())).ok()?;
        u32::try_from(start + found).ok()
    }

    pub(super) fn is_present(&self, number: u32) -> bool {
        (number as usize) < self.ids.len()
    }

    /// The number of an object that something names; one that is not there gets a number beyond the others.
    pub(super) fn named(&self, id: &gix::oid) -> u32 {
        if let Some(number) = self.present(id) {
            return number;
        }
        let Ok(mut missing) = self.missing.lock() else { return u32::MAX };
        let next = u32::try_from(self.ids.len() + missing.ids.len()).unwrap_or(u32::MAX);
        let number = *missing.numbers.entry(id.to_owned()).or_insert(next);
        if number == next {
            missing.ids.push(id.to_owned());
        }
        number
    }

    pub(super) fn id(&self, number: u32) -> Option<ObjectId> {
        match self.ids.get(number as usize) {
            Some(id) => Some(*id),
            None => self.missing.lock().ok()?.ids.get(number as usize - self.ids.len()).copied(),
        }
    }

    /// Those that are named and not there.
    pub(super) fn missing(&self) -> usize {
        self.missing.lock().map_or(usize::MAX, |missing| missing.ids.len())
    }
}

fn prefix_of(id: &[u8]) -> u16 {
    match id {
        [first, second, ..] => u16::from_be_bytes([*first, *second]),
        [_] | [] => 0,
    }
}
