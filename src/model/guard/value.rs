//! One field of a command line, as far as it is known before the shell runs it.

use std::borrow::Cow;
use std::fmt;

/// Where text has come from, as far as that makes a difference to what may be done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// A downloader has fetched it.
    pub downloaded: bool,
    /// A decoder (base64, gunzip, rev, …) has made it.
    pub decoded: bool,
}

impl Taint {
    /// Neither.
    pub const NONE: Taint = Taint { downloaded: false, decoded: false };

    /// What is true of either is true of both together.
    #[must_use]
    pub fn and(self, other: Taint) -> Taint {
        Taint { downloaded: self.downloaded || other.downloaded, decoded: self.decoded || other.decoded }
    }

    /// Whether anything is.
    #[must_use]
    pub fn any(self) -> bool {
        self.downloaded || self.decoded
    }
}

/// A part of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These very characters.
    Text(String),
    /// An unquoted pattern: `*`, `?`, `[a-z]`, `@(a|b)`. The shell puts file names in its place.
    Glob(String),
    /// Characters that only the running shell knows; there may be none.
    Unknown(Unknown),
}

/// What is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// As it was written: `$X`, `$(ls)`; for people.
    pub written: String,
    /// What has flowed into it.
    pub taint: Taint,
    /// Whether the shell splits it into several fields, or drops the field where it is empty.
    pub splits: bool,
    /// Whether it is known not to be empty: `${X:?}`, a file that `find` has found.
    pub filled: bool,
}

/// One field: parts side by side. A field with no part is the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    parts: Vec<Part>,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        let mut value = Value::default();
        value.push_text(text);
        value
    }
}

impl Value {
    /// Characters of which nothing is known but how they were written.
    #[must_use]
    pub fn unknown(written: &str, taint: Taint, splits: bool) -> Self {
        Value { parts: vec![Part::Unknown(Unknown { written: written.to_owned(), taint, splits, filled: false })] }
    }

    /// The same, of which it is known that there is at least one character.
    #[must_use]
    pub fn filled(written: &str, taint: Taint, splits: bool) -> Self {
        Value { parts: vec![Part::Unknown(Unknown { written: written.to_owned(), taint, splits, filled: true })] }
    }

    /// Its parts. No two texts stand side by side, and none is empty.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Adds a part at the end.
    pub fn push(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.push_text(&text),
            other => self.parts.push(other),
        }
    }

    /// Adds characters at the end.
    pub fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Adds another field's parts at the end.
    pub fn append(&mut self, other: &Value) {
        other.parts.iter().for_each(|part| self.push(part.clone()));
    }

    /// The characters, if all are known and none is a pattern.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// How much there is of it: its bytes, and something for each part.
    #[must_use]
    pub fn size(&self) -> usize {
        const PART: usize = size_of::<Part>();
        let length = |part: &Part| match part {
            Part::Text(text) | Part::Glob(text) => text.len(),
            Part::Unknown(unknown) => unknown.written.len(),
        };
        self.parts.iter().map(|part| PART + length(part)).sum()
    }

    /// Whether any part is unknown (patterns are not: they can be matched).
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.parts.iter().any(|p| matches!(p, Part::Unknown(_)))
    }

    /// Whether any part is a pattern.
    #[must_use]
    pub fn has_glob(&self) -> bool {
        self.parts.iter().any(|p| matches!(p, Part::Glob(_)))
    }

    /// The characters with nothing where a part is unknown, and U+FFFD where it is known not to be empty;
    /// patterns as they were written.
    #[must_use]
    pub fn if_empty(&self) -> Cow<'_, str> {
        if let Some(text) = self.known() {
            return Cow::Borrowed(text);
        }
        let piece = |part: &Part| match part {
            Part::Text(text) | Part::Glob(text) => text.clone(),
            Part::Unknown(unknown) if unknown.filled => "\u{fffd}".to_owned(),
            Part::Unknown(_) => String::new(),
        };
        Cow::Owned(self.parts.iter().map(piece).collect())
    }

    /// The characters before the first part that is not known.
    #[must_use]
    pub fn known_start(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether it begins with these characters, whatever the rest turns out to be.
    #[must_use]
    pub fn starts_with(&self, prefix: &str) -> bool {
        self.known_start().starts_with(prefix)
    }

    /// The rest behind a known beginning.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &str) -> Option<Value> {
        let rest = self.known_start().strip_prefix(prefix)?;
        let mut value = Value::from(rest);
        self.parts.iter().skip(1).for_each(|part| value.push(part.clone()));
        Some(value)
    }

    /// What stands before and behind the first known `at`, as in `of=/dev/sda`. Only where the part
    /// before it is all known.
    #[must_use]
    pub fn split_once(&self, at: char) -> Option<(&str, Value)> {
        let (before, after) = self.known_start().split_once(at)?;
        let mut value = Value::from(after);
        self.parts.iter().skip(1).for_each(|part| value.push(part.clone()));
        Some((before, value))
    }

    /// The pieces between each known `at`; one piece where there is none.
    #[must_use]
    pub fn split(&self, at: char) -> Vec<Value> {
        let mut pieces = Vec::new();
        let mut piece = Value::default();
        for part in &self.parts {
            let Part::Text(text) = part else {
                piece.push(part.clone());
                continue;
            };
            for (i, text) in text.split(at).enumerate() {
                if i > 0 {
                    pieces.push(std::mem::take(&mut piece));
                }
                piece.push_text(text);
            }
        }
        pieces.push(piece);
        pieces
    }

    /// What has flowed into it.
    #[must_use]
    pub fn taint(&self) -> Taint {
        self.parts.iter().fold(Taint::NONE, |taint, part| match part {
            Part::Unknown(unknown) => taint.and(unknown.taint),
            _ => taint,
        })
    }

    /// Whether it could turn out to be exactly this text: patterns match, what is unknown may be anything.
    #[must_use]
    pub fn could_be(&self, text: &str) -> bool {
        super::pattern::matches(self, text)
    }
}

/// As it would be written, for people: what is unknown stands as in the command.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("''");
        }
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) | Part::Glob(text) => f.write_str(text),
            Part::Unknown(unknown) => f.write_str(&unknown.written),
        })
    }
}
