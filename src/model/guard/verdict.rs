//! What comes of judging a call.

use super::policy::{Effect, Policy};
use super::reading::Reading;

/// A rule, as data: what it is for, what it does, and examples that are tests and documentation at once.
#[derive(Debug)]
pub struct Rule {
    /// Its id, part of the interface: `fs.delete-home`.
    pub id: &'static str,
    /// What it does unless the operator says otherwise.
    pub effect: Effect,
    /// What it blocks or warns of, one line.
    pub title: &'static str,
    /// What an agent may do instead, one or two lines; commands in it stand in backquotes and pass the guard.
    pub instead: &'static str,
    /// Programs and words at which text that cannot be parsed is blocked.
    pub verbs: &'static [&'static str],
    /// Commands that it must find. They run in no shell: only the guard reads them.
    pub finds: &'static [&'static str],
    /// Commands that look like it and must pass every rule.
    pub passes: &'static [&'static str],
}

/// Something that a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// What was read as what: `rm would delete /home/u, the home` (lower case, no full stop, no secrets).
    pub reading: String,
}

/// The answer to one tool call.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What was found, each with what it leads to under the policy; what is switched off is not in it.
    pub findings: Vec<(Effect, Finding)>,
    /// What was read, for `--explain`.
    pub reading: Reading,
}

impl Verdict {
    /// A verdict of findings under a policy.
    #[must_use]
    pub fn of(findings: Vec<Finding>, reading: Reading, policy: &Policy) -> Self {
        let effect = |f: &Finding| {
            let built_in = super::rules::rule(f.rule).map_or(Effect::Block, |rule| rule.effect);
            policy.rules.get(f.rule).copied().unwrap_or(built_in)
        };
        let mut findings: Vec<_> =
            findings.into_iter().map(|f| (effect(&f), f)).filter(|(effect, _)| *effect != Effect::Off).collect();
        findings.sort_by_key(|(effect, _)| std::cmp::Reverse(*effect));
        Verdict { findings, reading }
    }

    /// Whether the call must not run.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.findings.iter().any(|(effect, _)| *effect == Effect::Block)
    }
}
