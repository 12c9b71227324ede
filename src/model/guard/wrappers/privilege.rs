//! Programs that run another one as somebody else, or in a unit of the service manager.

use super::{Inner, assignments, commands, join, shells, words};
use crate::model::guard::options::{self, Grammar, Parsed};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// sudo 1.9. `-h` is help or, with a value, a host.
const SUDO: Grammar = Grammar::stop(
    "AaBbEHKkNnPSsilevV",
    &[
        "C,close-from=",
        "D,chdir=",
        "g,group=",
        "h,host=",
        "p,prompt=",
        "R,chroot=",
        "r,role=",
        "t,type=",
        "T,command-timeout=",
        "U,other-user=",
        "u,user=",
        "c,login-class=",
        "auth-type=",
        "A,askpass",
        "bell",
        "background",
        "preserve-env?",
        "e,edit",
        "set-home",
        "help",
        "i,login",
        "K,remove-timestamp",
        "reset-timestamp",
        "l,list",
        "no-update",
        "non-interactive",
        "preserve-groups",
        "stdin",
        "s,shell",
        "v,validate",
        "V,version",
    ],
);

const DOAS: Grammar = Grammar::stop("LnsC:a:u:", &[]);

const PKEXEC: Grammar = Grammar::stop("", &["u,user=", "disable-internal-agent", "keep-cwd", "version", "help"]);

const SU: Grammar = Grammar::mix(
    "fhV",
    &[
        "c,command=",
        "session-command=",
        "fast",
        "g,group=",
        "G,supp-group=",
        "l,login",
        "m,p,preserve-environment",
        "P,pty",
        "T,no-pty",
        "s,shell=",
        "u,user=",
        "w,whitelist-environment=",
    ],
);

/// `runuser -u USER cmd`: not permuted.
const RUNUSER: Grammar = Grammar { operands: options::Operands::Stop, ..SU };

/// systemd-run and run0, which is a face of it.
const SYSTEMD_RUN: Grammar = Grammar::stop(
    "tPqGrdi",
    &[
        "S,shell",
        "p,property=",
        "u,unit=",
        "D,working-directory,chdir=",
        "E,setenv=",
        "H,host=",
        "M,machine=",
        "C,capsule=",
        "g,group=",
        "user?",
        "system",
        "scope",
        "slice=",
        "slice-inherit",
        "uid=",
        "gid=",
        "nice=",
        "description=",
        "service-type=",
        "on-active=",
        "on-boot=",
        "on-startup=",
        "on-unit-active=",
        "on-unit-inactive=",
        "on-calendar=",
        "on-timezone-change",
        "on-clock-change",
        "timer-property=",
        "path-property=",
        "socket-property=",
        "expand-environment=",
        "background=",
        "job-mode=",
        "shell-prompt-prefix=",
        "area=",
        "via-shell",
        "pty",
        "pipe",
        "quiet",
        "collect",
        "wait",
        "no-block",
        "remain-after-exit",
        "send-sighup",
        "same-dir",
        "no-ask-password",
    ],
);

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "sudo" | "sudo-rs" => sudo,
        "doas" => |_, call| {
            let parsed = options::read(&DOAS, call.args());
            let mut found = run(&parsed, call.args(), None);
            if parsed.has("s") || (found.is_empty() && !parsed.has("C") && !parsed.has("L")) {
                found.push(Inner::input());
            }
            found
        },
        "pkexec" => |_, call| {
            let parsed = options::read(&PKEXEC, call.args());
            let found = run(&parsed, call.args(), None);
            let shell = found.is_empty() && !parsed.has("version") && !parsed.has("help");
            if shell { vec![Inner::input()] } else { found }
        },
        "su" => |_, call| su(call.args()),
        "runuser" => |_, call| {
            let parsed = options::read(&RUNUSER, call.args());
            if parsed.has("u") { run(&parsed, call.args(), None) } else { su(call.args()) }
        },
        "sg" | "newgrp" => |_, call| sg(call.args()),
        "systemd-run" => |_, call| systemd_run(call.args(), false),
        "run0" => |_, call| systemd_run(call.args(), true),
        "capsh" => capsh,
        _ => return None,
    })
}

fn run(parsed: &Parsed, words: &[Value], dir: Option<&Value>) -> Vec<Inner> {
    let run = |command: &[Value]| {
        let (env, command) = assignments(command);
        (!command.is_empty()).then(|| Inner::argv(command.to_vec()).with(dir, &env))
    };
    commands(parsed, words, 0).into_iter().filter_map(run).collect()
}

/// Assignments may stand among sudo's options: `sudo A=1 -u root cmd`.
fn sudo(_: &str, call: &Call) -> Vec<Inner> {
    let mut words = call.args();
    let mut env = Vec::new();
    let mut dir: Option<Value> = None;
    let mut shell = false;
    let mut nothing = false;
    let mut found = Vec::new();
    loop {
        let parsed = options::read(&SUDO, words);
        dir = parsed.value("D").cloned().or(dir);
        shell |= parsed.has("i") || parsed.has("s");
        nothing |= ["e", "l", "v", "V", "help"].iter().any(|name| parsed.has(name));
        let alone = ["k", "K"].iter().any(|name| parsed.has(name));
        let starts = commands(&parsed, words, 0);
        // All readings but the last one begin at a word that is unknown.
        let (last, unknown) = match starts.split_last() {
            Some((last, unknown)) => (*last, unknown),
            None => (&[][..], &[][..]),
        };
        if !nothing {
            found.extend(unknown.iter().map(|command| Inner::argv(command.to_vec())));
        }
        let (more, rest) = assignments(last);
        env.extend(more);
        if rest.len() < last.len() && rest.first().is_some_and(|word| word.starts_with("-")) {
            words = rest;
            continue;
        }
        if nothing || (rest.is_empty() && alone) {
            return found;
        }
        if shell {
            found.push(if rest.is_empty() { Inner::input() } else { Inner::shell(join(rest)) });
        } else if !rest.is_empty() {
            found.push(Inner::argv(rest.to_vec()));
        }
        return found.into_iter().map(|inner| inner.with(dir.as_ref(), &env)).collect();
    }
}

/// `su [-] [USER [ARG …]]`: the shell gets the arguments behind the user.
fn su(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&SU, words);
    let texts: Vec<&Value> = ["c", "session-command"].into_iter().flat_map(|name| parsed.values(name)).collect();
    if parsed.has("V") || parsed.has("h") {
        return Vec::new();
    }
    let mut found: Vec<Inner> = texts.into_iter().map(|text| Inner::shell(text.clone())).collect();
    let operands = match parsed.operands.split_first() {
        Some((first, rest)) if first.known() == Some("-") => rest,
        _ => &parsed.operands,
    };
    if found.is_empty() {
        found.extend(shells::read(operands.get(1..).unwrap_or_default(), Place::Here));
    }
    found
}

/// `sg GROUP [-c] TEXT`
fn sg(words: &[Value]) -> Vec<Inner> {
    let rest: Vec<Value> = words.iter().filter(|word| word.known() != Some("-")).cloned().collect();
    match rest.as_slice() {
        [_, flag, text, ..] if flag.known() == Some("-c") => vec![Inner::shell(text.clone())],
        [_, text, ..] => vec![Inner::shell(text.clone())],
        _ => vec![Inner::input()],
    }
}

/// Settings of a unit that are commands.
const UNIT_COMMANDS: &[&str] =
    &["ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "ExecReload", "ExecStop", "ExecStopPost"];

fn systemd_run(words: &[Value], shell_if_none: bool) -> Vec<Inner> {
    let parsed = options::read(&SYSTEMD_RUN, words);
    let elsewhere = parsed.has("H") || parsed.has("M") || parsed.has("C");
    let place = if elsewhere { Place::Elsewhere } else { Place::Here };
    let env: Vec<(String, Value)> =
        parsed.values("E").flat_map(|v| assignments(std::slice::from_ref(v)).0).collect();
    let mut found = Vec::new();
    for property in parsed.values("p") {
        if let Some((name, command)) = property.split_once('=')
            && UNIT_COMMANDS.contains(&name)
        {
            let known = command.known_start();
            let marks = known.len() - known.trim_start_matches(['@', '-', ':', '+', '!', '|', ' ']).len();
            let command = known.get(..marks).and_then(|marks| words::behind(&command, marks)).unwrap_or_default();
            found.push(Inner::shell(command).at(place.clone()));
        }
    }
    let run = run(&parsed, words, parsed.value("D"));
    if run.is_empty() && (shell_if_none || parsed.has("S")) {
        found.push(Inner::input().at(place.clone()));
    }
    found.extend(run.into_iter().map(|inner| inner.with(None, &env).at(place.clone())));
    found
}

/// What stands behind `--` (or `==`) are arguments of a bash.
fn capsh(_: &str, call: &Call) -> Vec<Inner> {
    let words = call.args();
    let at = words.iter().position(|word| matches!(word.known(), Some("--" | "==")));
    at.and_then(|at| words.get(at + 1..)).map(|words| shells::read(words, Place::Here)).unwrap_or_default()
}
