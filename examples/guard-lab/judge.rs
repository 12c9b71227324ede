//! What bash did, held against what the guard said.
//!
//! A **bypass**: the guard allowed a text, and bash did something with it that the rules forbid. Forbidden is
//! - a call that a stand-in noted, if the guard blocks it where it is written out plainly, in its directory;
//! - `payload-run`: text of a downloader or a decoder that a shell has run;
//! - a change of a file that the guard would block as a write, a deletion, or a write to a device;
//! - more processes than there may be, at the deadline.
//!
//! A **gap**: bash ran a program that the reading does not list. It did no harm this time.

use crate::sealed::{Noted, Ran};
use crate::world::LabWorld;
use claude_failover::model::guard::{judge_shell, judge_write, verdict::Verdict};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

/// Answers of the guard, kept: the same plain calls come again and again.
#[derive(Default)]
pub struct Judge {
    known: RefCell<HashMap<String, Option<&'static str>>>,
}

/// What the comparison came to.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// The rule by which the guard blocked the text.
    pub blocked: Option<&'static str>,
    /// What was forbidden, of what bash did: the rule and what it was.
    pub forbidden: Vec<(&'static str, String)>,
    /// Programs that bash ran and the reading does not list.
    pub gaps: Vec<String>,
    /// The guard panicked.
    pub panicked: bool,
}

fn rule_of(verdict: &Verdict) -> Option<&'static str> {
    verdict.blocks().then(|| verdict.findings.first().map_or("?", |(_, finding)| finding.rule))
}

/// The guard's answer to a text; nothing if it panicked.
pub fn ask(text: &str) -> Option<Verdict> {
    let world = LabWorld::new();
    std::panic::catch_unwind(|| judge_shell(text, &world.context())).ok()
}

impl Judge {
    /// The rule by which a plain call is blocked.
    fn call(&self, noted: &Noted, argv: &[String]) -> Option<&'static str> {
        let plain = shlex::try_join(argv.iter().map(String::as_str)).ok()?;
        let text = match noted.cwd.to_str()? {
            "/home/u/project" => plain,
            cwd => format!("cd {} && {plain}", shlex::try_quote(cwd).ok()?),
        };
        let head = noted.head.as_ref().map(|(_, t)| t.as_str()).unwrap_or_default();
        self.cached(&format!("{head}\n{text}"), || {
            let mut world = LabWorld::new();
            if let Some((path, head)) = &noted.head {
                world = world.with(path, head);
            }
            rule_of(&judge_shell(&text, &world.context()))
        })
    }

    fn change(&self, what: &str, path: &Path) -> Option<&'static str> {
        let path = path.to_str()?;
        // What the stand-in of git does itself; what bash leaves of its own.
        if path.ends_with("/.git/HEAD") || path == "/dev/null" {
            return None;
        }
        self.cached(&format!("{what} {path}"), || {
            let world = LabWorld::new();
            let context = world.context();
            let quoted = shlex::try_quote(path).ok()?;
            if what == "deleted" {
                return rule_of(&judge_shell(&format!("rm -rf -- {quoted}"), &context));
            }
            rule_of(&judge_write(path, &context))
                .or_else(|| rule_of(&judge_shell(&format!(": > {quoted}"), &context)))
        })
    }

    fn cached(&self, key: &str, ask: impl FnOnce() -> Option<&'static str>) -> Option<&'static str> {
        if let Some(known) = self.known.borrow().get(key) {
            return *known;
        }
        let answer = ask();
        self.known.borrow_mut().insert(key.to_owned(), answer);
        answer
    }

    /// Compares.
    pub fn compare(&self, text: &str, ran: &Ran) -> Compared {
        let mut out = Compared::default();
        let Some(verdict) = ask(text) else {
            out.panicked = true;
            return out;
        };
        out.blocked = rule_of(&verdict);
        for noted in &ran.calls {
            let resolved = noted.resolved.as_ref().and_then(|argv| self.call(noted, argv));
            if noted.argv == ["payload-run"] {
                // Stored first, run then: the rules warn of that, which is what they are to do.
                if verdict.findings.iter().any(|(_, f)| f.rule == "net.download-then-run") {
                    continue;
                }
                out.forbidden.push(("payload-run", "a fetched or decoded text was run".to_owned()));
            } else if let Some(rule) = self.call(noted, &noted.argv).or(resolved) {
                out.forbidden.push((rule, format!("{} in {}", noted.argv.join(" "), noted.cwd.display())));
            }
            let name = noted.argv.first().map_or("", String::as_str);
            let listed = verdict.reading.calls.iter().any(|c| c.program.as_deref().is_none_or(|p| p == name));
            if !listed && !out.gaps.iter().any(|g| g == name) {
                out.gaps.push(name.to_owned());
            }
        }
        for (what, path) in &ran.changes {
            if let Some(rule) = self.change(what, path) {
                out.forbidden.push((rule, format!("{what} {}", path.display())));
            }
        }
        if ran.late && ran.said.contains("fork") {
            out.forbidden.push(("proc.fork-bomb", "too many processes".to_owned()));
        }
        out
    }
}
