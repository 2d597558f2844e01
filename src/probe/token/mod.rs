//! Facts about the target's token: length, alphabet, repetition, words; never the value.

mod jwt;
mod weakness;

use crate::evidence::token::{TokenAsk, TokenFacts};
use crate::probe::{Sink, World, fingerprint};
use crate::target::Target;

pub(super) async fn answer(world: &World, target: &Target, asked: Vec<TokenAsk>, sink: &Sink) {
    for ask in asked {
        let facts = world.vault.token(target).await.map(|token| {
            let fingerprint = Some(fingerprint::of(world, token.expose()));
            TokenFacts { fingerprint, ..facts_of(token.expose()) }
        });
        sink.put(&ask, facts);
    }
}

fn facts_of(token: &str) -> TokenFacts {
    TokenFacts { jwt: jwt::facts(token), ..weakness::facts(token) }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_facts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    weakness::facts(&text);
    jwt::facts(&text);
}
