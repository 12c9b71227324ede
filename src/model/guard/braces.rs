//! Brace expansion: `{a,b}` and `{1..3}`, on the raw word, before anything else.

use super::limits::Limit;
use super::scan::skip;

/// The most words that one word may become.
const MAX_WORDS: usize = 1024;
/// The most text that one word may become on the way, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The most opening braces in one word: looking for the end of each costs the whole word.
const MAX_BRACES: usize = 256;
/// A longer sequence of numbers is read as one number: they are all alike to the rules.
const MAX_SEQUENCE: i64 = 32;

/// The words that a word becomes.
///
/// # Errors
/// If there are too many.
pub fn expand(raw: &str) -> Result<Vec<String>, Limit> {
    if !raw.contains('{') || !(raw.contains(',') || raw.contains("..")) {
        return Ok(vec![raw.to_owned()]);
    }
    if raw.bytes().filter(|c| *c == b'{').count() > MAX_BRACES {
        return Err(Limit { what: "braces in one word", most: MAX_BRACES });
    }
    let mut done = Vec::new();
    let mut open = vec![raw.to_owned()];
    let mut bytes = 0;
    while let Some(word) = open.pop() {
        match alternatives(&word) {
            // The last comes first off the stack.
            Some(words) => {
                bytes += words.iter().map(String::len).sum::<usize>();
                open.extend(words.into_iter().rev());
            }
            None => done.push(word),
        }
        if done.len() + open.len() > MAX_WORDS || bytes > MAX_BYTES {
            return Err(Limit { what: "words of a brace expansion", most: MAX_WORDS });
        }
    }
    Ok(done)
}

/// The words that the first brace expression of a word makes of it.
fn alternatives(word: &str) -> Option<Vec<String>> {
    let mut from = 0;
    while let Some(open) = next_open(word, from) {
        if let Some((close, commas)) = parts(word, open + 1) {
            let before = word.get(..open)?;
            let after = word.get(close + 1..)?;
            let inside = word.get(open + 1..close)?;
            let items: Vec<String> = if commas.is_empty() {
                sequence(inside).unwrap_or_default()
            } else {
                let starts = std::iter::once(open + 1).chain(commas.iter().map(|c| c + 1));
                let ends = commas.iter().copied().chain([close]);
                starts.zip(ends).filter_map(|(a, b)| word.get(a..b)).map(str::to_owned).collect()
            };
            if !items.is_empty() {
                return Some(items.iter().map(|item| format!("{before}{item}{after}")).collect());
            }
        }
        from = open + 1;
    }
    None
}

/// The next `{` that is neither quoted nor a parameter's; `at` is outside of both.
fn next_open(word: &str, mut at: usize) -> Option<usize> {
    loop {
        match word.as_bytes().get(at)? {
            b'{' => return Some(at),
            _ => at = skip(word, at)?,
        }
    }
}

/// Where the brace ends that was opened just before, and its commas.
fn parts(word: &str, from: usize) -> Option<(usize, Vec<usize>)> {
    let mut commas = Vec::new();
    let mut depth = 0_usize;
    let mut at = from;
    loop {
        match word.as_bytes().get(at)? {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some((at, commas)),
            b'}' => depth -= 1,
            b',' if depth == 0 => commas.push(at),
            _ => {
                at = skip(word, at)?;
                continue;
            }
        }
        at += 1;
    }
}

/// `1..3`, `a..e`, with a step.
fn sequence(inside: &str) -> Option<Vec<String>> {
    let mut fields = inside.split("..");
    let (from, to, step) = (fields.next()?, fields.next()?, fields.next());
    if fields.next().is_some() {
        return None;
    }
    let step: i64 = step.map_or(Some(1), |s| s.parse().ok())?;
    let step = step.unsigned_abs().max(1);
    if let (Ok(first), Ok(last)) = (from.parse::<i64>(), to.parse::<i64>()) {
        if first.checked_sub(last)?.checked_abs()? > MAX_SEQUENCE {
            return Some(vec![first.to_string(), last.to_string()]);
        }
        let padded = |n: i64| {
            let width = if from.starts_with('0') || to.starts_with('0') { from.len().max(to.len()) } else { 0 };
            format!("{n:0width$}")
        };
        let (low, high) = (first.min(last), first.max(last));
        let mut numbers: Vec<i64> = (low..=high).collect();
        if first > last {
            numbers.reverse();
        }
        return Some(numbers.into_iter().step_by(usize::try_from(step).ok()?).map(padded).collect());
    }
    let one = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let (first, last) = (one(from)?, one(to)?);
    let mut letters: Vec<char> = (first.min(last)..=first.max(last)).collect();
    if first > last {
        letters.reverse();
    }
    Some(letters.into_iter().step_by(usize::try_from(step).ok()?).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_make_words() {
        for (raw, want) in [
            ("a", "a"),
            ("{a,b}c", "ac bc"),
            ("x{a,b}{1..3}", "xa1 xa2 xa3 xb1 xb2 xb3"),
            ("{a,{b,c}d}", "a bd cd"),
            ("{a}", "{a}"),
            ("'{a,b}'", "'{a,b}'"),
            (r"\{a,b}", r"\{a,b}"),
            ("${x:-{a,b}}", "${x:-{a,b}}"),
            ("{a,'b,c'}", "a 'b,c'"),
            ("{a,\"$x,}\"}", "a \"$x,}\""),
            ("{a,$(b c,d)}", "a $(b c,d)"),
            ("{c..a}", "c b a"),
            ("{01..3}", "01 02 03"),
            ("{1..9..4}", "1 5 9"),
            ("{a,b", "{a,b"),
            ("{{a,b}", "{a {b"),
            ("{,x}y", "y xy"),
            ("{1..100000}", "1 100000"),
        ] {
            assert_eq!(expand(raw).unwrap().join(" "), want, "{raw}");
        }
        assert!(expand(&"{a,b}".repeat(20)).is_err());
    }
}
