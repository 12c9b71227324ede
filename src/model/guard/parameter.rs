//! What the operators of `${x…}` make of a known value.

use super::pattern::Pattern;
use super::scan;
use super::value::{Part, Value};
use super::words;

/// Longer values are not cut by patterns: the answer is "unknown".
pub const MAX_CUT: usize = 256;

/// What it costs to hold a pattern against all pieces of a text, in steps of the reader.
#[must_use]
pub fn cost(text: &str, pattern: &Value) -> usize {
    let length = text.len();
    if length > MAX_CUT { 1 } else { length * length * (pattern.size() / 64 + 1) / 256 }
}

/// `#`, `##`, `%`, `%%`: without the beginning or end that a pattern matches. `None`: not known.
#[must_use]
pub fn cut(operator: &str, text: &str, by: &Value) -> Option<String> {
    if text.len() > MAX_CUT || by.has_unknown() {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let pattern = Pattern::of(by);
    let at_start = operator.starts_with('#');
    // The shortest match comes first for the single operator: nearest to the end that is cut.
    let nearest_first = operator.len() == 1;
    let mut places: Vec<usize> = (0..=chars.len()).collect();
    if at_start != nearest_first {
        places.reverse();
    }
    for place in places {
        let (before, behind) = chars.split_at_checked(place)?;
        let (gone, kept) = if at_start { (before, behind) } else { (behind, before) };
        if pattern.matches(gone) {
            return Some(kept.iter().collect());
        }
    }
    Some(text.to_owned())
}

/// `/`, `//`, `/#`, `/%`: with what a pattern matches replaced. `None`: not known.
#[must_use]
pub fn replace(operator: &str, text: &str, what: &Value, by: &str) -> Option<String> {
    if text.len() > MAX_CUT || what.has_unknown() {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let pattern = Pattern::of(what);
    let all = |chars: &[char]| chars.iter().collect::<String>();
    match operator {
        "/#" => Some(match pattern.longest(&chars) {
            Some(end) => format!("{by}{}", all(chars.get(end..)?)),
            None => text.to_owned(),
        }),
        "/%" => {
            let start = (0..chars.len()).find(|s| chars.get(*s..).is_some_and(|t| pattern.matches(t)));
            Some(match start {
                Some(start) => format!("{}{by}", all(chars.get(..start)?)),
                None => text.to_owned(),
            })
        }
        _ => {
            let mut out = String::new();
            let mut rest = chars.as_slice();
            while let Some((c, behind)) = rest.split_first() {
                match pattern.longest(rest).filter(|length| *length > 0) {
                    Some(length) => {
                        out.push_str(by);
                        rest = rest.get(length..)?;
                        if operator == "/" {
                            break;
                        }
                    }
                    None => {
                        out.push(*c);
                        rest = behind;
                    }
                }
            }
            out.extend(rest);
            Some(out)
        }
    }
}

/// The pattern and the replacement of `${x/pattern/replacement}`, raw.
#[must_use]
pub fn pattern_and_replacement(argument: &str) -> (&str, &str) {
    let mut at = 0;
    while at < argument.len() {
        if argument.as_bytes().get(at) == Some(&b'/') {
            return argument
                .split_at_checked(at)
                .map_or((argument, ""), |(a, b)| (a, b.get(1..).unwrap_or_default()));
        }
        match scan::skip(argument, at) {
            Some(next) => at = next,
            None => break,
        }
    }
    (argument, "")
}

/// `${x:offset}` and `${x:offset:length}`. `None`: not known.
#[must_use]
pub fn substring(text: &str, argument: &str) -> Option<String> {
    let (offset, length) = match argument.split_once(':') {
        Some((offset, length)) => (offset, Some(length)),
        None => (argument, None),
    };
    let number = |text: &str| match text.trim().trim_matches(['(', ')']).trim() {
        "" => Some(0_i64),
        digits => digits.parse().ok(),
    };
    let chars: Vec<char> = text.chars().collect();
    let count = i64::try_from(chars.len()).ok()?;
    let place = |n: i64| if n < 0 { count.saturating_add(n) } else { n };
    let from = place(number(offset)?);
    if !(0..=count).contains(&from) {
        return Some(String::new());
    }
    let to = match length {
        None => count,
        Some(length) => match number(length)? {
            n if n < 0 => place(n),
            n => from.saturating_add(n).min(count),
        },
    };
    if to < from {
        return None;
    }
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
    Some(chars.get(from..to)?.iter().collect())
}

/// `^`, `^^`, `,`, `,,` and the letters of `@`. `None`: not known.
#[must_use]
pub fn transformed(operator: &str, argument: &str, text: &str) -> Option<String> {
    let first = |upper: bool| {
        let mut chars = text.chars();
        let Some(c) = chars.next() else { return String::new() };
        let c = if upper { c.to_uppercase().to_string() } else { c.to_lowercase().to_string() };
        format!("{c}{}", chars.as_str())
    };
    match (operator, argument) {
        ("^^", "") | ("@", "U") => Some(text.to_uppercase()),
        (",,", "") | ("@", "L") => Some(text.to_lowercase()),
        ("^", "") | ("@", "u") => Some(first(true)),
        (",", "") => Some(first(false)),
        ("@", "E") => Some(words::decode_ansi(text)),
        ("@", "Q" | "K" | "k") => shlex::try_quote(text).ok().map(std::borrow::Cow::into_owned),
        // With a pattern only some letters change: which ones is not worth the code.
        _ => None,
    }
}

/// A value's characters split where the shell splits fields, as (value, whether a field ends behind it).
#[must_use]
pub fn split_fields(value: &Value, separators: &str) -> Vec<(Value, bool)> {
    let mut out: Vec<(Value, bool)> = Vec::new();
    let mut current = Value::default();
    for part in value.parts() {
        let Part::Text(text) = part else {
            current.push(part.clone());
            continue;
        };
        let mut pieces = text.split(|c| separators.contains(c)).peekable();
        while let Some(piece) = pieces.next() {
            push_globs(&mut current, piece);
            if pieces.peek().is_some() {
                out.push((std::mem::take(&mut current), true));
            }
        }
    }
    out.push((current, false));
    out
}

/// Adds unquoted characters: those that make a pattern as one.
pub fn push_globs(value: &mut Value, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['*', '?', '[']) {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        value.push_text(before);
        let width = match behind.as_bytes().first() {
            // A `]` right behind the `[` is one of its characters.
            Some(b'[') => match behind.char_indices().skip(2).find(|(_, c)| *c == ']') {
                Some((end, _)) => end + 1,
                None => {
                    value.push_text("[");
                    rest = behind.get(1..).unwrap_or_default();
                    continue;
                }
            },
            _ => 1,
        };
        value.push(Part::Glob(behind.get(..width).unwrap_or_default().to_owned()));
        rest = behind.get(width..).unwrap_or_default();
    }
    value.push_text(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Value {
        let mut value = Value::default();
        push_globs(&mut value, text);
        value
    }

    #[test]
    fn operators_do_what_bash_does() {
        assert_eq!(cut("%", "/a/b/", &glob("/")).unwrap(), "/a/b");
        assert_eq!(cut("#", "aXbXc", &glob("*X")).unwrap(), "bXc");
        assert_eq!(cut("##", "aXbXc", &glob("*X")).unwrap(), "c");
        assert_eq!(cut("%", "aXbXc", &glob("X*")).unwrap(), "aXb");
        assert_eq!(cut("%%", "aXbXc", &glob("X*")).unwrap(), "a");
        assert_eq!(cut("#", "abc", &glob("x")).unwrap(), "abc");
        assert_eq!(replace("/", "aXbX", &glob("X"), "-").unwrap(), "a-bX");
        assert_eq!(replace("//", "aXbX", &glob("X"), "").unwrap(), "ab");
        assert_eq!(replace("/#", "aXa", &glob("a"), "-").unwrap(), "-Xa");
        assert_eq!(replace("/%", "aXa", &glob("a"), "-").unwrap(), "aX-");
        assert_eq!(pattern_and_replacement("a\\/b/c/d"), ("a\\/b", "c/d"));
        assert_eq!(substring("hello", "1:3").unwrap(), "ell");
        assert_eq!(substring("hello", " -3:2").unwrap(), "ll");
        assert_eq!(substring("hello", "0:-1").unwrap(), "hell");
        assert_eq!(substring("hello", "n"), None);
        assert_eq!(transformed("^^", "", "rm").unwrap(), "RM");
        let fields = split_fields(&Value::from("a  b* "), " \t\n");
        assert_eq!(fields.len(), 4);
    }
}
