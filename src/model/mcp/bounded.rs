//! How much is told at once: a model reads it all, and what it is made of was written by anybody.

use serde_json::{Map, Value};

/// The longest text in an answer, in characters.
pub const TEXT: usize = 400;
/// The longest list in an answer.
pub const LIST: usize = 100;
/// The longest answer, in bytes of JSON.
pub const WHOLE: usize = 64 << 10;

/// An object within these limits. Texts are cut and end in `…`; of lists the first items stay. How many items of
/// each list at its top are missing stands in `left_out`.
#[must_use]
pub fn bounded(value: Value) -> Value {
    let Value::Object(whole) = value else { return value };
    let mut most = LIST;
    loop {
        let cut = within(&whole, most);
        if most == 0 || cut.to_string().len() <= WHOLE {
            return cut;
        }
        most /= 2;
    }
}

fn within(whole: &Map<String, Value>, most: usize) -> Value {
    let missing = |value: &Value| value.as_array().map_or(0, |a| a.len().saturating_sub(most));
    let left_out: Map<String, Value> =
        whole.iter().filter(|(_, v)| missing(v) > 0).map(|(k, v)| (k.clone(), missing(v).into())).collect();
    let mut cut: Map<String, Value> = whole.iter().map(|(k, v)| (k.clone(), shortened(v, most))).collect();
    if !left_out.is_empty() {
        cut.insert("left_out".to_owned(), left_out.into());
    }
    cut.into()
}

fn shortened(value: &Value, most: usize) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(TEXT) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()).into(),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().take(most).map(|v| shortened(v, most)).collect(),
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), shortened(v, most))).collect::<Map<_, _>>().into()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_short_stays_as_it_is() {
        let value = json!({ "version": 1, "tasks": [{ "title": "é".repeat(TEXT) }], "none": null });
        assert_eq!(bounded(value.clone()), value);
    }

    #[test]
    fn long_texts_and_lists_are_cut_and_that_is_said() {
        let many: Vec<Value> = (0..250).map(|n| json!({ "n": n, "deep": ["é".repeat(TEXT + 1)] })).collect();
        let cut = bounded(json!({ "version": 1, "tasks": many, "few": [1, 2] }));
        let kept = cut["tasks"].as_array().unwrap();
        assert_eq!(cut["left_out"], json!({ "tasks": 250 - kept.len() }));
        assert!(kept.len() <= LIST && kept.len() > 10, "{}", kept.len());
        assert_eq!(kept[3]["n"], 3);
        assert_eq!(kept[0]["deep"][0], format!("{}…", "é".repeat(TEXT)));
        assert!(cut.to_string().len() <= WHOLE);
    }

    #[test]
    fn nothing_is_too_large_to_be_bounded() {
        let deep = json!({ "a": (0..200).map(|_| json!((0..200).map(|_| "x".repeat(500)).collect::<Vec<_>>())).collect::<Vec<_>>() });
        assert!(bounded(deep).to_string().len() <= WHOLE);
    }
}
