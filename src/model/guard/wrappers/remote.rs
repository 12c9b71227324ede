//! Programs that run another one on another machine, in another root, or as another kind of machine.

use super::{Inner, commands, join, shells};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "ssh" | "autossh" | "slogin" | "dbclient" => |_, call| ssh(call.args()),
        "mosh" | "et" => |_, call| mosh(call.args()),
        "chroot" | "gchroot" | "arch-chroot" | "systemd-nspawn" | "bwrap" => new_root,
        "lxc-attach" | "lxc-execute" => |_, call| behind_dashes(call.args(), 0, Place::Elsewhere),
        "setarch" => |_, call| setarch(call.args()),
        "busybox" | "toybox" => |_, call| match call.args() {
            [first, ..] if first.starts_with("-") => Vec::new(),
            [] => Vec::new(),
            argv => vec![Inner::argv(argv.to_vec())],
        },
        _ => return None,
    })
}

const SSH: Grammar = Grammar::stop("46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:", &[]);

/// Settings of ssh that are commands for the shell of this machine.
const SSH_COMMANDS: &[&str] = &["proxycommand", "localcommand", "knownhostscommand"];

/// Options may stand behind the host as well.
fn ssh(words: &[Value]) -> Vec<Inner> {
    let mut found = Vec::new();
    let mut rest = words;
    let mut host = false;
    let mut quiet = false;
    loop {
        let parsed = options::read(&SSH, rest);
        found.extend(parsed.values("o").filter_map(ssh_setting));
        quiet |= ["N", "G", "V", "Q", "O", "W", "s"].iter().any(|name| parsed.has(name));
        let starts = commands(&parsed, rest, 0);
        let Some((last, unknown)) = starts.split_last() else { break };
        if host {
            found.push(Inner::shell(join(last)).at(Place::Elsewhere));
            return found;
        }
        for words in unknown {
            found.extend(
                words.get(1..).filter(|w| !w.is_empty()).map(|w| Inner::shell(join(w)).at(Place::Elsewhere)),
            );
        }
        host = true;
        rest = last.get(1..).unwrap_or_default();
        if rest.first().is_some_and(|word| !word.starts_with("-")) {
            found.push(Inner::shell(join(rest)).at(Place::Elsewhere));
            return found;
        }
    }
    if host && !quiet {
        found.push(Inner::input().at(Place::Elsewhere));
    }
    found
}

/// A value of `-o`: `ProxyCommand=…` or `ProxyCommand …`.
pub(super) fn ssh_setting(value: &Value) -> Option<Inner> {
    let (name, text) = value.split_once('=').or_else(|| value.split_once(' '))?;
    SSH_COMMANDS.contains(&name.trim().to_ascii_lowercase().as_str()).then(|| Inner::shell(text))
}

/// `mosh [OPTION …] HOST [--] CMD …`
fn mosh(words: &[Value]) -> Vec<Inner> {
    let grammar =
        Grammar::stop("46an", &["ssh=", "client=", "server=", "predict=", "p,port=", "bind-server=", "c="]);
    let parsed = options::read(&grammar, words);
    let mut found: Vec<Inner> =
        ["ssh", "client"].into_iter().flat_map(|n| parsed.values(n)).cloned().map(Inner::shell).collect();
    for command in commands(&parsed, words, 1) {
        let command = command.iter().skip_while(|w| w.known() == Some("--")).cloned().collect();
        found.push(Inner::argv(command).at(Place::Elsewhere));
    }
    found
}

const CHROOT: Grammar = Grammar::stop("Nhru:", &["userspec=", "groups=", "skip-chdir"]);

const NSPAWN: Grammar = Grammar::stop(
    "qxbaPU",
    &[
        "D,directory=",
        "template=",
        "i,image=",
        "root-hash=",
        "pivot-root=",
        "chdir=",
        "E,setenv=",
        "u,user=",
        "kill-signal=",
        "M,machine=",
        "hostname=",
        "uuid=",
        "S,slice=",
        "property=",
        "private-users=",
        "network-interface=",
        "network-macvlan=",
        "network-bridge=",
        "network-zone=",
        "network-namespace-path=",
        "p,port=",
        "capability=",
        "drop-capability=",
        "system-call-filter=",
        "rlimit=",
        "resolv-conf=",
        "timezone=",
        "link-journal=",
        "bind=",
        "bind-ro=",
        "tmpfs=",
        "overlay=",
        "console=",
        "volatile?",
        "as-pid2",
        "boot",
        "ephemeral",
        "read-only",
        "quiet",
        "private-network",
        "network-veth",
        "Z=",
        "L=",
    ],
);

/// What it binds is of this machine, so its command runs here.
const BWRAP: Grammar = Grammar::stop(
    "",
    &[
        "args=",
        "argv0=",
        "userns=",
        "userns2=",
        "pidns=",
        "uid=",
        "gid=",
        "hostname=",
        "chdir=",
        "setenv==",
        "unsetenv=",
        "lock-file=",
        "sync-fd=",
        "bind==",
        "bind-try==",
        "bind-fd==",
        "dev-bind==",
        "dev-bind-try==",
        "ro-bind==",
        "ro-bind-try==",
        "ro-bind-fd==",
        "ro-bind-data==",
        "bind-data==",
        "overlay-src=",
        "overlay===",
        "tmp-overlay=",
        "ro-overlay=",
        "remount-ro=",
        "exec-label=",
        "file-label=",
        "proc=",
        "dev=",
        "tmpfs=",
        "mqueue=",
        "dir=",
        "file==",
        "symlink==",
        "chmod==",
        "perms=",
        "size=",
        "seccomp=",
        "add-seccomp-fd=",
        "block-fd=",
        "userns-block-fd=",
        "info-fd=",
        "json-status-fd=",
        "cap-add=",
        "cap-drop=",
        "level-prefix",
        "new-session",
        "die-with-parent",
        "as-pid-1",
        "share-net",
        "clearenv",
        "unshare-all",
    ],
);

fn new_root(program: &str, call: &Call) -> Vec<Inner> {
    let (grammar, skip, place) = match program {
        "systemd-nspawn" => (&NSPAWN, 0, Place::Elsewhere),
        "bwrap" => (&BWRAP, 0, Place::Here),
        _ => (&CHROOT, 1, Place::Elsewhere),
    };
    let parsed = options::read(grammar, call.args());
    let dir = parsed.value("chdir");
    let run: Vec<Inner> = commands(&parsed, call.args(), skip)
        .into_iter()
        .map(|command| Inner::argv(command.to_vec()).with(dir, &[]).at(place.clone()))
        .collect();
    if run.is_empty() && skip == 1 && !call.args().is_empty() { vec![Inner::input().at(place)] } else { run }
}

/// What stands behind `--`, or behind so many operands where there is none.
fn behind_dashes(words: &[Value], skip: usize, place: Place) -> Vec<Inner> {
    let command = match words.iter().position(|word| word.known() == Some("--")) {
        Some(at) => words.get(at + 1..),
        None => words.get(skip..),
    };
    let command = command.unwrap_or_default();
    if command.is_empty() { Vec::new() } else { vec![Inner::argv(command.to_vec()).at(place)] }
}

/// `setarch [ARCH] [OPTION …] [CMD …]`
fn setarch(words: &[Value]) -> Vec<Inner> {
    let grammar = Grammar::stop("BFILRSTXZ34v", &["uname-2.6", "list", "show?", "p,pid="]);
    let rest = match words.split_first() {
        Some((first, rest)) if !first.starts_with("-") => rest,
        _ => words,
    };
    let parsed = options::read(&grammar, rest);
    let run = |command: &[Value]| Inner::argv(command.to_vec());
    let found: Vec<Inner> = commands(&parsed, rest, 0).into_iter().map(run).collect();
    if found.is_empty() && !parsed.has("list") { shells::read(&[], Place::Here) } else { found }
}
