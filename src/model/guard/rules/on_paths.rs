//! What the rules about paths have in common: each change of each call is looked up once and handed to all.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{deletion, devices, modes, protected};
use crate::model::guard::changes::{self, Change};
use crate::model::guard::paths::absolute::Absolute;
use crate::model::guard::paths::{Last, Paths};
use crate::model::guard::reading::{Call, Dir, Place, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::Finding;
use crate::model::guard::world::Context;
use crate::model::name::shown;

/// The most findings of one line: whoever reads them needs no more.
const MAX_FINDINGS: usize = 32;

/// A change of a call, for the rules.
pub struct Seen<'a> {
    /// What knows what paths are.
    pub paths: &'a Paths<'a>,
    /// The call.
    pub call: &'a Call,
    /// What it would do.
    pub change: &'a Change,
    /// What has been looked up for the rule before.
    located: Vec<(Value, Last, Rc<[Absolute]>)>,
    found: &'a mut BTreeSet<(&'static str, String)>,
    findings: &'a mut Vec<Finding>,
}

impl Seen<'_> {
    /// What a path of the change could be.
    #[must_use]
    pub fn locate(&mut self, path: &Value, last: Last) -> Rc<[Absolute]> {
        if let Some((.., known)) = self.located.iter().find(|(p, l, _)| *l == last && p == path) {
            return Rc::clone(known);
        }
        let at: Rc<[Absolute]> = self.paths.locate(path, self.call, last).into();
        self.located.push((path.clone(), last, Rc::clone(&at)));
        at
    }

    /// Says what is wrong with a path, once for each rule.
    pub fn report(&mut self, rule: &'static str, would: &str, path: &Value, at: &Absolute, what: &str) {
        let place = at.shown();
        if self.findings.len() >= MAX_FINDINGS || !self.found.insert((rule, place.clone())) {
            return;
        }
        let program = match self.call.argv.first() {
            Some(_) if self.call.program.is_some() => shown(self.call.program.as_deref().unwrap_or_default()),
            Some(_) => "an unknown program".to_owned(),
            None => "a redirection".to_owned(),
        };
        let mut reading = format!("{program} would {would} {place}, {what}");
        if at.unsure() {
            reading.push_str(", if what is not known in it is empty");
        }
        if !path.if_empty().starts_with('/') && at.here {
            match &self.call.dir {
                Dir::Known(dir) => reading.push_str(&format!(" (read in {})", shown(&dir.to_string_lossy()))),
                Dir::Unknown => reading.push_str(" (read in an unknown directory)"),
            }
        }
        if !at.here {
            reading.push_str(", on another machine or in a container");
        }
        self.findings.push(Finding { rule, reading });
    }
}

/// Holds a reading against the rules about paths.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut paths = None;
    for call in &reading.calls {
        let changes = changes::changes(call);
        if changes.is_empty() {
            continue;
        }
        let paths = paths.get_or_insert_with(|| Paths::new(context));
        let mut found = BTreeSet::new();
        for change in &changes {
            match change {
                Change::Elsewhere(change) => {
                    let far =
                        Call { place: Place::Elsewhere, dir: Dir::Unknown, links: Rc::default(), ..call.clone() };
                    judge_change(Seen {
                        paths,
                        call: &far,
                        change,
                        located: Vec::new(),
                        found: &mut found,
                        findings,
                    });
                }
                change => {
                    judge_change(Seen { paths, call, change, located: Vec::new(), found: &mut found, findings });
                }
            }
        }
    }
}

fn judge_change(mut seen: Seen<'_>) {
    deletion::judge(&mut seen);
    devices::judge(&mut seen);
    modes::judge(&mut seen);
    protected::judge(&mut seen);
}

#[cfg(test)]
mod tests;
