//! `guard-lab corpus`: what other projects' tests take for harmless must pass. Read from checkouts; nothing of them is
//! kept here.
//!
//! Both projects *approve* commands, so their approved side is what an agent does all day. What they approve is not
//! always harmless by our rules (a stance of theirs on a remote host, a path of a system): each block is listed with
//! its rule and reading, to be looked at.

use claude_failover::model::guard::policy::Effect;
use claude_failover::model::guard::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// The commands that Dippy approves: rows `("command", True)` of its test tables, and the lists of those of its
/// tests that expect approval only.
pub fn dippy(dir: &Path) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in files(&dir.join("tests"), "py") {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut rest = text.as_str();
        // A row: an opening parenthesis, string literals side by side, a comma, `True`, and whatever comes then.
        while let Some(at) = rest.find('(') {
            rest = &rest[at + 1..];
            let Some((command, behind)) = literals(rest, python_literal) else { continue };
            let approved = behind.trim_start().strip_prefix(',').map(str::trim_start);
            // A format string with holes is no command.
            let holes = rest.trim_start().starts_with('f') && command.contains('{');
            if approved.is_some_and(|b| b.starts_with("True")) && !holes {
                out.insert(command);
            }
        }
        // A list of one test function, which says what it expects of each.
        for part in text.split("parametrize(").skip(1) {
            if part.contains("assert is_approved(") && !part.contains("needs_confirmation(") {
                let list = part.split_once('[').map_or("", |(_, list)| list);
                strings(list, ']', python_literal, &mut out);
            }
        }
    }
    out
}

/// The commands that safe-chains approves: `examples_safe` of its tables, and the `safe! { name: "command", … }` lists
/// of its tests.
pub fn safe_chains(dir: &Path) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in files(&dir.join("commands"), "toml") {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for part in text.split("examples_safe").skip(1) {
            let Some((_, list)) = part.split_once('[') else { continue };
            strings(list, ']', toml_literal, &mut out);
        }
    }
    for file in files(&dir.join("src"), "rs") {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for part in text.split("safe! {").skip(1) {
            strings(part, '}', rust_literal, &mut out);
        }
    }
    out
}

/// The string literals of a list up to its end; what stands between them is skipped, comments too.
fn strings(list: &str, end: char, literal: fn(&str) -> Option<(String, &str)>, out: &mut BTreeSet<String>) {
    let mut rest = list;
    while let Some(c) = rest.chars().next() {
        if c == end {
            return;
        }
        let comment = rest.starts_with("//") || rest.starts_with('#') && end == ']';
        if comment {
            rest = rest.split_once('\n').map_or("", |(_, r)| r);
        } else if let Some((text, behind)) = literal(rest) {
            out.insert(text);
            rest = behind;
        } else {
            rest = &rest[c.len_utf8()..];
        }
    }
}

/// Literals side by side are one string.
fn literals(text: &str, literal: fn(&str) -> Option<(String, &str)>) -> Option<(String, &str)> {
    let (mut all, mut rest) = literal(text.trim_start())?;
    while let Some((more, behind)) = literal(rest.trim_start()) {
        all += &more;
        rest = behind;
    }
    Some((all, rest))
}

fn python_literal(text: &str) -> Option<(String, &str)> {
    let prefix = text.chars().take_while(|c| "rfbRFB".contains(*c)).count();
    let (prefix, body) = text.split_at(prefix);
    let raw = prefix.contains(['r', 'R']);
    ["\"\"\"", "'''", "\"", "'"].iter().find_map(|quote| quoted(body.strip_prefix(quote)?, quote, raw))
}

fn toml_literal(text: &str) -> Option<(String, &str)> {
    ["\"\"\"", "'''", "\"", "'"].iter().find_map(|q| quoted(text.strip_prefix(q)?, q, q.starts_with('\'')))
}

fn rust_literal(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix("r#\"") {
        return quoted(raw, "\"#", true);
    }
    text.strip_prefix("r\"")
        .and_then(|raw| quoted(raw, "\"", true))
        .or_else(|| quoted(text.strip_prefix('"')?, "\"", false))
}

/// A string up to its closing quote, escapes read.
fn quoted<'a>(body: &'a str, quote: &str, raw: bool) -> Option<(String, &'a str)> {
    let mut out = String::new();
    let mut rest = body;
    loop {
        if let Some(behind) = rest.strip_prefix(quote) {
            return Some((out, behind));
        }
        let c = rest.chars().next()?;
        if c == '\n' && quote.len() == 1 && !raw {
            return None;
        }
        rest = &rest[c.len_utf8()..];
        if c != '\\' || raw {
            out.push(c);
            continue;
        }
        let escaped = rest.chars().next()?;
        rest = &rest[escaped.len_utf8()..];
        match escaped {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '0' => out.push('\0'),
            '\n' => {}
            'x' => {
                let code = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
                out.push(char::from(code));
                rest = rest.get(2..)?;
            }
            '\\' | '"' | '\'' => out.push(escaped),
            other => out.extend(['\\', other]),
        }
    }
}

fn files(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
    out
}

/// Judges all of them; how many are blocked, and the report.
pub fn judge(name: &str, commands: &BTreeSet<String>, report: &mut String) -> usize {
    let mut blocked: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    let (mut warned, mut panics) = (0, 0);
    let first =
        |v: &Verdict, effect: Effect| v.findings.iter().find(|(e, _)| *e == effect).map(|(_, f)| f.clone());
    for command in commands {
        let Some(verdict) = crate::judge::ask(command) else {
            panics += 1;
            continue;
        };
        if let Some(finding) = first(&verdict, Effect::Block) {
            blocked.entry(finding.rule).or_default().push((command, finding.reading));
        } else {
            warned += usize::from(first(&verdict, Effect::Warn).is_some());
        }
    }
    let total: usize = blocked.values().map(Vec::len).sum();
    let _ = writeln!(
        report,
        "{name}: {} commands, {total} blocked, {warned} warned of, {panics} panics",
        commands.len()
    );
    for (rule, all) in &blocked {
        let _ = writeln!(report, "  {rule}: {}", all.len());
        for (command, reading) in all {
            let _ = writeln!(report, "    {}\n      {reading}", command.escape_debug());
        }
    }
    total + panics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_three_languages_are_read() {
        let python = r#""a 'b'" "c\n" r'd\n', True)"#;
        assert_eq!(literals(python, python_literal), Some(("a 'b'c\nd\\n".to_owned(), ", True)")));
        let mut out = BTreeSet::new();
        strings("\n  \"a \\\"b\\\"\", # it's \"no\"\n 'c\\d',\n] \"e\"", ']', toml_literal, &mut out);
        strings(" x: \"f\", // \"g\"\n y: r#\"h \"i\"\"#,\n} \"j\"", '}', rust_literal, &mut out);
        let expected = ["a \"b\"", "c\\d", "f", "h \"i\""].map(str::to_owned);
        assert_eq!(out, BTreeSet::from(expected));
    }
}
