//! The usage endpoint's answer (`GET /api/oauth/usage`; undocumented, optional): per cent *used*, 0 to
//! 100, resets in ISO 8601. The old part names windows by key; the new part, `limits[]`, is the only
//! place of a model's own week.

use jiff::Timestamp;
use serde_json::Value;

use super::time;
use crate::model::quota::{Signal, Source, Window};

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// The windows.
    pub signals: Vec<Signal>,
    /// Whether usage beyond the plan costs money; `None` if it does not say.
    pub spends_money: Option<bool>,
}

/// Reads an answer that was received at a moment.
#[must_use]
pub fn read(body: &Value, at: Timestamp) -> Usage {
    Usage {
        signals: windows(body, at, Source::Endpoint),
        // The only flag that money can flow; amounts and other blocks say nothing about the plan.
        spends_money: body.pointer("/extra_usage/is_enabled").and_then(Value::as_bool),
    }
}

/// The windows of a body, of both parts; where they name the same, the new part wins.
pub(super) fn windows(body: &Value, at: Timestamp, source: Source) -> Vec<Signal> {
    let signal = |window: Window, percent: &Value, resets: &Value| {
        let percent = Some(percent.as_f64()?);
        let resets_at = time(resets);
        Some(Signal { at, source, window: Some(window), percent, resets_at, hit: false, session: None })
    };
    let mut found: Vec<Signal> = ["five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet"]
        .iter()
        .filter_map(|key| signal(Window::parse(key)?, &body[*key]["utilization"], &body[*key]["resets_at"]))
        .collect();
    for row in body["limits"].as_array().into_iter().flatten() {
        // A surface's own limit, or a kind that is not known, does not bind these sessions.
        let window = match row["kind"].as_str() {
            _ if row.pointer("/scope/surface").is_some_and(|s| !s.is_null()) => None,
            Some("weekly_scoped") => row
                .pointer("/scope/model/display_name")
                .and_then(Value::as_str)
                .and_then(|name| Window::parse(&format!("model:{}", name.to_lowercase()))),
            Some(kind) => Window::parse(kind),
            None => None,
        };
        let Some(new) = window.and_then(|w| signal(w, &row["percent"], &row["resets_at"])) else { continue };
        match found.iter_mut().find(|s| s.window == new.window) {
            // The old part has the fraction, the new one whole points.
            Some(old) if old.resets_at.is_some() => {}
            Some(old) => *old = new,
            None => found.push(new),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at() -> Timestamp {
        Timestamp::from_second(1_789_041_300).unwrap()
    }

    fn values(body: &Value) -> Vec<(String, f64)> {
        read(body, at())
            .signals
            .iter()
            .map(|s| (s.window.as_ref().unwrap().to_string(), s.percent.unwrap()))
            .collect()
    }

    #[test]
    fn old_and_new_parts() {
        let body = json!({
            "five_hour": {"utilization": 63.5, "resets_at": "2026-09-10T14:30:00.000000+00:00"},
            "seven_day": {"utilization": 41.0, "resets_at": "2026-09-15T09:00:00.000000+00:00"},
            "seven_day_opus": null, "seven_day_sonnet": null, "iguana_necktie": {"utilization": 99.0},
            "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 4900, "utilization": 98.0},
            "limits": [
              {"kind": "session", "percent": 63, "resets_at": "2026-09-10T14:30:00+00:00", "scope": null},
              {"kind": "weekly_scoped", "percent": 77, "resets_at": "2026-09-15T09:00:00+00:00",
               "scope": {"model": {"id": null, "display_name": "Fable"}, "surface": null}},
              {"kind": "weekly_scoped", "percent": 99, "resets_at": "2026-09-15T09:00:00+00:00",
               "scope": {"model": null, "surface": "cowork"}},
              {"kind": "lunar", "percent": 100, "resets_at": "2026-09-15T09:00:00+00:00"}]});
        assert_eq!(
            values(&body),
            [("five_hour".to_owned(), 63.5), ("seven_day".to_owned(), 41.0), ("model:fable".to_owned(), 77.0)]
        );
        assert_eq!(read(&body, at()).spends_money, Some(true));
    }

    #[test]
    fn zero_without_a_reset_is_kept_as_such_and_garbage_is_nothing() {
        let idle = json!({"five_hour":{"utilization":0,"resets_at":null}});
        assert_eq!(read(&idle, at()).signals[0].resets_at, None, "`quota::take` makes unknown of it");
        let odd = json!({"five_hour":{"utilization":0,"resets_at":null},
            "limits":[{"kind":"session","percent":12,"resets_at":"2026-09-10T14:30:00+00:00"}]});
        assert_eq!(values(&odd), [("five_hour".to_owned(), 12.0)]);
        for none in [
            json!({}),
            json!(null),
            json!([1]),
            json!("x"),
            json!({"five_hour":{"utilization":"63"}}),
            json!({"limits":{}}),
        ] {
            assert_eq!(read(&none, at()), Usage::default(), "{none}");
        }
    }
}
