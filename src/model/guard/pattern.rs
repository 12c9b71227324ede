//! Shell patterns against names: what could a field with `*` or an unknown part turn out to be?

use super::value::{Part, Value};

/// One step of a pattern.
#[derive(Clone, Debug)]
enum Item {
    One(char),
    AnyChar,
    AnyText,
    Class(bool, Vec<(char, char)>),
}

impl Item {
    /// Whether a character could stand here.
    fn fits(&self, c: char) -> bool {
        match self {
            Item::One(want) => *want == c,
            Item::AnyChar | Item::AnyText => true,
            Item::Class(negated, ranges) => ranges.iter().any(|(from, to)| (from..=to).contains(&&c)) != *negated,
        }
    }
}

/// A value that several texts are held against.
pub struct Pattern(Vec<Item>);

impl Pattern {
    /// What a value could be.
    pub fn of(value: &Value) -> Self {
        let mut items = Vec::new();
        for part in value.parts() {
            match part {
                Part::Text(text) => items.extend(text.chars().map(Item::One)),
                Part::Glob(glob) => compile(glob, &mut items),
                Part::Unknown(_) => items.push(Item::AnyText),
            }
        }
        Pattern(items)
    }

    /// Whether the value could be exactly this text.
    pub fn matches(&self, text: &[char]) -> bool {
        fits(&self.0, text)
    }

    /// How many of the first characters it could be, at most. All places in the pattern go through the text side by
    /// side: items times characters, and not that again for each end.
    pub fn longest(&self, text: &[char]) -> Option<usize> {
        let mut longest = None;
        let mut at: Vec<bool> = std::iter::once(true).chain(self.0.iter().map(|_| false)).collect();
        for (i, c) in text.iter().map(Some).chain([None]).enumerate() {
            let mut here = false;
            let mut next = vec![false; at.len()];
            for (n, item) in self.0.iter().enumerate() {
                // A `*` may also be nothing.
                here = at.get(n).copied().unwrap_or_default()
                    || (here && n > 0 && matches!(self.0.get(n - 1), Some(Item::AnyText)));
                let fits = c.is_some_and(|c| item.fits(*c));
                let to = if matches!(item, Item::AnyText) { n } else { n + 1 };
                if here
                    && fits
                    && let Some(to) = next.get_mut(to)
                {
                    *to = true;
                }
            }
            let through = here && matches!(self.0.last(), Some(Item::AnyText));
            if through || at.last().copied().unwrap_or_default() {
                longest = Some(i);
            }
            if !next.contains(&true) {
                break;
            }
            at = next;
        }
        longest
    }
}

/// Whether the value could be exactly this text.
pub fn matches(value: &Value, text: &str) -> bool {
    if let Some(known) = value.known() {
        return known == text;
    }
    Pattern::of(value).matches(&text.chars().collect::<Vec<char>>())
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

/// Greedy, with one place to come back to: the last `*`. Never more than items times characters.
fn fits(items: &[Item], text: &[char]) -> bool {
    let (mut item, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let fits_here = match (items.get(item), text.get(at)) {
            (None, None) => return true,
            (Some(Item::AnyText), _) => {
                star = Some((item, at));
                item += 1;
                continue;
            }
            (Some(here), Some(c)) => here.fits(*c),
            _ => false,
        };
        if fits_here {
            item += 1;
            at += 1;
            continue;
        }
        match star {
            Some((after, from)) if from < text.len() => {
                item = after + 1;
                at = from + 1;
                star = Some((after, from + 1));
            }
            _ => return false,
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
    fn the_longest_beginning_is_the_longest_that_matches() {
        for pattern in ["", "a", "a*", "*b", "a?", "*", "**", "[ab]*b", "*a*b", "?*", "c", "a*c*", "[!a]"] {
            let pattern = Pattern::of(&glob(pattern));
            for text in ["", "a", "b", "ab", "aab", "abab", "abcabc", "ba"] {
                let text: Vec<char> = text.chars().collect();
                let longest = (0..=text.len()).rev().find(|end| pattern.matches(&text[..*end]));
                assert_eq!(pattern.longest(&text), longest, "{text:?}");
            }
        }
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
        assert!(bin("*a*b*m").could_be("/bin/xaxbxm") && !bin("*a*b*m").could_be("/bin/xbxaxm"));
        let mut value = Value::from("r");
        value.append(&Value::unknown("$X", Taint::NONE, true));
        assert!(value.could_be("rm") && !value.could_be("cp"));
        assert!(!Value::from("*").could_be("rm"), "a quoted star is a star");
    }
}
