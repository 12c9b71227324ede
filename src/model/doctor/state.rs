//! The state directory: whose it is, what of it is missing or damaged, and whether its locks exclude.

use std::path::{Path, PathBuf};

use crate::model::finding::{Finding, Fix};
use crate::model::home::{Place, count};

/// Whether two holders of one lock were told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The second one was refused.
    Holds,
    /// Both got it.
    Fails,
    /// It could not be tried, and why.
    Unknown(String),
}

/// A file of the state directory that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
    /// What its reader advises.
    pub hint: Option<String>,
    /// Whether a newer program wrote it: it is not damaged.
    pub newer: bool,
    /// Whether it can be moved aside without losing what nothing else knows.
    pub movable: bool,
}

/// What was seen in the state directory.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Why it cannot be listed or written to, if so.
    pub unreadable: Option<String>,
    /// Directories that are missing in it.
    pub missing_dirs: Vec<PathBuf>,
    /// Lock files that are missing.
    pub missing_locks: Vec<PathBuf>,
    /// Whether the file is there that keeps room free for a full disk.
    pub has_reserve: bool,
    /// Files and directories in it that others can read: the mode, and the one that they should have.
    pub open: Vec<(PathBuf, u32, u32)>,
    /// Files in it that are not ours.
    pub foreign: Vec<(PathBuf, u32)>,
    /// Files that cannot be used.
    pub unusable: Vec<Unusable>,
    /// Temporary files of killed runs that are older than an hour.
    pub litter: usize,
}

/// What was seen of the state directory.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its path.
    pub root: PathBuf,
    /// What is there.
    pub place: Place,
    /// Why its files do not last, if so.
    pub volatile: Option<String>,
    /// The kind of a file system on which locks or renames are not to be trusted.
    pub network: Option<&'static str>,
    /// What is in it.
    pub seen: Inspection,
    /// Whether its locks exclude.
    pub exclusion: Exclusion,
}

const SUBJECT: &str = "state";

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let root = facts.root.display();
    let mut found = Vec::new();
    if let Some(why) = &facts.volatile {
        let remedy = "name another with `state_dir`; for a try, set `allow_volatile_state: true`";
        found.push(Finding::warning(
            SUBJECT,
            "state-volatile",
            format!("it does not last: {why}: `{root}`"),
            remedy,
        ));
    }
    if let Some(kind) = facts.network {
        let message = format!("locks and renames are not to be trusted on {kind}: `{root}`");
        let remedy = "name a directory on a local disk with `state_dir`";
        found.push(Finding::fault(SUBJECT, "state-network", message, remedy));
    }
    match &facts.place {
        Place::Missing => {
            let message = format!("it is not there yet: `{root}`");
            let fix = Fix::MakeDir { path: facts.root.clone(), mode: 0o700 };
            let remedy = "claude-failover init, or any command that works with it";
            found.push(Finding::info(SUBJECT, "state-missing", message, remedy).fixed_by([fix]));
            return found;
        }
        Place::Odd => {
            let remedy = "move it away, or name another with `state_dir`";
            found.push(Finding::fault(SUBJECT, "state-odd", format!("not a directory: `{root}`"), remedy));
            return found;
        }
        Place::Foreign { uid } => {
            let message = format!("it belongs to user {uid}, not to us: `{root}`");
            let remedy = "run as that user, or name another with `state_dir`";
            found.push(Finding::fault(SUBJECT, "state-foreign", message, remedy));
            return found;
        }
        Place::Ours { mode } if mode & 0o077 != 0 => {
            let message = format!("others can look into it (mode {mode:o}), so no command works: `{root}`");
            let fix = Fix::Mode { path: facts.root.clone(), mode: 0o700 };
            found
                .push(Finding::fault(SUBJECT, "state-open", message, format!("chmod 700 {root}")).fixed_by([fix]));
        }
        Place::Ours { .. } => {}
    }
    if let Some(why) = &facts.seen.unreadable {
        let message = format!("it cannot be used: {why}: `{root}`");
        found.push(Finding::fault(
            SUBJECT,
            "state-unreadable",
            message,
            format!("chmod u+rwx {root}, or look at its disk"),
        ));
        return found;
    }
    files(&facts.root, &facts.seen, &mut found);
    match &facts.exclusion {
        Exclusion::Holds => {}
        Exclusion::Fails => {
            let message = format!("its locks do not exclude: two runs could act at once: `{root}`");
            found.push(Finding::fault(
                SUBJECT,
                "lock-useless",
                message,
                "name a directory on a local disk with `state_dir`",
            ));
        }
        Exclusion::Unknown(why) => {
            let message = format!("whether its locks exclude could not be tried: {why}");
            found.push(Finding::info(SUBJECT, "lock-unknown", message, "run it again"));
        }
    }
    found
}

fn files(root: &Path, seen: &Inspection, found: &mut Vec<Finding>) {
    let shown = root.display();
    if !seen.missing_dirs.is_empty() {
        let names: Vec<String> = seen.missing_dirs.iter().map(|d| format!("`{}`", d.display())).collect();
        let fixes = seen.missing_dirs.iter().map(|d| Fix::MakeDir { path: d.clone(), mode: 0o700 });
        let message = format!("directories are missing in it: {}", names.join(", "));
        found.push(
            Finding::warning(SUBJECT, "state-incomplete", message, "claude-failover doctor --fix").fixed_by(fixes),
        );
    }
    if !seen.missing_locks.is_empty() {
        let what = count(seen.missing_locks.len() as u64, "lock file");
        let fixes = seen.missing_locks.iter().map(|p| Fix::LockFile { path: p.clone() });
        let message = format!("{what} missing: on a full disk none could be made: `{shown}`");
        found.push(
            Finding::warning(SUBJECT, "lock-missing", message, "claude-failover doctor --fix").fixed_by(fixes),
        );
    }
    if !seen.has_reserve {
        let message = format!("nothing keeps room free in it for a full disk: `{shown}`");
        let fix = Fix::Reserve { state: root.to_owned() };
        found.push(
            Finding::info(SUBJECT, "reserve-missing", message, "claude-failover doctor --fix").fixed_by([fix]),
        );
    }
    if let Some((first, mode, _)) = seen.open.first() {
        let more = match seen.open.len() {
            1 => String::new(),
            n => format!(", and {}", count(n as u64 - 1, "more")),
        };
        let more = more.replace("mores", "more");
        let message = format!("others can read a file in it (mode {mode:o}){more}: `{}`", first.display());
        let fixes = seen.open.iter().map(|(path, _, mode)| Fix::Mode { path: path.clone(), mode: *mode });
        let evidence =
            seen.open.iter().skip(1).take(9).map(|(path, mode, _)| format!("mode {mode:o}: `{}`", path.display()));
        let finding = Finding::warning(SUBJECT, "file-open", message, "claude-failover doctor --fix");
        found.push(finding.seen(evidence).fixed_by(fixes));
    }
    for (path, uid) in seen.foreign.iter().take(20) {
        let message = format!("belongs to user {uid}, not to us: `{}`", path.display());
        found.push(Finding::fault(
            SUBJECT,
            "file-foreign",
            message,
            "look who wrote it, then chown it or move it away",
        ));
    }
    for file in &seen.unusable {
        let (code, remedy) = if file.newer {
            ("file-newer", "upgrade claude-failover".to_owned())
        } else if file.movable {
            (
                "file-damaged",
                "claude-failover doctor --fix moves it into `quarantine`; nothing is deleted".to_owned(),
            )
        } else {
            let hint = file.hint.clone().unwrap_or_else(|| "restore it, or move it away".to_owned());
            ("file-damaged", hint)
        };
        let fix = (!file.newer && file.movable)
            .then(|| Fix::Quarantine { path: file.path.clone(), state: root.to_owned() });
        found.push(Finding::fault(SUBJECT, code, &file.why, remedy).fixed_by(fix));
    }
    if seen.litter > 0 {
        let message = format!("{} of killed runs in it: `{shown}`", count(seen.litter as u64, "temporary file"));
        found.push(Finding::info(
            SUBJECT,
            "litter",
            message,
            "nothing: the next run that writes there takes them away",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Fault, Info, Warning};

    fn good() -> Facts {
        Facts {
            root: "/s".into(),
            place: Place::Ours { mode: 0o700 },
            volatile: None,
            network: None,
            seen: Inspection { has_reserve: true, ..Inspection::default() },
            exclusion: Exclusion::Holds,
        }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity, usize)> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity, f.fixes.len())).collect()
    }

    #[test]
    fn nothing_is_wrong_with_a_good_one() {
        assert_eq!(found(|_| {}), []);
    }

    #[test]
    fn each_fault_is_found_and_fixed_where_that_is_safe() {
        type Case = (fn(&mut Facts), (&'static str, Severity, usize));
        let cases: [Case; 15] = [
            (|f| f.place = Place::Missing, ("state-missing", Info, 1)),
            (|f| f.place = Place::Odd, ("state-odd", Fault, 0)),
            (|f| f.place = Place::Foreign { uid: 3 }, ("state-foreign", Fault, 0)),
            (|f| f.place = Place::Ours { mode: 0o755 }, ("state-open", Fault, 1)),
            (|f| f.seen.unreadable = Some("denied".into()), ("state-unreadable", Fault, 0)),
            (|f| f.volatile = Some("tmpfs".into()), ("state-volatile", Warning, 0)),
            (|f| f.network = Some("NFS"), ("state-network", Fault, 0)),
            (|f| f.seen.missing_dirs = vec!["/s/kick".into(), "/s/log".into()], ("state-incomplete", Warning, 2)),
            (|f| f.seen.missing_locks = vec!["/s/lock/x.lock".into()], ("lock-missing", Warning, 1)),
            (|f| f.seen.has_reserve = false, ("reserve-missing", Info, 1)),
            (
                |f| f.seen.open = vec![("/s/a".into(), 0o644, 0o600), ("/s/b".into(), 0o666, 0o600)],
                ("file-open", Warning, 2),
            ),
            (|f| f.seen.foreign = vec![("/s/a".into(), 9)], ("file-foreign", Fault, 0)),
            (|f| f.seen.litter = 2, ("litter", Info, 0)),
            (|f| f.exclusion = Exclusion::Fails, ("lock-useless", Fault, 0)),
            (|f| f.exclusion = Exclusion::Unknown("busy".into()), ("lock-unknown", Info, 0)),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), [want]);
        }
    }

    #[test]
    fn a_damaged_file_is_moved_only_where_nothing_is_lost_and_a_newer_one_never() {
        let file =
            |newer, movable| Unusable { path: "/s/x".into(), why: "damaged".into(), hint: None, newer, movable };
        for (newer, movable, want) in [
            (false, true, ("file-damaged", 1)),
            (false, false, ("file-damaged", 0)),
            (true, true, ("file-newer", 0)),
        ] {
            let all = found(|f| f.seen.unusable = vec![file(newer, movable)]);
            assert_eq!((all[0].0, all[0].2), want);
        }
    }
}
