//! Writing for people and for scripts: the only module that prints.
//!
//! Data goes to stdout, everything else to stderr. With `--json` there is exactly one object on
//! stdout, and an error is one object on stderr. A closed pipe ends the program quietly.
#![expect(clippy::print_stderr, reason = "this is the module the lint points to")]

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Exit, hints_of, json_of, messages_of};
use crate::model::report::{Item, Report};

/// Whether something that was to be printed could not be.
static LOST: AtomicBool = AtomicBool::new(false);

/// The exit code of a command whose output may not have arrived.
#[must_use]
pub fn arrived(exit: Exit) -> Exit {
    if LOST.load(Ordering::Relaxed) && exit == Exit::Done { Exit::Failed } else { exit }
}

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Only what needs a person.
    pub quiet: bool,
}

/// Green.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Yellow.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Red.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Dim.
pub const FAINT: Style = Style::new().dimmed();
/// Bold.
pub const STRONG: Style = Style::new().bold();

/// A text in a style; the stream strips it where colours are not wanted.
#[must_use]
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Output {
    /// Data for stdout, as text.
    pub fn text(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let ended = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{ended}").and_then(|()| out.flush()) {
            // A reader that has seen enough is no error of ours.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                LOST.store(true, Ordering::Relaxed);
                eprintln!("error: could not write the output: {e}");
            }
            _ => {}
        }
    }

    /// Data for stdout, as JSON.
    pub fn object(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"));
        self.text(&text);
    }

    /// A line on stderr: progress, a note.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            anstream::eprintln!("{text}");
        }
    }

    /// A warning on stderr.
    pub fn warn(&self, text: &str) {
        if !self.json {
            anstream::eprintln!("{}: {text}", styled(WARN, "warning"));
        }
    }

    /// What a command did.
    pub fn report(&self, report: &Report) {
        if self.json {
            let mut value = serde_json::to_value(report).unwrap_or_default();
            value["version"] = 1.into();
            return self.object(&value);
        }
        if let Some(why) = &report.skipped {
            return self.note(&format!("skipped: {why}"));
        }
        let mut text = String::new();
        let mut line = |style: Style, verb: &str, subject: &str, item: &Item| {
            let style = match (item.failed, item.hint.is_some()) {
                (true, _) => BAD,
                (_, true) => WARN,
                _ => style,
            };
            text.push_str(&format!("{} {}: {}\n", styled(style, verb), styled(STRONG, subject), item.reason));
            if let Some(hint) = &item.hint {
                text.push_str(&format!("  hint: {hint}\n"));
            }
        };
        for item in &report.actions {
            line(GOOD, &item.verb, &item.subject, item);
        }
        for alike in report.alike().iter().filter(|_| !self.quiet) {
            // A timer's run says once why three hundred tasks wait; a dry run names them all.
            match alike[..] {
                [first, _, _, _, ..] if !report.dry_run => {
                    let things = if report.command == "dispatch" { "tasks" } else { "things" };
                    line(FAINT, &first.verb, &format!("{} {things}", alike.len()), first);
                }
                _ => alike.iter().for_each(|item| line(FAINT, &item.verb, &item.subject, item)),
            }
        }
        if !self.quiet && !report.summary.is_empty() {
            text.push_str(&report.summary);
            text.push('\n');
        }
        self.text(&text);
    }

    /// A failure, with its causes and hints.
    pub fn error(&self, error: &anyhow::Error) {
        if self.json {
            eprintln!("{}", json_of(error));
            return;
        }
        let (messages, hints) = (messages_of(error), hints_of(error));
        let (first, causes) = messages.split_first().map_or(("", &[][..]), |(f, c)| (f.as_str(), c));
        anstream::eprintln!("{}: {first}", styled(BAD.bold(), "error"));
        for cause in causes {
            anstream::eprintln!("  caused by: {cause}");
        }
        for hint in hints {
            anstream::eprintln!("{}: {hint}", styled(STRONG, "hint"));
        }
    }
}

/// Lays out rows as columns two spaces apart; the last column is not padded. On a terminal that is
/// too narrow the widest column is cut.
#[must_use]
pub fn table(rows: &[Vec<String>], styles: &dyn Fn(usize, usize) -> Style) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..columns).map(width).collect();
    let room = terminal_size::terminal_size().map_or(usize::MAX, |(width, _)| usize::from(width.0));
    while widths.iter().map(|w| w + 2).sum::<usize>() > room.saturating_add(2) {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 12 => *widest -= 1,
            _ => break,
        }
    }
    let mut text = String::new();
    for (r, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let cell = cut(cell, widths[c]);
            let pad = if c + 1 == row.len() { 0 } else { (widths[c] + 2).saturating_sub(cell.chars().count()) };
            line.push_str(&styled(styles(r, c), cell));
            line.push_str(&" ".repeat(pad));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The start of a text on one line, at most so many characters.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let line = crate::model::name::shown(text);
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
