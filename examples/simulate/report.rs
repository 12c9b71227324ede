//! Runs every policy on every workload, and prints tables or JSON.

use serde_json::{Value, json};

use crate::policy::{Settings, Who};
use crate::run::run;
use crate::sweep::Row as SweepRow;
use crate::workload::{Demand, Workload};
use crate::world::Score;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub workload: &'static str,
    pub policy: &'static str,
    pub score: Score,
}

/// Runs `job` for each item, two and more at a time, and keeps the order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let worker = || {
            let mut mine = Vec::new();
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(item) = items.get(n) else { return mine };
                mine.push((n, job(item)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, r)| r).collect()
}

/// Every policy on every workload.
pub fn compare(workloads: &[Workload], weeks: usize, seed: u64, settings: Settings) -> Vec<Row> {
    let rows = in_parallel(workloads, |w| {
        let demand = Demand::new(w, weeks, seed);
        Who::ALL.map(|who| Row {
            workload: w.name,
            policy: who.name(),
            score: run(w, &demand, who, settings, seed),
        })
    });
    rows.into_iter().flatten().collect()
}

const COLUMNS: [&str; 11] = [
    "workload",
    "policy",
    "hits",
    "avoidable",
    "wrap-ups",
    "stalled",
    "moving",
    "exhausted",
    "switches/day",
    "unused 5h %",
    "unused week %",
];

fn cells(row: &Row) -> Vec<String> {
    let s = &row.score;
    let whole = [s.hits, s.avoidable_hits, s.wrap_ups, s.avoidable, s.moving, s.unavoidable];
    let mut cells = vec![row.workload.to_owned(), row.policy.to_owned()];
    cells.extend(whole.iter().map(|v| format!("{v:.0}")));
    cells.push(format!("{:.1}", s.switches_a_day()));
    cells.push(format!("{:.0}", s.unused_five));
    cells.push(format!("{:.0}", s.unused_week));
    cells
}

/// Prints columns as wide as their widest cell; the first `left` to the left, the rest to the right.
fn table(head: &[&str], rows: &[Vec<String>], left: usize) {
    let head: Vec<String> = head.iter().map(|h| (*h).to_owned()).collect();
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..head.len())
        .map(|c| all().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0))
        .collect();
    for row in all() {
        let pad = |(c, text): (usize, &String)| {
            let w = widths[c];
            if c < left { format!("{text:<w$}") } else { format!("{text:>w$}") }
        };
        let line: Vec<String> = row.iter().enumerate().map(pad).collect();
        println!("{}", line.join("  ").trim_end());
    }
}

fn object(s: &Score) -> Value {
    json!({
        "hits": s.hits, "avoidable_hits": s.avoidable_hits, "wrap_ups": s.wrap_ups,
        "minutes": {
            "wanted": s.wanted, "lost": s.lost(), "avoidable": s.lost_avoidable(), "stalled": s.avoidable,
            "moving": s.moving, "exhausted": s.unavoidable,
        },
        "switches": s.switches, "switches_a_day": s.switches_a_day(),
        "unused_percent": { "five_hour": s.unused_five, "seven_day": s.unused_week },
    })
}

/// Prints a comparison.
pub fn print(rows: &[Row], seed: u64, weeks: usize, as_json: bool) {
    if as_json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|r| json!({"workload": r.workload, "policy": r.policy, "score": object(&r.score)}))
            .collect();
        println!("{:#}", json!({"version": 1, "seed": seed, "weeks": weeks, "rows": rows}));
        return;
    }
    table(&COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>(), 2);
    println!();
    println!("hits       working sessions whose turn was refused; avoidable: while another account had room");
    println!("wrap-ups   sessions that worked on beyond 95 % of five hours, where the service cuts steps short");
    println!("stalled    session-minutes stood still while another account had room");
    println!("moving     session-minutes that the moves themselves took");
    println!("exhausted  session-minutes stood still while every account was full: no policy helps");
    println!("unused     per cent of a window left at its end although work had waited for it, summed up");
}

/// Prints a sweep.
pub fn print_sweep(rows: &[SweepRow], as_json: bool) {
    if as_json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|r| json!({"setting": r.setting, "value": r.value, "score": object(&r.score)}))
            .collect();
        println!("{:#}", json!({"version": 1, "rows": rows}));
        return;
    }
    let head = [
        "setting",
        "value",
        "",
        "hits",
        "avoidable",
        "wrap-ups",
        "lost",
        "moving",
        "switches/day",
        "exhausted",
        "unused week %",
    ];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let s = &r.score;
            let mut cells = vec![r.setting.to_owned(), r.value.clone(), r.mark.to_owned()];
            let whole = [s.hits, s.avoidable_hits, s.wrap_ups, s.lost_avoidable(), s.moving];
            cells.extend(whole.iter().map(|v| format!("{v:.0}")));
            cells.push(format!("{:.2}", s.switches_a_day()));
            cells.push(format!("{:.0}", s.unavoidable));
            cells.push(format!("{:.0}", s.unused_week));
            cells
        })
        .collect();
    table(&head, &cells, 3);
    println!();
    println!("each setting is varied alone, the others as marked *; `+` is the best of its kind");
}
