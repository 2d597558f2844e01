//! Templates of the corpus become values here, when the test runs: no secret stands in the repository.

use std::collections::HashMap;

/// Reproducible values of one case.
pub(crate) struct Filler {
    state: u64,
    named: HashMap<String, String>,
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

impl Filler {
    pub(crate) fn new(case: &str, seed: u64) -> Self {
        // FNV-1a over the name, so that cases differ from each other.
        let state =
            case.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { state, named: HashMap::new() }
    }

    /// One line with its templates filled in, innermost first. What is no template of ours stays.
    pub(crate) fn line(&mut self, line: &str) -> Result<String, String> {
        let mut text = line.to_owned();
        let mut from = 0;
        while let Some(close) = text[from..].find("}}").map(|at| from + at) {
            let Some(open) = text[..close].rfind("{{") else {
                from = close + 2;
                continue;
            };
            match self.value(&text[open + 2..close])? {
                Some(value) => {
                    text.replace_range(open..close + 2, &value);
                    from = open + value.len();
                    // An outer template closes behind this one, and begins before it.
                    from = from.min(text.len());
                }
                None => from = close + 2,
            }
        }
        Ok(text)
    }

    fn value(&mut self, inside: &str) -> Result<Option<String>, String> {
        let (kind, argument) = inside.split_once(':').unwrap_or((inside, ""));
        let (argument, name) = match argument.rsplit_once('@') {
            Some((argument, name)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                (argument, Some(name.to_owned()))
            }
            _ => (argument, None),
        };
        let name = if kind == "b64" { None } else { name };
        if let Some(known) = name.as_ref().and_then(|name| self.named.get(name)) {
            return Ok(Some(known.clone()));
        }
        let length = || {
            argument
                .parse::<usize>()
                .ok()
                .filter(|length| (1..=4096).contains(length))
                .ok_or_else(|| format!("`{{{{{inside}}}}}` needs a length between 1 and 4096"))
        };
        let value = match kind {
            "join" => argument.replace('|', ""),
            "alnum" => self.mixed(&[UPPER, LOWER, DIGITS], length()?),
            "lower" => self.mixed(&[LOWER, DIGITS], length()?),
            "upper" => self.mixed(&[UPPER, DIGITS], length()?),
            "letters" => self.mixed(&[UPPER, LOWER], length()?),
            "digits" => {
                let rest = length()? - 1;
                format!("{}{}", self.mixed(&["123456789"], 1), self.mixed(&[DIGITS], rest))
            }
            "hex" => self.mixed(&["0123456789abcdef"], length()?),
            "HEX" => self.mixed(&["0123456789ABCDEF"], length()?),
            "base64" => self.mixed(&[UPPER, LOWER, DIGITS, "+/"], length()?),
            "base64url" => self.mixed(&[UPPER, LOWER, DIGITS, "_-"], length()?),
            "ascii" => {
                let rest = length()? - 1;
                format!(
                    "{}{}",
                    self.mixed(&[UPPER, LOWER], 1),
                    self.mixed(&[UPPER, LOWER, DIGITS, "!#%*+,-.:?@^_~"], rest)
                )
            }
            "uuid" => {
                let mut part = |length| self.mixed(&["0123456789abcdef"], length);
                format!("{}-{}-4{}-a{}-{}", part(8), part(4), part(3), part(3), part(12))
            }
            "jwt" => {
                let subject = self.mixed(&[DIGITS], 12);
                let claims = format!("{{\"sub\":\"user-{subject}\",\"iat\":1735689600,\"exp\":1798761600}}");
                let header = base64(br#"{"alg":"HS256","typ":"JWT"}"#, true);
                let signature = self.mixed(&[UPPER, LOWER, DIGITS, "_-"], 43);
                format!("{header}.{}.{signature}", base64(claims.as_bytes(), true))
            }
            "b64" => base64(inside.split_once(':').map_or("", |(_, text)| text).as_bytes(), false),
            "pem" | "pem1" => {
                let (label, lines) =
                    argument.rsplit_once(':').ok_or_else(|| format!("`{{{{{inside}}}}}` needs a label and lines"))?;
                let lines: usize = lines.parse().map_err(|_| format!("`{{{{{inside}}}}}`: how many lines?"))?;
                let separator = if kind == "pem" { "\n" } else { "\\n" };
                let mut body = vec![format!("-----BEGIN {label}-----")];
                body.extend((0..lines).map(|_| self.mixed(&[UPPER, LOWER, DIGITS, "+/"], 64)));
                body.push(format!("-----END {label}-----"));
                body.join(separator)
            }
            _ => return Ok(None),
        };
        if let Some(name) = name {
            self.named.insert(name, value.clone());
        }
        Ok(Some(value))
    }

    /// Random characters of the alphabets together.
    fn mixed(&mut self, alphabets: &[&str], length: usize) -> String {
        let all: Vec<u8> = alphabets.concat().into_bytes();
        (0..length).map(|_| char::from(all[self.below(all.len())])).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap_or(0)
    }
}

fn base64(bytes: &[u8], url: bool) -> String {
    use ::base64::Engine as _;
    if url {
        ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    } else {
        ::base64::engine::general_purpose::STANDARD.encode(bytes)
    }
}
