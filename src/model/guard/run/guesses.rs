//! Commands that are known in part: each program that they could be.

use super::super::limits::Limit;
use super::super::reader::Reader;
use super::super::reading::Call;
use super::super::shell::Shell;
use super::super::value::{Part, Value};
use super::program;

/// Programs whose names a pattern in the command's word is held against.
pub(super) const SOUGHT: &[&str] = &[
    "rm",
    "dd",
    "git",
    "sudo",
    "sudoedit",
    "su",
    "runuser",
    "doas",
    "pkexec",
    "sh",
    "bash",
    "dash",
    "zsh",
    "chmod",
    "chown",
    "shred",
    "find",
    "xargs",
    "mkfs",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkfs.btrfs",
    "mke2fs",
    "mkswap",
    "wipefs",
    "blkdiscard",
    "tee",
    "cp",
    "mv",
    "ln",
    "install",
    "rsync",
    "crontab",
    "truncate",
    "unlink",
    "env",
    "claude",
    "sed",
    "run0",
    "systemd-run",
    "mkfs.ext2",
    "mkfs.ext3",
    "mkfs.fat",
    "mkfs.f2fs",
    "mkfs.msdos",
    "mkfs.ntfs",
    "mkfs.vfat",
    "tmux",
    "screen",
    "busybox",
    "python3",
    "perl",
    "rmdir",
    "tar",
    "unzip",
    "eval",
    "nice",
    "timeout",
    "ed",
    "patch",
    "dcfldd",
    "parted",
    "fdisk",
    "sfdisk",
    "sgdisk",
    "cryptsetup",
];

impl Reader<'_> {
    /// The call with nothing where something unknown stands inside a word: `--fo${unset}rce`. Paths and what is
    /// unknown at their places (`$X/y`, `$X:y`) are the rules' own.
    fn without_holes(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        if call.is_via("?") || !call.argv.iter().any(has_hole) {
            return Ok(());
        }
        let mut other = call.clone();
        for word in other.argv.iter_mut().filter(|word| has_hole(word)) {
            let mut whole = Value::default();
            let known = word.parts().iter().filter(|p| !matches!(p, Part::Unknown(_)));
            known.for_each(|part| whole.push(part.clone()));
            *word = whole;
        }
        other.program = other.argv.first().and_then(program);
        other.via.push("?".to_owned());
        self.run(other, &mut shell.clone())?;
        Ok(())
    }

    /// A command's word with a pattern in it, or known in part: each program that it could be.
    pub(super) fn guessed(&mut self, call: &Call, shell: &mut Shell) -> Result<(), Limit> {
        self.without_holes(call, shell)?;
        let Some(word) = call.argv.first().filter(|w| w.known().is_none() && !w.parts().is_empty()) else {
            return Ok(());
        };
        let says_something = word.parts().iter().any(|p| !matches!(p, Part::Unknown(_)));
        if !says_something || call.is_via("?") {
            return Ok(());
        }
        // With nothing where it is not known: `r${unset}m`.
        let if_empty = program(&Value::from(&*word.if_empty())).filter(|_| word.has_unknown() && !word.has_glob());
        for name in SOUGHT.iter().copied().chain(if_empty.as_deref()) {
            let full = ["", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];
            let could_be = || {
                full.iter().any(|dir| word.could_be(&format!("{dir}{name}"))) || if_empty.as_deref() == Some(name)
            };
            if call.program.as_deref() != Some(name) && could_be() {
                let mut guess = call.clone();
                guess.argv = std::iter::once(Value::from(name)).chain(call.args().iter().cloned()).collect();
                guess.program = Some(name.to_owned());
                guess.via.push("?".to_owned());
                self.run(guess, &mut shell.clone())?;
            }
        }
        Ok(())
    }
}

/// Whether something that may be nothing stands inside a word, not at the border of a path's name, a list's item
/// or a value.
fn has_hole(word: &Value) -> bool {
    const MAX_WORD: usize = 128;
    let parts = word.parts();
    let text = |i: Option<usize>| match i.and_then(|i| parts.get(i)) {
        Some(Part::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let whole = |part: &Part| match part {
        Part::Text(text) => text.len() <= MAX_WORD && !text.contains(char::is_whitespace),
        Part::Glob(_) => true,
        Part::Unknown(unknown) => !unknown.filled,
    };
    let is_hole = |(i, part): (usize, &Part)| {
        let before = text(i.checked_sub(1));
        let behind = text(Some(i + 1));
        matches!(part, Part::Unknown(_))
            && (before.is_some() || behind.is_some())
            && !before.is_some_and(|t| t.ends_with(['/', ':', '=', ',', '@']))
            && !behind.is_some_and(|t| t.starts_with(['/', ':', '=', ',', '@']))
    };
    parts.iter().all(whole) && parts.iter().enumerate().any(is_hole)
}
