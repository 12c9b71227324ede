//! git's configuration files, read for their aliases.
//!
//! A reader of our own: what is needed is a hundred lines, and the crates that read such files bring a
//! whole implementation of git with them, to be loaded at every call of the guard.

use std::path::{Path, PathBuf};

use crate::model::guard::world::World;

/// The most files that one file brings with it by inclusion.
const MAX_FILES: usize = 24;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Section and key in lower case, the subsection as it is: `alias.x`, `remote.Origin.url`.
    pub(super) name: String,
    /// Its value.
    pub(super) value: String,
}

/// The settings of these files and of what they include, in order. A condition of an inclusion counts as met.
pub(super) fn read_files(files: &[PathBuf], home: &Path, world: &dyn World) -> Vec<Entry> {
    let mut entries = Vec::new();
    for file in files {
        read_file(file, home, world, &mut Vec::new(), &mut entries);
    }
    entries
}

fn read_file(file: &Path, home: &Path, world: &dyn World, seen: &mut Vec<PathBuf>, entries: &mut Vec<Entry>) {
    if seen.len() >= MAX_FILES || seen.iter().any(|s| s == file) {
        return;
    }
    seen.push(file.to_owned());
    let Some(text) = world.small_file(file) else { return };
    for entry in parse(&text) {
        let includes = entry.name == "include.path"
            || (entry.name.starts_with("includeif.") && entry.name.ends_with(".path"));
        if !includes {
            entries.push(entry);
            continue;
        }
        let target = match entry.value.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => file.parent().unwrap_or(Path::new("/")).join(&entry.value),
        };
        read_file(&target, home, world, seen, entries);
    }
}

/// The settings of a text. Lines that make no sense are passed over.
pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = String::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return entries };
        if first == '#' || first == ';' {
            rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
        } else if first == '[' {
            let (name, behind) = header(rest);
            section = name;
            rest = behind;
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(rest.len());
            let (key, behind) = rest.split_at(end);
            let behind = behind.trim_start_matches([' ', '\t']);
            match behind.strip_prefix('=') {
                Some(behind) if !key.is_empty() => {
                    let (value, behind) = value(behind);
                    entries.push(Entry { name: format!("{section}.{}", key.to_lowercase()), value });
                    rest = behind;
                }
                // A key without a value is a switch.
                _ => rest = behind.split_once('\n').map_or("", |(_, behind)| behind),
            }
        }
    }
}

/// `[section "subsection"]`, and what stands behind it.
fn header(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '\n' => return (name, text.get(i..).unwrap_or_default()),
            '"' => {
                if !quoted && !name.ends_with('.') {
                    name.push('.');
                }
                quoted = !quoted;
            }
            '\\' if quoted => name.extend(chars.next().map(|(_, c)| c)),
            ']' if !quoted => return (name, text.get(i + 1..).unwrap_or_default()),
            c if quoted => name.push(c),
            c if c.is_whitespace() => {}
            c => name.extend(c.to_lowercase()),
        }
    }
    (name, "")
}

/// A value from behind its `=`, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let mut out = String::new();
    // How much of it stays if only blanks follow.
    let mut kept = 0;
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\n' => {
                out.truncate(kept);
                return (out, text.get(i..).unwrap_or_default());
            }
            '\r' => {}
            '#' | ';' if !quoted => {
                out.truncate(kept);
                let behind = text.get(i..).unwrap_or_default();
                return (out, behind.find('\n').and_then(|end| behind.get(end..)).unwrap_or_default());
            }
            '"' => {
                quoted = !quoted;
                kept = out.len();
            }
            '\\' => {
                match chars.next().map(|(_, c)| c) {
                    Some('\n') | None => {}
                    Some('\r') => {
                        chars.next();
                    }
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('b') => {
                        out.pop();
                    }
                    Some(c) => out.push(c),
                }
                kept = out.len();
            }
            c if c.is_whitespace() && !quoted => {
                if !out.is_empty() {
                    out.push(c);
                }
            }
            c => {
                out.push(c);
                kept = out.len();
            }
        }
    }
    out.truncate(kept);
    (out, "")
}

/// Splits the text of an alias into words, as git does: blanks, both quotes, backslashes.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\\', q) if q != Some('\'') => word.get_or_insert_default().extend(chars.next()),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
