//! Words that programs split themselves (`env -S`, a tmux command), and text put in the place of a marker.

use crate::model::guard::value::{Part, Value};

/// The most words that one text is split into.
const MAX_WORDS: usize = 4096;

/// Splits text into words at white space, with quotes and backslashes as a shell has them. What is unknown
/// stays inside its word.
pub(super) fn split(text: &Value) -> Vec<Value> {
    let mut words = Vec::new();
    let mut word: Option<Value> = None;
    let mut quote = None;
    for part in text.parts() {
        let text = match part {
            Part::Text(text) => text,
            other => {
                word.get_or_insert_default().push(other.clone());
                continue;
            }
        };
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(q), c) if q == c => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None | Some('"'), '\\') => {
                    let escaped = chars.next().unwrap_or('\\');
                    word.get_or_insert_default().push_text(escaped.encode_utf8(&mut [0; 4]));
                }
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push_text(c.encode_utf8(&mut [0; 4])),
            }
            if words.len() >= MAX_WORDS {
                return words;
            }
        }
    }
    words.extend(word);
    words
}

/// The value with `new` in the place of every known `marker`.
pub(super) fn replace(value: &Value, marker: &str, new: &Value) -> Value {
    let mut out = Value::default();
    for part in value.parts() {
        match part {
            Part::Text(text) if !marker.is_empty() => {
                for (i, piece) in text.split(marker).enumerate() {
                    if i > 0 {
                        out.append(new);
                    }
                    out.push_text(piece);
                }
            }
            other => out.push(other.clone()),
        }
    }
    out
}

/// Whether a known part of the value holds the marker.
pub(super) fn holds(value: &Value, marker: &str) -> bool {
    value.parts().iter().any(|part| matches!(part, Part::Text(text) if text.contains(marker)))
}

/// The lines of a text, or its pieces between another character.
pub(super) fn pieces(text: &Value, at: char) -> Vec<Value> {
    text.split(at).into_iter().filter(|piece| !piece.parts().is_empty()).take(MAX_WORDS).collect()
}

/// The text as one word of shell text: quoted where it is known.
pub(super) fn quote(value: &Value) -> Value {
    let mut out = Value::default();
    for part in value.parts() {
        match part {
            Part::Text(text) => out.push_text(&format!("'{}'", text.replace('\'', r"'\''"))),
            other => out.push(other.clone()),
        }
    }
    out
}

/// The rest of a value behind a known beginning, which may be empty.
pub(super) fn behind(value: &Value, start: &str) -> Option<Value> {
    if start.is_empty() { Some(value.clone()) } else { value.strip_prefix(start) }
}
