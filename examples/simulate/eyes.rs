//! What can be known of the truth: status lines after a turn, old ones repeated, the endpoint's late
//! number at its pace, refused turns. All of it goes through the program's own `quota::take`.

use claude_failover::model::forecast::{self, Forecast};
use claude_failover::model::quota::{self, Limit, Readings, Signal, Source, Window};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

use crate::rng::Rng;
use crate::workload::{Demand, Workload};
use crate::world::World;

/// Simulated minutes as times.
pub fn at(minute: usize) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000 + minute as i64 * 60)
}

/// The only model that is used.
pub const MODEL: &str = "opus";

/// How often the endpoint is asked, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// For the active account.
    pub active: usize,
    /// For the others; 0 is never.
    pub idle: usize,
}

/// Number, end, of the five hours, the week and the model's week, as the service would tell them.
type Told = [Option<(f64, Option<usize>)>; 3];

fn told(world: &World, account: usize) -> Told {
    let a = &world.accounts[account];
    // Whole points, and never more than all.
    let tell = |s: &crate::world::Span| (s.percent().min(100.0).floor(), s.ends);
    [Some(tell(&a.five)), Some(tell(&a.week)), a.model.as_ref().map(tell)]
}

/// What is known of one account.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub readings: Readings,
    pub limits: BTreeMap<Window, Limit>,
    pub blind: Option<Limit>,
    history: Vec<Signal>,
    late: VecDeque<Told>,
    next_poll: usize,
}

impl Known {
    /// Keeps a signal, as the program does: one that says nothing new only every five minutes.
    fn hear(&mut self, signal: Signal, now: Timestamp) {
        if quota::take(&mut self.readings, &signal, now).is_err() {
            return;
        }
        let last = self.history.iter().rev().find(|s| s.window == signal.window);
        let says_nothing = last.is_some_and(|l| {
            l.percent == signal.percent && now.duration_since(l.at) < SignedDuration::from_mins(5)
        });
        if !says_nothing {
            self.history.push(signal);
        }
    }

    /// How each window goes on.
    pub fn forecasts(&self, now: Timestamp) -> BTreeMap<Window, Forecast> {
        let alive = self.readings.iter().filter(|(_, r)| r.is_alive(now));
        alive
            .filter_map(|(window, reading)| {
                let points = forecast::points(&self.history, window, reading, now);
                Some((window.clone(), forecast::forecast(&points, reading, now)?))
            })
            .collect()
    }

    /// Percent of the fullest window that is known to be going on.
    pub fn fullest(&self, now: Timestamp) -> Option<f64> {
        self.readings.values().filter(|r| r.is_alive(now)).map(|r| r.percent).max_by(f64::total_cmp)
    }

    pub fn is_limited(&self, now: Timestamp) -> bool {
        self.limits.values().chain(&self.blind).any(|l| l.holds(now))
    }
}

/// The eyes of one policy.
pub struct Eyes {
    pub known: Vec<Known>,
    pace: Pace,
    status_lines: bool,
    lag: usize,
    /// What each session has heard last, and on which account.
    heard: Vec<Option<(usize, Told)>>,
    rng: Rng,
}

impl Eyes {
    pub fn new(w: &Workload, pace: Pace, seed: u64) -> Self {
        let idle = if w.unheard { 0 } else { pace.idle };
        Self {
            known: vec![Known::default(); w.accounts],
            pace: Pace { idle, ..pace },
            status_lines: w.status_lines,
            lag: w.lag,
            heard: vec![None; w.sessions],
            rng: Rng::new(seed, "eyes"),
        }
    }

    /// Looks at the world after a minute. `hit` tells that a turn was refused in it.
    pub fn look(&mut self, world: &World, minute: usize, demand: &Demand, hit: bool) {
        let (now, silent) = (at(minute), demand.silent[minute]);
        let active = world.active;
        if self.status_lines {
            let fresh = told(world, active);
            for (s, want) in demand.at(minute).iter().enumerate() {
                if want.burn > 0.0 && want.turn_ends && !world.accounts[active].is_full() {
                    self.heard[s] = Some((active, fresh));
                } else if !self.rng.chance(0.1) {
                    continue; // now and then an old word is said again
                }
                if let Some((account, words)) = self.heard[s].filter(|_| !silent) {
                    // The week of a model is in no status line.
                    self.say(account, &[words[0], words[1], None], Source::StatusLine, now);
                }
            }
        }
        for a in 0..self.known.len() {
            let words = told(world, a);
            let late = &mut self.known[a].late;
            late.push_back(words);
            let words = if late.len() > self.lag { late.pop_front() } else { late.front().copied() };
            let pace = if a == active { self.pace.active } else { self.pace.idle };
            if pace > 0 && minute >= self.known[a].next_poll && !silent {
                self.known[a].next_poll = minute + pace;
                self.say(a, &words.unwrap_or_default(), Source::Endpoint, now);
            }
        }
        if hit {
            self.refused(world, minute, silent);
        }
        if minute.is_multiple_of(60) {
            let since = now - SignedDuration::from_hours(13);
            self.known.iter_mut().for_each(|k| k.history.retain(|s| s.at >= since));
        }
    }

    /// The hook always reports; in silence it does not know which limit it was, nor until when.
    fn refused(&mut self, world: &World, minute: usize, silent: bool) {
        let (a, now) = (world.active, at(minute));
        let spans = told(world, a).into_iter().zip(windows());
        let known = &mut self.known[a];
        if silent {
            known.blind = Some(Limit { at: now, until: None, source: Source::Failure });
            return;
        }
        for (words, window) in spans {
            if let Some((_, Some(ends))) = words.filter(|(percent, _)| *percent >= 100.0) {
                let limit = Limit { at: now, until: Some(at(ends)), source: Source::Transcript };
                known.limits.insert(window, limit);
            }
        }
    }

    fn say(&mut self, account: usize, words: &Told, source: Source, now: Timestamp) {
        for (word, window) in words.iter().zip(windows()) {
            let Some((percent, ends)) = *word else { continue };
            let signal = Signal {
                at: now,
                source,
                window: Some(window),
                percent: Some(percent),
                resets_at: ends.map(at),
                hit: false,
                session: None,
            };
            self.known[account].hear(signal, now);
        }
    }
}

fn windows() -> [Window; 3] {
    [Window::FiveHour, Window::SevenDay, Window::Model(MODEL.to_owned())]
}
