//! Fills a symbolic credential with its value, at the moment of sending.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::evidence::Unseen;
use crate::evidence::http::{Credential, Mutation};
use crate::probe::World;
use crate::probe::secret::Secret;
use crate::target::Target;

/// Where the credential goes in the request.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) headers: Vec<(String, String)>,
    /// Appended to the query, percent-encoded.
    pub(super) query: Vec<(String, String)>,
    /// A form body that replaces the request's own.
    pub(super) form: Option<(String, String)>,
}

impl Carried {
    fn header(name: &str, value: impl Into<String>) -> Self {
        Self { headers: vec![(name.to_owned(), value.into())], ..Self::default() }
    }

    /// `path` with what the credential adds to its query.
    pub(super) fn path(&self, path: &str) -> String {
        self.query.iter().fold(path.to_owned(), |path, (name, value)| {
            let separator = if path.contains('?') { '&' } else { '?' };
            format!("{path}{separator}{}", pair(name, value))
        })
    }

    /// The form body that carries the credential, if one does.
    pub(super) fn form_body(&self) -> Option<String> {
        self.form.as_ref().map(|(name, value)| pair(name, value))
    }
}

fn pair(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// The values that carry the credential.
pub(super) async fn carried(world: &World, target: &Target, credential: &Credential) -> Result<Carried, Unseen> {
    let token = target.deployment.as_ref().and_then(|deployment| deployment.token.as_ref());
    let name = token.map_or("Authorization", |token| token.header.as_str());
    let usual = |value: &str| Carried::header(name, scheme(name) + value);
    match credential {
        Credential::None => Ok(Carried::default()),
        // The connection carries it.
        Credential::Valid | Credential::Wrong if is_known_by_certificate(target) => Ok(Carried::default()),
        Credential::Valid => Ok(usual(world.vault.token(target).await?.expose())),
        Credential::Wrong => {
            let like = world.vault.token(target).await.ok();
            Ok(usual(&wrong(world.run().seed, like.as_ref().map_or("", Secret::expose))))
        }
        Credential::Dummy => Ok(usual("watertight-dummy-credential-protects-nothing")),
        Credential::Leaked(fingerprint) => {
            world.vault.leaked(fingerprint).map(|secret| usual(secret.expose())).ok_or_else(|| {
                Unseen::NoEvidence(format!("the value of the leaked secret {fingerprint} is not at hand"))
            })
        }
        Credential::Mutated(mutation) => {
            if mutation.needs_disposable() && !token.is_some_and(|token| token.disposable) {
                return Err(Unseen::NotAllowed(format!(
                    "{mutation} is only sent where the target's token is declared `disposable: true`"
                )));
            }
            let secret = world.vault.token(target).await?;
            let other = wrong(world.run().seed, secret.expose());
            let mutated = mutated(mutation, name, secret.expose(), &other)?;
            hide(world, mutation, &mutated);
            Ok(mutated)
        }
    }
}

fn is_known_by_certificate(target: &Target) -> bool {
    target.deployment.as_ref().is_some_and(crate::target::Deployment::is_known_by_certificate)
}

/// `Bearer ` in `Authorization`; other headers carry the bare value.
fn scheme(name: &str) -> String {
    if name.eq_ignore_ascii_case("authorization") { "Bearer ".into() } else { String::new() }
}

/// The token changed or misplaced; `other` is a wrong token of the same shape.
fn mutated(mutation: &Mutation, name: &str, token: &str, other: &str) -> Result<Carried, Unseen> {
    let bearer = scheme(name);
    let usual = |value: &str| Carried::header(name, format!("{bearer}{value}"));
    let schemed = |value: String| {
        if bearer.is_empty() {
            Err(Unseen::NotComparable(format!("{mutation}: the header {name} carries no scheme")))
        } else {
            Ok(Carried::header(name, value))
        }
    };
    let twice = |first: &str, second: &str| Carried {
        headers: vec![(name.to_owned(), format!("{bearer}{first}")), (name.to_owned(), format!("{bearer}{second}"))],
        ..Carried::default()
    };
    Ok(match mutation {
        Mutation::OneCharacter => usual(&one_character(token)),
        Mutation::Truncated => usual(first_half(token)),
        Mutation::SwappedCase => usual(&other_case(token)),
        Mutation::Suffixed => usual(&format!("{token}x")),
        Mutation::EmptyBearer => Carried::header(name, bearer),
        Mutation::ShortBearer => usual("x"),
        Mutation::BasicScheme => schemed(format!("Basic {token}"))?,
        Mutation::NoScheme => schemed(token.to_owned())?,
        Mutation::LowerScheme => schemed(format!("bearer {token}"))?,
        Mutation::DoubleSpace => schemed(format!("Bearer  {token}"))?,
        Mutation::Query(parameter) => {
            Carried { query: vec![(parameter.clone(), token.to_owned())], ..Carried::default() }
        }
        Mutation::Form(field) => Carried { form: Some((field.clone(), token.to_owned())), ..Carried::default() },
        Mutation::Cookie(cookie) => Carried::header("Cookie", format!("{cookie}={token}")),
        Mutation::InvalidThenValid => twice(other, token),
        Mutation::ValidThenInvalid => twice(token, other),
        Mutation::CommaJoined => Carried::header(name, format!("{bearer}{other}, {bearer}{token}")),
        Mutation::JwtNone => usual(&jwt(token)?.unsigned("none")),
        Mutation::JwtNoneMixedCase => usual(&jwt(token)?.unsigned("nOnE")),
        Mutation::JwtEdited => usual(&jwt(token)?.edited()),
    })
}

/// What is derived from the token and still holds most of it is masked like the token itself.
fn hide(world: &World, mutation: &Mutation, carried: &Carried) {
    match mutation {
        Mutation::EmptyBearer | Mutation::ShortBearer => {}
        Mutation::OneCharacter
        | Mutation::Truncated
        | Mutation::SwappedCase
        | Mutation::Suffixed
        | Mutation::BasicScheme
        | Mutation::NoScheme
        | Mutation::LowerScheme
        | Mutation::DoubleSpace
        | Mutation::Query(_)
        | Mutation::Form(_)
        | Mutation::Cookie(_)
        | Mutation::InvalidThenValid
        | Mutation::ValidThenInvalid
        | Mutation::CommaJoined
        | Mutation::JwtNone
        | Mutation::JwtNoneMixedCase
        | Mutation::JwtEdited => {
            for (_, value) in &carried.headers {
                // Without the scheme: servers echo the credential alone as readily.
                let bare = value.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).trim();
                world.vault.hide(if bare.is_empty() || !value.contains(' ') { value } else { bare });
            }
        }
    }
}

/// One character changed, to another of its kind: in the middle of a JWT's signature (the last character of base64url
/// may carry unused bits, so changing it can leave the token valid), else in the middle.
fn one_character(token: &str) -> String {
    let from = if Jwt::parse(token).is_some() { token.rfind('.').map_or(0, |dot| dot + 1) } else { 0 };
    let (kept, changed) = token.split_at(from);
    let middle = changed.chars().count() / 2;
    let change = |letter: char| match letter {
        'a' => 'b',
        'A' => 'B',
        '0' => '1',
        letter if letter.is_ascii_lowercase() => 'a',
        letter if letter.is_ascii_uppercase() => 'A',
        letter if letter.is_ascii_digit() => '0',
        'x' => 'y',
        _ => 'x',
    };
    let changed: String =
        changed.chars().enumerate().map(|(at, letter)| if at == middle { change(letter) } else { letter }).collect();
    format!("{kept}{changed}")
}

fn other_case(token: &str) -> String {
    let swap = |letter: char| match letter {
        letter if letter.is_ascii_lowercase() => letter.to_ascii_uppercase(),
        letter => letter.to_ascii_lowercase(),
    };
    token.chars().map(swap).collect()
}

fn first_half(token: &str) -> &str {
    let middle = (token.len() / 2..=token.len()).find(|&at| token.is_char_boundary(at)).unwrap_or(0);
    token.split_at(middle).0
}

/// A JSON Web Token, taken apart (RFC 7519).
struct Jwt<'a> {
    header: serde_json::Map<String, serde_json::Value>,
    claims: serde_json::Map<String, serde_json::Value>,
    parts: [&'a str; 3],
}

fn jwt(token: &str) -> Result<Jwt<'_>, Unseen> {
    Jwt::parse(token).ok_or_else(|| Unseen::NotComparable("the token is no JWT".into()))
}

impl<'a> Jwt<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let mut split = token.split('.');
        let parts = [split.next()?, split.next()?, split.next()?];
        if split.next().is_some() {
            return None;
        }
        let object = |part: &str| match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
            serde_json::Value::Object(object) => Some(object),
            _ => None,
        };
        let [header, claims, _] = parts;
        let header = object(header)?;
        header.contains_key("alg").then_some(())?;
        Some(Self { header, claims: object(claims)?, parts })
    }

    /// The algorithm named as none, and no signature (RFC 8725 section 3.1 has verifiers refuse it).
    fn unsigned(&self, none: &str) -> String {
        let mut header = self.header.clone();
        header.insert("alg".into(), none.into());
        let [_, claims, _] = self.parts;
        format!("{}.{claims}.", encoded(&header))
    }

    /// The claims changed, the signature kept.
    fn edited(&self) -> String {
        let mut claims = self.claims.clone();
        claims.insert("watertight".into(), true.into());
        let [header, _, signature] = self.parts;
        format!("{header}.{}.{signature}", encoded(&claims))
    }
}

fn encoded(object: &serde_json::Map<String, serde_json::Value>) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::Value::Object(object.clone()).to_string())
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

#[cfg(test)]
mod tests;
