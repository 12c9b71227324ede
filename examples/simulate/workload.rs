//! What sessions want to do, minute by minute, before any policy is asked: every policy meets the very
//! same demand, so that their numbers can be compared.

use crate::rng::Rng;

/// Minutes of a day and of a week.
pub const DAY: usize = 24 * 60;
pub const WEEK: usize = 7 * DAY;

/// How work comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All day long.
    Steady,
    /// All sessions at once, then almost none.
    Bursty,
    /// Eleven hours of a day.
    DayNight,
}

/// One set of circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    pub accounts: usize,
    pub sessions: usize,
    pub shape: Shape,
    /// Five-hour windows used up in five hours, on average over the whole time.
    pub rate: f64,
    /// How many five-hour windows are in a week's allowance.
    pub week: f64,
    /// The same for the week of one model, which all sessions use.
    pub model: Option<f64>,
    /// Now and then one session burns many times as much.
    pub runaway: bool,
    /// Whether status lines give usage.
    pub status_lines: bool,
    /// Whether all signals vanish for spans of hours.
    pub lost: bool,
    /// By how many minutes the endpoint's number is late.
    pub lag: usize,
    /// Whether idle accounts are never asked for.
    pub unheard: bool,
    /// Points of a five-hour window per hour used by others on each account, in spells.
    pub foreign: f64,
    /// Whether the first account is preferred to the second, and so on.
    pub ranked: bool,
}

const PLAIN: Workload = Workload {
    name: "steady-3",
    accounts: 3,
    sessions: 6,
    shape: Shape::Steady,
    rate: 2.4,
    week: 36.0,
    model: None,
    runaway: false,
    status_lines: true,
    lost: false,
    lag: 3,
    unheard: false,
    foreign: 0.0,
    ranked: false,
};

/// The standard set.
pub const ALL: [Workload; 15] = [
    Workload { name: "steady-2", accounts: 2, sessions: 4, rate: 1.5, ..PLAIN },
    PLAIN,
    Workload { name: "bursty-3", shape: Shape::Bursty, rate: 1.0, week: 16.0, ..PLAIN },
    Workload { name: "bursty-5", accounts: 5, sessions: 12, shape: Shape::Bursty, rate: 2.0, week: 16.0, ..PLAIN },
    Workload { name: "day-night-3", shape: Shape::DayNight, rate: 1.2, week: 16.0, ..PLAIN },
    Workload { name: "preferred-3", shape: Shape::DayNight, rate: 1.0, week: 16.0, ranked: true, ..PLAIN },
    Workload { name: "runaway-3", sessions: 5, rate: 1.0, week: 16.0, runaway: true, ..PLAIN },
    Workload { name: "heavy-2", accounts: 2, sessions: 4, rate: 0.5, week: 8.0, ..PLAIN },
    Workload { name: "heavy-5", accounts: 5, sessions: 8, rate: 1.25, week: 8.0, ..PLAIN },
    Workload { name: "heavy-8", accounts: 8, sessions: 12, shape: Shape::DayNight, rate: 1.9, week: 8.0, ..PLAIN },
    Workload { name: "model-3", sessions: 5, rate: 0.45, week: 10.0, model: Some(5.0), ..PLAIN },
    Workload { name: "lost-3", rate: 1.8, lost: true, ..PLAIN },
    Workload {
        name: "lagging-3",
        shape: Shape::Bursty,
        rate: 1.0,
        week: 16.0,
        status_lines: false,
        lag: 6,
        foreign: 3.0,
        ..PLAIN
    },
    Workload { name: "unheard-5", accounts: 5, sessions: 8, rate: 1.25, week: 8.0, unheard: true, ..PLAIN },
    Workload { name: "unheard-3", shape: Shape::DayNight, rate: 1.2, week: 16.0, unheard: true, ..PLAIN },
];

/// What one session wants in one minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// Points of a five-hour window; 0 if it has nothing to do.
    pub burn: f64,
    /// Whether a turn ends in it, so that the session hears how much is used.
    pub turn_ends: bool,
}

/// The whole demand of a run.
pub struct Demand {
    pub sessions: usize,
    pub minutes: usize,
    wants: Vec<Want>,
    /// What others burn on each account.
    foreign: Vec<f64>,
    accounts: usize,
    /// Minutes in which nothing is heard.
    pub silent: Vec<bool>,
    /// The minute of the first week's end of each account.
    pub phases: Vec<usize>,
}

impl Demand {
    pub fn new(w: &Workload, weeks: usize, seed: u64) -> Self {
        let minutes = weeks * WEEK;
        let mut rng = Rng::new(seed, w.name);
        let mut wants = vec![Want::default(); minutes * w.sessions];
        let busy = busy(w.shape, minutes, &mut rng);
        for s in 0..w.sessions {
            turns(&mut wants, w, s, &busy, &mut rng);
        }
        let total: f64 = wants.iter().map(|want| want.burn).sum();
        let scale = w.rate * 100.0 / 300.0 * minutes as f64 / total.max(1e-9);
        wants.iter_mut().for_each(|want| want.burn *= scale);
        if w.runaway {
            run_away(&mut wants, w.sessions, minutes, &mut rng);
        }
        let mut foreign = Vec::new();
        if w.foreign > 0.0 {
            foreign = vec![0.0; minutes * w.accounts];
            for a in 0..w.accounts {
                let on = spells(minutes, 360.0, 60.0, &mut rng);
                // In one minute of seven, so that the mean is what was asked for.
                on.iter().enumerate().filter(|(_, on)| **on).for_each(|(m, _)| {
                    foreign[m * w.accounts + a] = w.foreign * 7.0 / 60.0;
                });
            }
        }
        let silent = if w.lost { spells(minutes, 600.0, 90.0, &mut rng) } else { vec![false; minutes] };
        let phases = (0..w.accounts)
            .map(|a| ((a as f64 + rng.between(0.1, 0.9)) / w.accounts as f64 * WEEK as f64) as usize)
            .collect();
        Self { sessions: w.sessions, minutes, wants, foreign, accounts: w.accounts, silent, phases }
    }

    /// The wants of a minute, one a session.
    pub fn at(&self, minute: usize) -> &[Want] {
        &self.wants[minute * self.sessions..(minute + 1) * self.sessions]
    }

    /// What others burn on an account in a minute.
    pub fn foreign(&self, minute: usize, account: usize) -> f64 {
        self.foreign.get(minute * self.accounts + account).copied().unwrap_or(0.0)
    }
}

/// Spells of `length` minutes with `gap` minutes between them, on average.
fn spells(minutes: usize, gap: f64, length: f64, rng: &mut Rng) -> Vec<bool> {
    let mut on = vec![false; minutes];
    let mut m = rng.wait(gap);
    while m < minutes {
        let end = (m + rng.wait(length)).min(minutes);
        on[m..end].fill(true);
        m = end + rng.wait(gap);
    }
    on
}

/// How likely a session has work, minute by minute.
fn busy(shape: Shape, minutes: usize, rng: &mut Rng) -> Vec<f64> {
    match shape {
        Shape::Steady => vec![0.85; minutes],
        Shape::Bursty => {
            spells(minutes, 120.0, 60.0, rng).iter().map(|on| if *on { 0.95 } else { 0.15 }).collect()
        }
        Shape::DayNight => {
            (0..minutes).map(|m| if (8 * 60..19 * 60).contains(&(m % DAY)) { 0.9 } else { 0.1 }).collect()
        }
    }
}

/// Fills in one session: spells of work made of turns, each with a burn of its own.
fn turns(wants: &mut [Want], w: &Workload, session: usize, busy: &[f64], rng: &mut Rng) {
    let mut m = 0;
    while m < busy.len() {
        // A spell of work or of rest; a rest is looked at again soon, since a burst may have begun.
        if !rng.chance(busy[m]) {
            m += rng.wait(8.0);
            continue;
        }
        let end = (m + rng.wait(45.0)).min(busy.len());
        while m < end {
            let length = rng.between(1.0, 7.0) as usize;
            let burn = rng.between(-1.0, 1.0).exp();
            let last = (m + length).min(end) - 1;
            for minute in m..=last {
                wants[minute * w.sessions + session] = Want { burn, turn_ends: minute == last };
            }
            m = last + 1;
        }
    }
}

/// The first session goes wild about once a day: it alone fills a window in an hour or two.
fn run_away(wants: &mut [Want], sessions: usize, minutes: usize, rng: &mut Rng) {
    let on = spells(minutes, 1200.0, 90.0, rng);
    for (m, _) in on.iter().enumerate().filter(|(_, on)| **on) {
        wants[m * sessions] = Want { burn: rng.between(0.7, 1.7), turn_ends: rng.chance(0.25) };
    }
}
