//! Fills a symbolic credential with its value, at the moment of sending.

use crate::evidence::Unseen;
use crate::evidence::http::Credential;
use crate::probe::World;
use crate::target::Target;

/// The headers that carry the credential.
pub(super) async fn headers(
    world: &World,
    target: &Target,
    credential: &Credential,
) -> Result<Vec<(String, String)>, Unseen> {
    let token = target.deployment.as_ref().and_then(|deployment| deployment.token.as_ref());
    let name = token.map_or("Authorization", |token| token.header.as_str());
    let carried = |value: &str| {
        let value =
            if name.eq_ignore_ascii_case("authorization") { format!("Bearer {value}") } else { value.to_owned() };
        vec![(name.to_owned(), value)]
    };
    match credential {
        Credential::None => Ok(Vec::new()),
        Credential::Valid => Ok(carried(world.vault.token(target).await?.expose())),
        Credential::Wrong => {
            let like = world.vault.token(target).await.ok();
            let value = wrong(world.run().seed, like.as_ref().map_or("", |secret| secret.expose()));
            Ok(carried(&value))
        }
        Credential::Dummy => Ok(carried("watertight-dummy-credential-protects-nothing")),
        Credential::Leaked(fingerprint) => match world.vault.leaked(fingerprint) {
            Some(secret) => Ok(carried(secret.expose())),
            None => Err(Unseen::NotAsked),
        },
        Credential::Mutated(mutation) => {
            Err(Unseen::NotAsked).or_else(|_: Unseen| Err(Unseen::Bug(format!("{mutation} is not built yet"))))
        }
    }
}

/// Random from the run's seed, of the length and alphabet of `like`.
fn wrong(seed: u64, like: &str) -> String {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let length = if like.is_empty() { 43 } else { like.chars().count() };
    let hexadecimal = !like.is_empty() && like.bytes().all(|byte| byte.is_ascii_hexdigit());
    let alphabet = if hexadecimal { &b"0123456789abcdef"[..] } else { ALPHABET };
    // SplitMix64 (Steele, Lea, Flood 2014): reproducible, and nothing rests on its being unpredictable.
    let mut state = seed ^ 0x5741_5445_5254_4947;
    std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let index = usize::try_from((mixed ^ (mixed >> 31)) % alphabet.len() as u64).unwrap_or(0);
        char::from(alphabet.get(index).copied().unwrap_or(b'x'))
    })
    .take(length)
    .collect()
}
