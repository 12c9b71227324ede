//! Where something stands in the file: the line of a key, and the key that was probably meant.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The known key nearest to an unknown one, from serde's message about it.
pub fn nearest_key(message: &str) -> Option<String> {
    let unknown = message.split("unknown field `").nth(1)?.split('`').next()?;
    let known = message.split("expected").nth(1)?.split('`').skip(1).step_by(2);
    known
        .map(|k| (distance(unknown, k), k))
        .min()
        .filter(|(d, k)| *d <= k.len() / 3 + 1)
        .map(|(_, k)| k.to_owned())
}

/// Letters to change, add or drop to get from one word to the other.
pub fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// The line of a key: the parser is sent to it once more and stops there with an error, which has
/// the place. Where the key is absent, the line of what should hold it.
pub fn line_of(text: &str, at: &str) -> Option<usize> {
    let steps: Vec<&str> = at.split('.').collect();
    for depth in (1..=steps.len()).rev() {
        let walk = Walk { steps: &steps[..depth] };
        if let Err(e) = walk.deserialize(serde_yaml::Deserializer::from_str(text))
            && e.to_string().contains(FOUND)
        {
            return e.location().map(|l| l.line());
        }
    }
    None
}

const FOUND: &str = "the place that was looked for";

struct Walk<'a> {
    steps: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else { return Err(A::Error::custom(FOUND)) };
        // A key may have dots of its own: the id of a rule.
        let whole = self.steps.join(".");
        while let Some(key) = map.next_key::<serde_yaml::Value>()? {
            if key.as_str() == Some(&whole) {
                map.next_value_seed(Walk { steps: &[] })?;
            } else if key.as_str() == Some(first) {
                map.next_value_seed(Walk { steps: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else { return Err(A::Error::custom(FOUND)) };
        let wanted: Option<usize> = first.parse().ok();
        for n in 0.. {
            let more = if Some(n) == wanted {
                seq.next_element_seed(Walk { steps: rest })?.is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        end(self.steps)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        end(self.steps)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        end(self.steps)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        end(self.steps)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        end(self.steps)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        end(self.steps)
    }
}

fn end<E: Error>(steps: &[&str]) -> Result<(), E> {
    if steps.is_empty() { Err(E::custom(FOUND)) } else { Ok(()) }
}
