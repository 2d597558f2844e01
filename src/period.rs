//! A period of time as people write it: `60s`, `15m`, `12h`, `90d`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, read and written with its unit (`ms`, `s`, `m`, `h`, `d`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Period(Duration);

impl Period {
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 86_400))
    }

    pub const fn duration(self) -> Duration {
        self.0
    }

    pub const fn whole_days(self) -> u64 {
        self.0.as_secs() / 86_400
    }

    /// As `chrono` counts, for sums with dates. A period longer than `chrono` can hold becomes its maximum.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(self.0).unwrap_or(chrono::TimeDelta::MAX)
    }
}

/// What is wrong with a period as written.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a period such as `60s`, `15m`, `12h` or `90d`, found `{0}`")]
pub struct NotAPeriod(String);

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let wrong = || NotAPeriod(text.chars().take(40).collect());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis: u64 = match unit.trim_start() {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        // A century is more than any knob means, and far from every overflow.
        match number.checked_mul(millis) {
            Some(total) if total <= 36_525 * 86_400_000 => Ok(Self::millis(total)),
            Some(_) | None => Err(wrong()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (divisor, unit) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")]
            .into_iter()
            .find(|(divisor, _)| millis != 0 && millis.is_multiple_of(*divisor))
            .unwrap_or((1, "ms"));
        // `60s`, not `1m`: the field writes its rate windows in seconds.
        match (millis / divisor, unit) {
            (count, "m") if count < 10 => write!(f, "{}s", count * 60),
            (count, unit) => write!(f, "{count}{unit}"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ ?(ms|s|m|min|h|d)$",
            "description": "A period of time with its unit: 60s, 15m, 12h, 90d."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written_alike() {
        for text in ["250ms", "60s", "15m", "12h", "90d", "120s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_bare_number_an_unknown_unit_and_an_overflow_are_refused() {
        for text in ["60", "60 parsecs", "", "s", "99999999999999999999s", "999999999d"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
