//! Work on many things by all cores, a stretch at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Budget;

/// Cores that are used at most.
const MOST: usize = 16;

/// Does `work` for every number below `count`, `stretch` of them at a time. Each core has a part of its own; gives the
/// parts back, and whether the time was up or a thread broke before everything was done.
pub(super) fn each<Part: Send>(
    count: usize,
    stretch: usize,
    budget: &Budget,
    part: impl Fn() -> Part + Sync,
    work: impl Fn(&mut Part, usize) + Sync,
) -> (Vec<Part>, bool) {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(Part, bool)>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
    let threads = cores.min(count / stretch + 1);
    let run = || {
        let (mut part, mut cut_short) = (part(), false);
        loop {
            let start = next.fetch_add(stretch, Ordering::Relaxed);
            if start >= count {
                break;
            }
            if budget.is_spent() {
                cut_short = true;
                break;
            }
            for number in start..count.min(start + stretch) {
                work(&mut part, number);
            }
        }
        if let Ok(mut done) = done.lock() {
            done.push((part, cut_short));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        run();
        // A thread that broke left no part, which is counted below; its panic goes no further.
        for thread in others {
            drop(thread.join());
        }
    });
    let done = done.into_inner().unwrap_or_default();
    let cut_short = done.len() < threads || done.iter().any(|(_, cut_short)| *cut_short);
    (done.into_iter().map(|(part, _)| part).collect(), cut_short)
}
