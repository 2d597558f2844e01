//! Earlier runs, from the stored history.

use crate::evidence::Unseen;
use crate::evidence::history::Earlier;
use crate::probe::{Sink, World};
use crate::target::Target;

pub(super) async fn answer(world: &World, target: &Target, asks: Vec<Earlier>, sink: &Sink) {
    for ask in asks {
        let answer = match &world.history {
            Some(history) => history.earlier(target).await.map_err(|failure| Unseen::Partial(failure.to_string())),
            None => Err(Unseen::NotConfigured("no history is kept (--no-history, or no home to keep it in)".into())),
        };
        sink.put(&ask, answer);
    }
}
