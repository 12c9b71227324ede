//! The rules: a table of data, and one matcher file for each kind.
//!
//! A file has its rules as `RULES` and holds a reading against them with `judge`; here they are only listed.
//! The rules about paths judge single changes; [`on_paths`] finds these and hands them round.

pub mod bomb;
pub mod code;
pub mod cron;
pub mod deletion;
pub mod devices;
pub mod git;
pub mod input;
pub mod modes;
pub mod network;
pub mod on_paths;
pub mod protected;
pub mod sudo;
pub mod switches;
pub mod unparsed;
pub mod warnings;

use super::reading::Reading;
use super::verdict::{Finding, Rule};
use super::world::Context;

/// All rules by kind, in the order of the documentation.
static RULES: &[&[Rule]] = &[
    deletion::RULES,
    devices::RULES,
    git::RULES,
    modes::RULES,
    protected::RULES,
    sudo::RULES,
    network::RULES,
    bomb::RULES,
    cron::RULES,
    switches::RULES,
    warnings::RULES,
    input::RULES,
    unparsed::RULES,
];

/// What holds a reading against the rules of one kind, or of several.
type Judge = fn(&Reading, &Context<'_>, &mut Vec<Finding>);

static JUDGES: &[Judge] = &[
    on_paths::judge,
    code::judge,
    git::judge,
    sudo::judge,
    network::judge,
    bomb::judge,
    cron::judge,
    switches::judge,
    warnings::judge,
    input::judge,
    unparsed::judge,
];

/// All rules, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten()
}

/// A rule by its id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Holds a reading against every rule. A rule finds the same thing once, however often it stands in the line.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let before = findings.len();
    for judge in JUDGES {
        judge(reading, context, findings);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut at = 0;
    findings.retain(|finding| {
        at += 1;
        at <= before || seen.insert((finding.rule, finding.reading.clone()))
    });
}

/// Holds a write by a tool against the rules about files. `path` as the tool was given it.
pub fn judge_write(path: &str, context: &Context<'_>, findings: &mut Vec<Finding>) {
    protected::judge_write(path, context, findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::judge_shell;
    use crate::model::guard::world::made_up::MadeUp;

    #[test]
    fn ids_are_given_once_and_every_rule_has_its_examples() {
        let mut ids = std::collections::BTreeSet::new();
        for rule in all() {
            assert!(ids.insert(rule.id), "{} twice", rule.id);
            // What is found before anything is read has no command for an example.
            if rule.id.starts_with("input.") {
                continue;
            }
            assert!(rule.finds.len() >= 12, "{} has {} examples to find", rule.id, rule.finds.len());
            assert!(rule.passes.len() >= 12, "{} has {} examples to pass", rule.id, rule.passes.len());
        }
    }

    #[test]
    fn every_rule_finds_and_passes_its_examples() {
        let world = MadeUp::new();
        let context = world.context();
        let mut wrong = Vec::new();
        for rule in all() {
            for text in rule.finds {
                let verdict = judge_shell(text, &context);
                if !verdict.findings.iter().any(|(_, f)| f.rule == rule.id) {
                    wrong.push(format!("{} does not find: {text}", rule.id));
                }
            }
            for text in rule.passes {
                for (_, f) in judge_shell(text, &context).findings {
                    wrong.push(format!("{}: {} finds in: {text} ({})", rule.id, f.rule, f.reading));
                }
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn advice_passes_the_guard() {
        let world = MadeUp::new();
        for rule in all() {
            for command in rule.instead.split('`').skip(1).step_by(2) {
                let verdict = judge_shell(command, &world.context());
                assert!(verdict.findings.is_empty(), "{}: {command}: {:?}", rule.id, verdict.findings);
            }
        }
    }
}
