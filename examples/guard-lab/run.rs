//! `guard-lab run`: generated commands through the sealed root, and what came of it.

use crate::base::{self, Base};
use crate::generate::{self, Made};
use crate::judge::{Compared, Judge};
use crate::sealed::Sealed;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What to run.
pub struct Order {
    /// The seed of the random commands.
    pub seed: u64,
    /// How many of them.
    pub count: u64,
    /// Whether every single mutation of every base comes first.
    pub singles: bool,
    /// Sealed roots at work side by side.
    pub jobs: usize,
    /// Where the full lists go.
    pub report: Option<std::path::PathBuf>,
}

/// Commands of one kind: how many, and the shortest of them with what bash did.
type Kinds = BTreeMap<String, (u64, String, String)>;

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    ran: u64,
    harmful: u64,
    late: u64,
    panics: Vec<String>,
    /// By the mutations, and by the rule.
    pub bypasses: Kinds,
    rules: BTreeMap<String, u64>,
    gaps: Kinds,
    overblocks: Kinds,
    harmless: u64,
    /// Known-bad commands, unchanged, that are allowed.
    allowed_bases: Vec<String>,
}

fn count(kinds: &mut Kinds, kind: String, text: &str, why: String) {
    let entry = kinds.entry(kind).or_insert_with(|| (0, text.to_owned(), why.clone()));
    entry.0 += 1;
    if text.len() < entry.1.len() {
        *entry = (entry.0, text.to_owned(), why);
    }
}

impl Outcome {
    fn take(&mut self, made: &Made, compared: &Compared, late: bool) {
        self.ran += 1;
        self.late += u64::from(late);
        if compared.panicked {
            self.panics.push(made.text.clone());
        }
        let by = if made.by.is_empty() { "unchanged".to_owned() } else { made.by.join(" + ") };
        self.harmful += u64::from(!compared.forbidden.is_empty());
        if made.rule != "harmless" && made.by.is_empty() && compared.blocked.is_none() {
            let what = compared.forbidden.first().map_or("; bash did nothing forbidden", |_| "");
            let told = format!("{}: {}{what}", made.rule, made.text);
            if !self.allowed_bases.contains(&told) {
                self.allowed_bases.push(told);
            }
        }
        if let (None, Some((rule, what))) = (compared.blocked, compared.forbidden.first()) {
            count(&mut self.bypasses, format!("{by} ({rule})"), &made.text, what.clone());
            *self.rules.entry((*rule).to_owned()).or_default() += 1;
        }
        if compared.blocked.is_none() {
            for gap in &compared.gaps {
                count(&mut self.gaps, format!("{by}: {gap}"), &made.text, String::new());
            }
        }
        if made.rule == "harmless" && compared.forbidden.is_empty() {
            self.harmless += 1;
            if let Some(rule) = compared.blocked {
                count(&mut self.overblocks, format!("{by} ({rule})"), &made.text, String::new());
            }
        }
    }

    fn add(&mut self, other: Outcome) {
        self.ran += other.ran;
        self.harmful += other.harmful;
        self.late += other.late;
        self.harmless += other.harmless;
        self.panics.extend(other.panics);
        self.allowed_bases.extend(other.allowed_bases);
        for (to, from) in [
            (&mut self.bypasses, other.bypasses),
            (&mut self.gaps, other.gaps),
            (&mut self.overblocks, other.overblocks),
        ] {
            for (kind, (n, text, why)) in from {
                let entry = to.entry(kind).or_insert_with(|| (0, text.clone(), why.clone()));
                entry.0 += n;
                if text.len() < entry.1.len() {
                    (entry.1, entry.2) = (text, why);
                }
            }
        }
        for (name, n) in other.rules {
            *self.rules.entry(name).or_default() += n;
        }
    }

    /// The bypasses by their likely cause: a mutation that was enough alone, else all that were there together.
    fn causes(&self) -> Kinds {
        let names = |kind: &str| kind.split(" (").next().unwrap_or_default().to_owned();
        let alone: BTreeSet<String> =
            self.bypasses.keys().map(|k| names(k)).filter(|n| !n.contains(" + ")).collect();
        let mut causes = Kinds::new();
        for (kind, (n, text, why)) in &self.bypasses {
            let all = names(kind);
            let cause = all.split(" + ").find(|name| alone.contains(*name)).unwrap_or(&all).to_owned();
            count(&mut causes, cause.clone(), text, why.clone());
            if let Some(entry) = causes.get_mut(&cause) {
                entry.0 += n - 1;
            }
        }
        causes
    }

    /// How many bypasses and panics.
    pub fn failures(&self) -> u64 {
        self.bypasses.values().map(|(n, _, _)| n).sum::<u64>() + self.panics.len() as u64
    }

    /// For people; `most` kinds of each.
    pub fn told(&self, most: usize) -> String {
        let mut out = String::new();
        let total = |kinds: &Kinds| kinds.values().map(|(n, _, _)| n).sum::<u64>();
        let _ = writeln!(
            out,
            "{} commands, {} of them did something forbidden, {} ended by the deadline\n\
             bypasses: {}   panics: {}   known-bad commands allowed as they are: {}\n\
             programs not in the reading: {}   harmless commands: {}, blocked: {}",
            self.ran,
            self.harmful,
            self.late,
            total(&self.bypasses),
            self.panics.len(),
            self.allowed_bases.len(),
            total(&self.gaps),
            self.harmless,
            total(&self.overblocks)
        );
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), *name));
        let _ = writeln!(out, "\nbypasses by rule:");
        for (name, n) in rules {
            let _ = writeln!(out, "{n:7} {name}");
        }
        let list = |out: &mut String, title: &str, all: &[String]| {
            let _ = writeln!(out, "\n{title}: {}", all.len());
            for text in all.iter().take(most) {
                let _ = writeln!(out, "        {}", text.escape_debug());
            }
        };
        list(&mut out, "panics", &self.panics);
        list(&mut out, "known-bad commands allowed as they are", &self.allowed_bases);
        for (title, kinds) in [
            ("bypasses by their likely cause", &self.causes()),
            ("bypasses", &self.bypasses),
            ("not in the reading", &self.gaps),
            ("harmless, blocked", &self.overblocks),
        ] {
            let mut all: Vec<_> = kinds.iter().collect();
            // What one mutation alone does comes first.
            all.sort_by_key(|(kind, (n, text, _))| {
                (kind.matches(" + ").count(), std::cmp::Reverse(*n), text.len())
            });
            let _ = writeln!(out, "\n{title}: {} kinds", all.len());
            for (kind, (n, text, why)) in all.iter().take(most) {
                let _ = writeln!(out, "{n:7} {kind}\n        {}", text.escape_debug());
                if !why.is_empty() {
                    let _ = writeln!(out, "        ran: {}", why.escape_debug());
                }
            }
        }
        out
    }
}

/// Runs.
pub fn run(order: &Order) -> Result<Outcome, String> {
    let bases = base::all();
    let outcome = Mutex::new(Outcome::default());
    let next = AtomicU64::new(0);
    let start = Instant::now();
    let singles = if order.singles { generate::singles(&bases) as u64 } else { 0 };
    let all = singles + order.count;
    // A panic of the guard is counted; its message would only bury the report.
    std::panic::set_hook(Box::new(|_| {}));
    let work = || worker(order, &bases, singles, all, &next, start).map(|o| outcome.lock().unwrap().add(o));
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..order.jobs).map(|_| scope.spawn(work)).collect();
        all.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a worker panicked".to_owned()))).collect()
    });
    let _ = std::panic::take_hook();
    results.into_iter().collect::<Result<Vec<()>, String>>()?;
    let outcome = outcome.into_inner().map_err(|e| e.to_string())?;
    eprintln!("{} commands in {:.1} s", outcome.ran, start.elapsed().as_secs_f64());
    if let Some(path) = &order.report {
        std::fs::write(path, outcome.told(usize::MAX)).map_err(|e| e.to_string())?;
    }
    Ok(outcome)
}

/// Every so many commands it is looked whether the root still works.
const PROBE: u64 = 50;

/// Whether a root runs commands as it should: a stand-in in the right place, a file written and put back.
fn probe(sealed: &mut Sealed) -> Result<bool, String> {
    let ran = sealed.run("echo x > ~/probe; cat /etc/hosts | wc -l | xargs frob <(echo)", "bash")?;
    let good = ran.calls.len() == 1 && ran.calls.iter().all(|c| c.argv.last().is_some_and(|a| a == "1"));
    Ok(good && ran.changes.len() == 1)
}

fn worker(
    order: &Order,
    bases: &[Base],
    singles: u64,
    all: u64,
    next: &AtomicU64,
    start: Instant,
) -> Result<Outcome, String> {
    let mut sealed = Sealed::new()?;
    let judge = Judge::default();
    let mut outcome = Outcome::default();
    let mut told = Duration::ZERO;
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= all {
            return Ok(outcome);
        }
        let made = if at < singles {
            generate::single(bases, order.seed, usize::try_from(at).unwrap_or_default())
        } else {
            Some(generate::any(bases, order.seed, at - singles))
        };
        let Some(made) = made else { continue };
        let ran = sealed.run(&made.text, "bash").map_err(|e| format!("{e}, at: {}", made.text.escape_debug()))?;
        if at.is_multiple_of(PROBE) && !probe(&mut sealed)? {
            return Err(format!("the root is damaged, at the latest by: {}", made.text.escape_debug()));
        }
        outcome.take(&made, &judge.compare(&made.text, &ran), ran.late);
        if start.elapsed() - told > Duration::from_secs(30) {
            told = start.elapsed();
            eprintln!("{at} of {all} after {:.0} s", told.as_secs_f64());
        }
    }
}
