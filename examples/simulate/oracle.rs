//! Knows what is used and what will be wanted: it moves only when the account is about to be full, to
//! where a look into the future says that least is lost.

use crate::workload::{DAY, Demand};
use crate::world::World;

/// How far it looks.
const AHEAD: usize = 5 * DAY;
/// How far it looks for how long an account serves.
const SERVES: usize = DAY;

/// Whether an account is full, or cannot serve all of the coming minute.
fn gives_out(world: &World, account: usize, minute: usize, demand: &Demand) -> bool {
    let need: f64 = demand.at(minute).iter().map(|w| w.burn).sum();
    let a = &world.accounts[account];
    let is_over = |s: &crate::world::Span| s.ends.is_some_and(|ends| ends <= minute);
    a.spans().any(|s| !is_over(s) && (s.is_full() || s.used + need >= s.most))
}

/// For how many minutes an account alone would serve what is to come.
fn lasts(world: &World, account: usize, minute: usize, demand: &Demand) -> usize {
    let a = &world.accounts[account];
    let mut spans: Vec<(f64, f64, Option<usize>)> = a.spans().map(|s| (s.used, s.most, s.ends)).collect();
    let end = (minute + SERVES).min(demand.minutes);
    for m in minute..end {
        let need: f64 = demand.at(m).iter().map(|w| w.burn).sum::<f64>() + demand.foreign(m, account);
        for (used, most, ends) in &mut spans {
            if ends.is_some_and(|e| e <= m) {
                (*used, *ends) = (0.0, None);
            }
            *used += need;
            if *used >= *most {
                return m - minute;
            }
        }
    }
    SERVES
}

/// How the future is played through after a first move.
#[derive(Clone, Copy)]
enum Then {
    /// Always to the account that serves longest.
    Longest,
    /// To the one whose week ends first, as long as it serves for a while.
    Soonest,
}

/// The next account by a rule.
fn next_by(rule: Then, world: &World, minute: usize, demand: &Demand) -> usize {
    let key = |a: usize| {
        let minutes = lasts(world, a, minute, demand);
        let week = world.accounts[a].week.ends.unwrap_or(usize::MAX);
        match rule {
            Then::Longest => (true, minutes, usize::MAX - week),
            Then::Soonest => (minutes >= 20, if minutes >= 20 { usize::MAX - week } else { minutes }, minutes),
        }
    };
    // The active one comes first among equals.
    let others = (0..world.accounts.len()).filter(|a| *a != world.active);
    others.fold(world.active, |best, a| if key(a) > key(best) { a } else { best })
}

/// What would be lost after a move to `to`, with the better of the two rules for every later one.
fn cost(world: &World, to: usize, minute: usize, demand: &Demand) -> f64 {
    let play = |rule: Then| {
        let mut world = world.clone();
        let before = world.score.lost();
        if to != world.active {
            world.switch(to);
        }
        for m in minute..(minute + AHEAD).min(demand.minutes) {
            if m > minute && gives_out(&world, world.active, m, demand) {
                let next = next_by(rule, &world, m, demand);
                if next != world.active {
                    world.switch(next);
                }
            }
            world.minute(m, demand);
        }
        world.score.lost() - before
    };
    play(Then::Longest).min(play(Then::Soonest))
}

/// Where to go before the minute `next` begins, if anywhere.
pub fn decide(world: &World, next: usize, demand: &Demand) -> Option<usize> {
    if next >= demand.minutes || !gives_out(world, world.active, next, demand) {
        return None;
    }
    let others = || (0..world.accounts.len()).filter(|a| *a != world.active);
    let mut open: Vec<usize> = others().filter(|a| !gives_out(world, *a, next, demand)).collect();
    if open.is_empty() && world.accounts[world.active].is_full() {
        open = others().filter(|a| world.accounts[*a].has_room()).collect();
    }
    open.insert(0, world.active);
    let costs: Vec<(usize, f64)> = open.into_iter().map(|a| (a, cost(world, a, next, demand))).collect();
    // Staying comes first, so that nothing is moved for nothing.
    // Half a minute more or less is the week's that ends first, or it would go to waste.
    let least = costs.iter().map(|(_, cost)| *cost).min_by(f64::total_cmp)?;
    let week = |a: usize| if a == world.active { None } else { world.accounts[a].week.ends };
    let best = costs.iter().filter(|(_, cost)| *cost <= least + 0.5).min_by_key(|(a, _)| week(*a))?;
    (best.0 != world.active).then_some(best.0)
}
