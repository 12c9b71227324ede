//! What can be wrong with the whole of it, one file an area. Each judges facts that were gathered before
//! (by the module of the same name among the acts) and says what is wrong, by what evidence, and what to do. Pure.
//!
//! What is wrong with accounts is judged by [`super::home::findings`], in the same words.

pub mod client;
pub mod configuration;
pub mod guard;
pub mod machine;
pub mod notify;
pub mod pool;
pub mod runs;
pub mod state;
pub mod systemd;
pub mod tmux;

use super::finding::{Finding, Fix, Severity};

/// The worst first, each thing said once; within one severity the areas keep their order.
#[must_use]
pub fn sorted(mut all: Vec<Finding>) -> Vec<Finding> {
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let mut kept: Vec<Finding> = Vec::new();
    for finding in all {
        if !kept.contains(&finding) {
            kept.push(finding);
        }
    }
    kept
}

/// How many findings are of a severity.
#[must_use]
pub fn count(all: &[Finding], severity: Severity) -> usize {
    all.iter().filter(|f| f.severity == severity).count()
}

/// Everything that can be put right without a person, in the order in which it has to be done: what other
/// fixes need comes first.
#[must_use]
pub fn fixes(all: &[Finding]) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = Vec::new();
    for fix in all.iter().flat_map(|f| &f.fixes) {
        if !fixes.contains(fix) {
            fixes.push(fix.clone());
        }
    }
    let rank = |fix: &Fix| match fix {
        Fix::Mode { .. } => 0,
        Fix::MakeDir { .. } => 1,
        Fix::LockFile { .. } => 2,
        Fix::Reserve { .. } => 3,
        Fix::Quarantine { .. } => 4,
        Fix::Home { .. } => 5,
        Fix::Hook { .. } => 6,
    };
    // A directory before what is in it.
    fixes.sort_by_key(|fix| (rank(fix), fix.subject().to_owned()));
    fixes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_and_nothing_twice() {
        let all = vec![
            Finding::info("a", "x", "m", "r"),
            Finding::fault("b", "y", "m", "r"),
            Finding::warning("c", "z", "m", "r"),
            Finding::fault("b", "y", "m", "r"),
        ];
        let sorted = sorted(all);
        let codes: Vec<_> = sorted.iter().map(|f| f.code).collect();
        assert_eq!(codes, ["y", "z", "x"]);
        assert_eq!((count(&sorted, Severity::Fault), count(&sorted, Severity::Info)), (1, 1));
    }

    #[test]
    fn fixes_come_in_an_order_that_works() {
        let lock = Fix::LockFile { path: "/s/lock/a.lock".into() };
        let inner = Fix::MakeDir { path: "/s/lock".into(), mode: 0o700 };
        let outer = Fix::MakeDir { path: "/s".into(), mode: 0o700 };
        let hook = Fix::Hook { project: "/a".into() };
        let all = [
            Finding::warning("a", "x", "m", "r").fixed_by([hook.clone(), lock.clone()]),
            Finding::warning("b", "x", "m", "r").fixed_by([inner.clone(), outer.clone(), lock.clone()]),
        ];
        assert_eq!(fixes(&all), [outer, inner, lock, hook]);
    }
}
