//! Varies one setting at a time around the project's defaults, over all workloads and several seeds,
//! and marks the best: fewest avoidable hits, then fewest avoidable minutes lost, then fewest moves.

use jiff::SignedDuration;

use crate::policy::{DEFAULTS, Settings, Who};
use crate::report::in_parallel;
use crate::run::run;
use crate::workload::{Demand, Workload};
use crate::world::Score;

/// One setting with what it came to.
pub struct Row {
    pub setting: &'static str,
    pub value: String,
    /// `*` the default, `+` the best.
    pub mark: &'static str,
    pub score: Score,
}

type Set = fn(&mut Settings, f64);

/// Every setting with the values that are tried.
const KNOBS: [(&str, &[f64], Set); 10] = [
    ("five_hour", &[80.0, 82.0, 85.0, 88.0, 90.0, 92.0, 94.0, 96.0, 98.0], |s, v| s.thresholds.five_hour = v),
    ("seven_day", &[90.0, 92.0, 94.0, 95.0, 96.0, 97.0, 98.0, 99.0], |s, v| s.thresholds.seven_day = v),
    ("model", &[85.0, 90.0, 93.0, 95.0, 97.0, 99.0], |s, v| s.thresholds.model = v),
    ("hysteresis", &[2.0, 5.0, 10.0, 15.0, 20.0], |s, v| s.policy.hysteresis = v),
    ("lookahead", &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0], |s, v| s.policy.lookahead = mins(v)),
    ("cooldown", &[0.0, 2.0, 5.0, 10.0, 20.0, 30.0], |s, v| s.policy.cooldown = mins(v)),
    ("max_per_hour", &[2.0, 3.0, 4.0, 6.0, 12.0], |s, v| s.policy.max_per_hour = v as usize),
    ("fail_back", &[0.0, 1.0], |s, v| s.policy.fail_back = v > 0.0),
    ("poll active", &[3.0, 4.0, 5.0, 7.0, 10.0, 15.0], |s, v| s.pace.active = v as usize),
    ("poll idle", &[0.0, 5.0, 10.0, 15.0, 30.0, 60.0], |s, v| s.pace.idle = v as usize),
];

fn mins(v: f64) -> SignedDuration {
    SignedDuration::from_mins(v as i64)
}

/// The sum over all workloads and seeds.
pub fn total(worlds: &[(Workload, Demand, u64)], settings: Settings) -> Score {
    let mut sum = Score::default();
    in_parallel(worlds, |(w, d, seed)| run(w, d, Who::Ours, settings, *seed)).iter().for_each(|s| sum.add(s));
    sum
}

/// What is better comes first.
pub fn rank(s: &Score) -> (f64, f64, f64) {
    (s.avoidable_hits, s.lost_avoidable(), s.switches)
}

/// Tries them all.
pub fn sweep(workloads: &[Workload], weeks: usize, seed: u64, seeds: u8) -> Vec<Row> {
    let each = |w: &Workload| (0..u64::from(seeds)).map(move |n| (*w, seed + n)).collect::<Vec<_>>();
    let worlds: Vec<(Workload, Demand, u64)> =
        workloads.iter().flat_map(each).map(|(w, seed)| (w, Demand::new(&w, weeks, seed), seed)).collect();
    let mut rows = Vec::new();
    for (setting, values, set) in KNOBS {
        let mut mine: Vec<Row> = values
            .iter()
            .map(|v| {
                let mut settings = DEFAULTS;
                set(&mut settings, *v);
                let mark = if settings == DEFAULTS { "*" } else { "" };
                Row { setting, value: format!("{v:.0}"), mark, score: total(&worlds, settings) }
            })
            .collect();
        let best = mine
            .iter_mut()
            .min_by(|a, b| rank(&a.score).partial_cmp(&rank(&b.score)).unwrap_or(std::cmp::Ordering::Equal));
        if let Some(best) = best {
            best.mark = if best.mark.is_empty() { "+" } else { "*+" };
        }
        rows.append(&mut mine);
    }
    rows
}
