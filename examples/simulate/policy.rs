//! The policies that are compared. Ours is the program's own `decide`; nothing of it is copied here.

use claude_failover::model::account::{AccountKind, AccountView, Login, MoneyPolicy, Thresholds};
use claude_failover::model::name::AccountName;
use claude_failover::model::switch::{self, Memory, Past, Policy, Verdict};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

use crate::eyes::{Eyes, MODEL, Pace, at};
use crate::workload::Workload;

/// Everything that can be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub thresholds: Thresholds,
    pub policy: Policy,
    pub pace: Pace,
}

/// The project's defaults.
pub const DEFAULTS: Settings = Settings {
    thresholds: Thresholds { five_hour: 90.0, seven_day: 95.0, model: 95.0 },
    policy: Policy {
        hysteresis: 10.0,
        cooldown: SignedDuration::from_mins(5),
        max_per_hour: 4,
        lookahead: SignedDuration::from_mins(3),
        fail_back: true,
        money: MoneyPolicy::Never,
    },
    pace: Pace { active: 5, idle: 10 },
};

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The program.
    Ours,
    /// Moves when a limit is hit.
    WhenHit,
    /// Moves at 90 %.
    Fixed,
    /// Knows the truth and what is to come.
    Oracle,
}

impl Who {
    pub const ALL: [Self; 4] = [Self::Ours, Self::WhenHit, Self::Fixed, Self::Oracle];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::WhenHit => "when-hit",
            Self::Fixed => "fixed-90",
            Self::Oracle => "oracle",
        }
    }
}

/// The program's decision with what it remembers.
pub struct Ours {
    settings: Settings,
    names: Vec<AccountName>,
    ranked: bool,
    memory: Memory,
    left: Vec<Option<Timestamp>>,
}

impl Ours {
    pub fn new(w: &Workload, settings: Settings) -> Self {
        let names = (1..=w.accounts).filter_map(|n| AccountName::new(format!("account-{n}")).ok()).collect();
        Self { settings, names, ranked: w.ranked, memory: Memory::default(), left: vec![None; w.accounts] }
    }

    fn view(&self, eyes: &Eyes, a: usize, is_active: bool, now: Timestamp) -> AccountView {
        let known = &eyes.known[a];
        AccountView {
            name: self.names[a].clone(),
            kind: AccountKind::Subscription,
            priority: if self.ranked { a as i64 + 1 } else { 1 },
            disabled: false,
            thresholds: self.settings.thresholds,
            login: Login::Valid { ends: None },
            readings: known.readings.clone(),
            // Nothing runs on the others: how they went on says nothing.
            forecasts: if is_active { known.forecasts(now) } else { BTreeMap::new() },
            limits: known.limits.clone(),
            blind_limit: known.blind.clone(),
            trouble: None,
            spends_money: Some(false),
            paused: None,
            left: self.left[a],
            models: vec![MODEL.to_owned()],
        }
    }

    /// Where to go, if anywhere.
    pub fn decide(&mut self, eyes: &Eyes, active: usize, minute: usize) -> Option<usize> {
        let now = at(minute);
        let views: Vec<AccountView> =
            (0..self.names.len()).map(|a| self.view(eyes, a, a == active, now)).collect();
        let from = &self.names[active];
        let decision = switch::decide(now, &views, from, &self.memory, &self.settings.policy, &[]);
        self.memory.weak = switch::remember(&self.memory, &[], now);
        let Verdict::Switch { to, trigger, why } = decision.verdict else { return None };
        if trigger != switch::Trigger::FailBack {
            self.left[active] = Some(now);
        }
        self.memory.past.push(Past { at: now, from: from.clone(), to: to.clone(), by_person: false, why });
        // The program keeps but the last few.
        if self.memory.past.len() > 50 {
            self.memory.past.remove(0);
        }
        self.names.iter().position(|n| *n == to)
    }
}

/// The account with the most room as far as is known; unknown ones come last.
fn roomiest(eyes: &Eyes, active: usize, now: Timestamp, below: f64) -> Option<usize> {
    let used = |a: usize| eyes.known[a].fullest(now).unwrap_or(50.0);
    (0..eyes.known.len())
        .filter(|a| *a != active && !eyes.known[*a].is_limited(now) && used(*a) < below)
        .min_by(|a, b| used(*a).total_cmp(&used(*b)))
}

/// Waits until a limit is hit.
pub fn when_hit(eyes: &Eyes, active: usize, minute: usize) -> Option<usize> {
    let now = at(minute);
    eyes.known[active].is_limited(now).then(|| roomiest(eyes, active, now, f64::MAX))?
}

/// Goes at a fixed threshold.
pub fn fixed(eyes: &Eyes, active: usize, minute: usize, threshold: f64) -> Option<usize> {
    let now = at(minute);
    let over = eyes.known[active].fullest(now).is_some_and(|used| used >= threshold);
    let next = over.then(|| roomiest(eyes, active, now, threshold)).flatten();
    next.or_else(|| when_hit(eyes, active, minute))
}
