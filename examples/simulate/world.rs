//! The truth: allowances as the service counts them, and what becomes of the sessions' wants on the
//! account that is active. Nothing here knows what a policy sees.

use crate::workload::{Demand, WEEK, Workload};

/// What a move costs.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Minutes for which each session stands still.
    pub minutes: f64,
    /// Sessions moved at a time.
    pub ramp: usize,
    /// Points of a five-hour window to read a conversation again without its cache.
    pub reread: f64,
}

/// The default costs: twenty seconds, four at a time.
pub const COSTS: Costs = Costs { minutes: 20.0 / 60.0, ramp: 4, reread: 0.3 };

/// Fewer points than this are eaten up by the reading again: an account with less has no room.
const WORTH: f64 = 3.0;

/// One allowance, in points of a five-hour window.
#[derive(Clone, Debug)]
pub struct Span {
    pub used: f64,
    pub most: f64,
    /// The minute of its end; `None` for one that has not begun.
    pub ends: Option<usize>,
    /// How much work waited in its time that this account could have done.
    waited: f64,
}

impl Span {
    pub fn percent(&self) -> f64 {
        self.used / self.most * 100.0
    }

    pub fn is_full(&self) -> bool {
        self.used >= self.most
    }

    /// Ends it if it is time, and says what per cent was left while work waited.
    fn roll(&mut self, now: usize, next: Option<usize>) -> f64 {
        if self.ends.is_none_or(|ends| now < ends) {
            return 0.0;
        }
        let unused = (self.most - self.used).max(0.0).min(self.waited) / self.most * 100.0;
        *self = Self { used: 0.0, most: self.most, ends: next, waited: 0.0 };
        unused
    }
}

/// One account's allowances: five hours, the week, the model's week.
#[derive(Clone, Debug)]
pub struct Account {
    pub five: Span,
    pub week: Span,
    pub model: Option<Span>,
    /// Whether a turn was refused since it is full.
    known_full: bool,
}

impl Account {
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        [&self.five, &self.week].into_iter().chain(&self.model)
    }

    fn spans_mut(&mut self) -> impl Iterator<Item = &mut Span> {
        [&mut self.five, &mut self.week].into_iter().chain(&mut self.model)
    }

    pub fn is_full(&self) -> bool {
        self.spans().any(Span::is_full)
    }

    /// Whether there is so much left that a move there is worth its cost.
    pub fn has_room(&self) -> bool {
        self.spans().all(|s| s.most - s.used >= WORTH)
    }

    fn spend(&mut self, now: usize, points: f64) {
        // The first message begins the five hours.
        self.five.ends.get_or_insert(now + 300);
        self.spans_mut().for_each(|s| s.used += points);
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Working sessions whose turn was refused.
    pub hits: f64,
    /// Those among them while another account had room.
    pub avoidable_hits: f64,
    /// Sessions that worked on beyond 95 % of the five hours, where the service makes them wrap up.
    pub wrap_ups: f64,
    /// Minutes stood still while another account had room.
    pub avoidable: f64,
    /// Minutes stood still while none had.
    pub unavoidable: f64,
    /// Minutes stood still because of the moves themselves.
    pub moving: f64,
    /// Moves.
    pub switches: f64,
    /// Per cent of five-hour windows unused at their end while work waited.
    pub unused_five: f64,
    /// The same of weeks.
    pub unused_week: f64,
    /// Minutes for which sessions had work.
    pub wanted: f64,
    /// Days.
    pub days: f64,
}

impl Score {
    /// Everything that another policy could have saved.
    pub fn lost_avoidable(&self) -> f64 {
        self.avoidable + self.moving
    }

    pub fn lost(&self) -> f64 {
        self.lost_avoidable() + self.unavoidable
    }

    pub fn switches_a_day(&self) -> f64 {
        self.switches / self.days.max(1e-9)
    }

    pub fn add(&mut self, o: &Self) {
        self.hits += o.hits;
        self.avoidable_hits += o.avoidable_hits;
        self.wrap_ups += o.wrap_ups;
        self.avoidable += o.avoidable;
        self.unavoidable += o.unavoidable;
        self.moving += o.moving;
        self.switches += o.switches;
        self.unused_five += o.unused_five;
        self.unused_week += o.unused_week;
        self.wanted += o.wanted;
        self.days += o.days;
    }
}

/// The world at a moment.
#[derive(Clone, Debug)]
pub struct World {
    pub accounts: Vec<Account>,
    pub active: usize,
    pub score: Score,
    costs: Costs,
    /// The account that was left in the last minute, and whether it was full.
    moved: Option<bool>,
    worked: Vec<bool>,
    stalled: Vec<bool>,
    wrapping: Vec<bool>,
    rereads: Vec<bool>,
}

impl World {
    pub fn new(w: &Workload, demand: &Demand) -> Self {
        let account = |a: usize| {
            let week = |windows: f64| Span {
                used: 0.0,
                most: windows * 100.0,
                ends: Some(demand.phases[a]),
                waited: 0.0,
            };
            let five = Span { used: 0.0, most: 100.0, ends: None, waited: 0.0 };
            Account { five, week: week(w.week), model: w.model.map(week), known_full: false }
        };
        let no = vec![false; w.sessions];
        Self {
            accounts: (0..w.accounts).map(account).collect(),
            active: 0,
            score: Score { days: demand.minutes as f64 / 1440.0, ..Score::default() },
            costs: COSTS,
            moved: None,
            worked: no.clone(),
            stalled: no.clone(),
            wrapping: no.clone(),
            rereads: no,
        }
    }

    /// Moves the sessions; they feel it in the minute to come.
    pub fn switch(&mut self, to: usize) {
        self.moved = Some(self.accounts[self.active].is_full());
        self.active = to;
        self.score.switches += 1.0;
        self.rereads.fill(true);
    }

    /// Whether any account has room.
    pub fn has_room(&self) -> bool {
        self.accounts.iter().any(Account::has_room)
    }

    /// Lives through a minute; says whether a turn was refused.
    pub fn minute(&mut self, now: usize, demand: &Demand) -> bool {
        for (a, account) in self.accounts.iter_mut().enumerate() {
            self.score.unused_five += account.five.roll(now, None);
            let next = Some(now + WEEK);
            let unused = account.week.roll(now, next);
            let model = account.model.as_mut().map_or(0.0, |m| m.roll(now, next));
            self.score.unused_week += unused.min(if account.model.is_some() { model } else { unused });
            account.known_full &= account.is_full();
            let foreign = demand.foreign(now, a);
            if foreign > 0.0 && !account.is_full() {
                account.spend(now, foreign);
            }
        }
        let moved = self.moved.take();
        let mut hit = false;
        for (s, want) in demand.at(now).iter().enumerate() {
            if want.burn <= 0.0 {
                self.worked[s] = false;
                continue;
            }
            self.score.wanted += 1.0;
            let still = moved.map_or(0.0, |was_full| self.moving_time(s, was_full));
            self.score.moving += still;
            if self.accounts[self.active].is_full() {
                hit |= self.refuse(s, want.burn, 1.0 - still);
                continue;
            }
            let reread = if std::mem::take(&mut self.rereads[s]) { self.costs.reread } else { 0.0 };
            let account = &mut self.accounts[self.active];
            account.spend(now, want.burn * (1.0 - still) + reread);
            let wraps = account.five.percent() >= 95.0;
            self.score.wrap_ups += f64::from(u8::from(wraps && !self.wrapping[s]));
            self.wrapping[s] = wraps;
            (self.worked[s], self.stalled[s]) = (true, false);
        }
        if hit {
            self.accounts[self.active].known_full = true;
        }
        hit
    }

    /// Sessions work on where they are until it is their turn, if they still can.
    fn moving_time(&self, session: usize, was_full: bool) -> f64 {
        let before = if was_full { session / self.costs.ramp } else { 0 };
        ((before + 1) as f64 * self.costs.minutes).min(1.0)
    }

    /// The account is full. A hit is what a working session, or the first to notice, runs into.
    fn refuse(&mut self, s: usize, burn: f64, minutes: f64) -> bool {
        let avoidable = self.has_room();
        let hit = !self.stalled[s] && (self.worked[s] || !self.accounts[self.active].known_full);
        if hit {
            self.score.hits += 1.0;
            self.score.avoidable_hits += f64::from(u8::from(avoidable));
        }
        (self.stalled[s], self.worked[s]) = (true, false);
        if avoidable {
            self.score.avoidable += minutes;
        } else {
            self.score.unavoidable += minutes;
        }
        for account in self.accounts.iter_mut().filter(|a| a.has_room()) {
            account.spans_mut().for_each(|span| span.waited += burn);
        }
        hit
    }
}
