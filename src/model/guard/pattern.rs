//! Shell patterns against names: what could a field with `*` or an unknown part turn out to be?

use super::value::{Part, Value};

/// The most steps of one comparison: beyond it the answer is "it could be".
const MAX_STEPS: usize = 20_000;

/// One step of a pattern.
#[derive(Clone, Debug)]
enum Item {
    One(char),
    AnyChar,
    AnyText,
    Class(bool, Vec<(char, char)>),
}

/// Whether the value could be exactly this text.
pub fn matches(value: &Value, text: &str) -> bool {
    if let Some(known) = value.known() {
        return known == text;
    }
    let mut items = Vec::new();
    for part in value.parts() {
        match part {
            Part::Text(text) => items.extend(text.chars().map(Item::One)),
            Part::Glob(glob) => compile(glob, &mut items),
            Part::Unknown(_) => items.push(Item::AnyText),
        }
    }
    let text: Vec<char> = text.chars().collect();
    let mut steps = 0;
    fits(&items, &text, &mut steps)
}

fn compile(glob: &str, items: &mut Vec<Item>) {
    let chars: Vec<char> = glob.chars().collect();
    // An extended pattern could be anything.
    if chars.contains(&'(') {
        items.push(Item::AnyText);
        return;
    }
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        i += 1;
        match c {
            '*' => items.push(Item::AnyText),
            '?' => items.push(Item::AnyChar),
            '[' => match class(&chars, i) {
                Some((item, next)) => {
                    items.push(item);
                    i = next;
                }
                None => items.push(Item::One(c)),
            },
            _ => items.push(Item::One(c)),
        }
    }
}

/// A bracket expression from behind its `[`, and where it ends.
fn class(chars: &[char], mut i: usize) -> Option<(Item, usize)> {
    let negated = matches!(chars.get(i), Some('!' | '^'));
    i += usize::from(negated);
    let first = i;
    let mut ranges = Vec::new();
    loop {
        let c = *chars.get(i)?;
        if c == ']' && i > first {
            return Some((Item::Class(negated, ranges), i + 1));
        }
        if c == '[' && matches!(chars.get(i + 1), Some(':' | '.' | '=')) {
            // A named class: wide enough is good enough.
            let end = chars.get(i..)?.iter().skip(2).position(|c| *c == ']')?;
            ranges.push(('\0', char::MAX));
            i += end + 3;
            continue;
        }
        match (chars.get(i + 1), chars.get(i + 2)) {
            (Some('-'), Some(to)) if *to != ']' => {
                ranges.push((c, *to));
                i += 3;
            }
            _ => {
                ranges.push((c, c));
                i += 1;
            }
        }
    }
}

fn fits(items: &[Item], text: &[char], steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MAX_STEPS {
        return true;
    }
    match items.split_first() {
        None => text.is_empty(),
        Some((Item::AnyText, rest)) => {
            (0..=text.len()).any(|n| fits(rest, text.get(n..).unwrap_or_default(), steps))
        }
        Some((item, rest)) => {
            let Some((c, behind)) = text.split_first() else { return false };
            let good = match item {
                Item::One(want) => want == c,
                Item::Class(negated, ranges) => {
                    ranges.iter().any(|(from, to)| (from..=to).contains(&c)) != *negated
                }
                Item::AnyChar | Item::AnyText => true,
            };
            good && fits(rest, behind, steps)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::value::Taint;

    fn glob(text: &str) -> Value {
        let mut value = Value::default();
        value.push(Part::Glob(text.to_owned()));
        value
    }

    #[test]
    fn a_pattern_is_matched_and_what_is_unknown_may_be_anything() {
        let bin = |g: &str| {
            let mut value = Value::from("/bin/");
            value.append(&glob(g));
            value
        };
        assert!(bin("r?").could_be("/bin/rm"));
        assert!(bin("[qr]m").could_be("/bin/rm"));
        assert!(!bin("[!r]m").could_be("/bin/rm"));
        assert!(bin("[a-z]*").could_be("/bin/rm"));
        assert!(!bin("?").could_be("/bin/rm"));
        let mut value = Value::from("r");
        value.append(&Value::unknown("$X", Taint::NONE, true));
        assert!(value.could_be("rm") && !value.could_be("cp"));
        assert!(!Value::from("*").could_be("rm"), "a quoted star is a star");
    }
}
