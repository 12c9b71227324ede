//! The machine: room on its disks, its clock, its locale, the programs that are needed.

use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

use crate::model::finding::Finding;
use crate::model::observe::words;

/// Below this nothing new is begun: what a full disk would leave half done.
pub const LEAST_BYTES: u64 = 4 << 20;
/// … and so many files must still fit.
pub const LEAST_INODES: u64 = 64;
/// It will be full soon.
const FEW_BYTES: u64 = 200 << 20;
const FEW_INODES: u64 = 5000;
/// A time in a file that is later than now by more than this came from another clock.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// No clock that is right is before this: 2024-01-01.
const OLDEST: i64 = 1_704_067_200;

/// Free room on one file system.
#[derive(Clone, Debug)]
pub struct Room {
    /// What lies there: `state`, `project app`.
    pub what: String,
    /// The path that was asked about.
    pub path: PathBuf,
    /// Free bytes.
    pub bytes: u64,
    /// Free inodes; `None` where the file system counts none.
    pub inodes: Option<u64>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// What was seen of the machine.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Now, by its wall clock.
    pub now: Timestamp,
    /// The latest time that our own files were written at, and the file.
    pub latest: Option<(Timestamp, PathBuf)>,
    /// Whether the kernel's clock is kept by something; `None` if it does not say.
    pub synchronised: Option<bool>,
    /// Room on each file system that is used.
    pub rooms: Vec<Room>,
    /// The locale that sessions are given.
    pub locale: String,
    /// Locales that are installed; `None` if that cannot be told.
    pub locales: Option<Vec<String>>,
    /// Programs that are needed and not there.
    pub missing_programs: Vec<&'static str>,
    /// Whether our own program was replaced or removed since it was started.
    pub program_gone: Option<PathBuf>,
}

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    facts.rooms.iter().for_each(|room| found.extend(of_room(room)));
    clock(facts, &mut found);
    found.extend(locale(facts));
    for program in &facts.missing_programs {
        let message =
            format!("the program `{program}` is not installed: without it the guard could not fail closed");
        found.push(Finding::fault("machine", "program-missing", message, "install coreutils"));
    }
    if let Some(path) = &facts.program_gone {
        let message = format!("this program is not where hooks and units call it: `{}`", path.display());
        found.push(Finding::fault(
            "machine",
            "program-gone",
            message,
            "install it there again, then run `doctor` anew",
        ));
    }
    found
}

/// The locale that a session gets if the configuration names none.
pub const LOCALE: &str = "C.UTF-8";

fn locale(facts: &Facts) -> Option<Finding> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
    let wanted = &facts.locale;
    if !plain(wanted).contains("utf8") {
        let message = format!("sessions are given the locale `{wanted}`: text that is not ASCII arrives garbled");
        let remedy = format!("take it out of `client.env`, or set it to `{LOCALE}`");
        return Some(Finding::warning("locale", "locale-plain", message, remedy));
    }
    let is_there = facts.locales.as_ref().is_none_or(|all| all.iter().any(|name| plain(name) == plain(wanted)));
    (!is_there).then(|| {
        let message =
            format!("the locale `{wanted}`, which sessions are given, is not installed: text may arrive garbled");
        let remedy = match wanted == LOCALE {
            true => "install it (Debian: package `libc-bin`), or set `client.env.LANG` to one of `locale -a`",
            false => "install it, or set `client.env.LANG` to one of `locale -a`",
        };
        Finding::warning("locale", "locale-missing", message, remedy)
    })
}

fn of_room(room: &Room) -> Option<Finding> {
    let (what, path) = (&room.what, room.path.display());
    if room.read_only {
        let message = format!("the file system of {what} is mounted read-only: `{path}`");
        return Some(Finding::fault(
            "disk",
            "disk-read-only",
            message,
            "look at the kernel log; mount it read-write",
        ));
    }
    let inodes = room.inodes.unwrap_or(u64::MAX);
    let seen = match room.inodes {
        Some(inodes) => format!("{} MiB and {inodes} inodes are free", room.bytes >> 20),
        None => format!("{} MiB are free", room.bytes >> 20),
    };
    let code = if room.bytes < FEW_BYTES { "disk-full" } else { "inodes-used-up" };
    let message = format!("{seen} for {what}: `{path}`");
    if room.bytes < LEAST_BYTES || inodes < LEAST_INODES {
        let code = if room.bytes < LEAST_BYTES { "disk-full" } else { "inodes-used-up" };
        return Some(Finding::fault("disk", code, message, "free some space: nothing new is begun before"));
    }
    (room.bytes < FEW_BYTES || inodes < FEW_INODES)
        .then(|| Finding::warning("disk", code, message, "free some space"))
}

fn clock(facts: &Facts, found: &mut Vec<Finding>) {
    let now = facts.now;
    let remedy = "set it (`timedatectl set-ntp true` keeps it right)";
    if now.as_second() < OLDEST {
        let message = format!("it is wrong: {now}");
        found.push(Finding::fault("clock", "clock-wrong", message, remedy));
        return;
    }
    if let Some((at, path)) = &facts.latest
        && at.duration_since(now) > AHEAD
    {
        let by = words(at.duration_since(now));
        let message = format!("it went back, or was ahead before, by {by}: resets and pauses are misjudged");
        let finding = Finding::warning("clock", "clock-went-back", message, remedy);
        found.push(finding.seen([format!("now {now}, written at {at}: `{}`", path.display())]));
    }
    if facts.synchronised == Some(false) {
        let message = "nothing is known to keep it right (the kernel says so; a container may not know better)";
        found.push(Finding::info("clock", "clock-unsynchronised", message, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Fault, Info, Warning};

    fn good() -> Facts {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Facts {
            now,
            latest: Some((now, "/s/log/x".into())),
            synchronised: Some(true),
            rooms: vec![room()],
            locale: LOCALE.into(),
            locales: Some(vec!["C".into(), "C.utf8".into()]),
            missing_programs: Vec::new(),
            program_gone: None,
        }
    }

    fn room() -> Room {
        Room { what: "state".into(), path: "/s".into(), bytes: 1 << 40, inodes: Some(1 << 20), read_only: false }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), (&'static str, Severity));
        let cases: [Case; 13] = [
            (|f| f.now = Timestamp::UNIX_EPOCH, ("clock-wrong", Fault)),
            (
                |f| f.latest = Some((f.now + SignedDuration::from_hours(1), "/x".into())),
                ("clock-went-back", Warning),
            ),
            (|f| f.synchronised = Some(false), ("clock-unsynchronised", Info)),
            (|f| f.rooms[0].bytes = 1 << 20, ("disk-full", Fault)),
            (|f| f.rooms[0].bytes = 100 << 20, ("disk-full", Warning)),
            (|f| f.rooms[0].inodes = Some(3), ("inodes-used-up", Fault)),
            (|f| f.rooms[0].inodes = Some(4000), ("inodes-used-up", Warning)),
            (|f| f.rooms[0].read_only = true, ("disk-read-only", Fault)),
            (|f| f.locales = Some(vec!["C".into(), "POSIX".into()]), ("locale-missing", Warning)),
            (|f| f.locale = "en_GB.UTF-8".into(), ("locale-missing", Warning)),
            (|f| f.locale = "C".into(), ("locale-plain", Warning)),
            (|f| f.missing_programs = vec!["timeout"], ("program-missing", Fault)),
            (|f| f.program_gone = Some("/x".into()), ("program-gone", Fault)),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), [want]);
        }
        // A file system without inodes, an unknown locale, a clock that nobody can tell of.
        let unknown =
            |f: &mut Facts| (f.rooms[0].inodes, f.locales, f.synchronised, f.latest) = (None, None, None, None);
        assert_eq!(found(unknown), []);
    }
}
