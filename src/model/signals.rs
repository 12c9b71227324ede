//! The readers of usage signals, one a source. Each takes what its source says, in the shapes of old
//! and new clients, and gives signals; what it cannot read gives none, which means unknown.

pub mod cached;
pub mod endpoint;
pub mod failure;
pub mod pane;
pub mod statusline;
pub mod transcript;

use jiff::Timestamp;
use serde_json::Value;

/// A time in any of the forms in use: epoch seconds, epoch milliseconds, ISO 8601.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(n) => {
            let n = n.as_i64().or_else(|| {
                #[expect(clippy::cast_possible_truncation, reason = "a time; out of range is refused below")]
                n.as_f64().map(|f| f as i64)
            })?;
            // Seconds until the year 5138, milliseconds after 1973.
            if n > 100_000_000_000 { Timestamp::from_millisecond(n).ok() } else { Timestamp::from_second(n).ok() }
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_come_in_four_forms() {
        let want: Timestamp = "2026-09-10T14:30:00Z".parse().unwrap();
        for value in [
            json!(1_789_050_600),
            json!(1_789_050_600_000_i64),
            json!(1_789_050_600.0),
            json!("2026-09-10T14:30:00.000000+00:00"),
        ] {
            assert_eq!(time(&value), Some(want), "{value}");
        }
        for value in [json!(null), json!("soon"), json!({}), json!(1e300)] {
            assert!(time(&value).is_none_or(|t| t != want), "{value}");
        }
    }
}
