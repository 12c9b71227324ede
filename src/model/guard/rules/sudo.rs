//! `sudo.not-allowlisted` and `root.other`: becoming another user.

use std::path::Path;

use crate::model::guard::options::{self, Grammar};
use crate::model::guard::policy::{Effect, Policy};
use crate::model::guard::reading::{Call, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "sudo.not-allowlisted",
        effect: Effect::Block,
        title: "sudo of anything but systemctl, journalctl, cp, install, apt*; a root shell; sudoedit",
        instead: "do it without root, or with what is allowed: `sudo systemctl status x`, `sudo apt-get install x`; ask the operator for the rest",
        verbs: &["sudo", "sudoedit", "sudo-rs"],
        finds: &[
            "sudo make install",
            "sudo -u root make install",
            "sudo -nu www-data make",
            "sudo -nuwww-data make",
            "sudo --user=x make",
            "sudo --us x make",
            "sudo -E env apt install x",
            "sudo sh -c 'apt update'",
            "sudo ./apt update",
            "sudo bin/apt update",
            "sudo /tmp/apt update",
            "sudo /usr/bin/../../tmp/apt update",
            "sudo /home/u/bin/systemctl status x",
            "sudo -i",
            "sudo -s",
            "sudo -su x",
            "sudo --login",
            "sudo --shell",
            "sudo -e /srv/x.conf",
            "sudo --edit /srv/x.conf",
            "sudoedit /srv/x.conf",
            "sudo \"$PROGRAM\" x",
            "sudo $OPTIONS apt update",
            "sudo -- make",
            "sudo A=1 B=2 make install",
            "/usr/bin/sudo make install",
            "sudo -n reboot",
            "sudo -k make install",
            "sudo tee out.txt",
            "sudo cat x",
            "sudo -h elsewhere make",
        ],
        passes: &[
            "sudo systemctl status x",
            "sudo -n systemctl restart x",
            "sudo -u root journalctl -u x",
            "sudo -nu root journalctl -n 5",
            "sudo --user=root apt-get update",
            "sudo --user root apt-cache search x",
            "sudo -E -H apt install x",
            "sudo -S -p '' apt update",
            "sudo -- apt update",
            "sudo /usr/bin/apt update",
            "sudo /bin/systemctl status x",
            "sudo DEBIAN_FRONTEND=noninteractive apt-get install -y x",
            "sudo cp a /srv/x/a",
            "sudo install -m 644 a /srv/x/a",
            "sudo -v",
            "sudo -l",
            "sudo -nv",
            "sudo -l -U x",
            "sudo -l make",
            "sudo --version",
            "sudo -V",
            "sudo -k",
            "sudo -K",
            "sudo --help",
            "sudo -h",
            "echo sudo make install",
            "grep sudo x",
            "man sudo",
            "which sudo",
            "apt-get install sudo",
        ],
    },
    Rule {
        id: "root.other",
        effect: Effect::Block,
        title: "doas, pkexec, su, runuser, run0, machinectl shell and the like",
        instead: "do it as the user you are, or with what sudo may: `sudo systemctl status x`; ask the operator for the rest",
        verbs: &["doas", "pkexec", "su", "runuser", "run0", "machinectl"],
        finds: &[
            "doas reboot",
            "doas -u x make",
            "doas -s",
            "/usr/bin/doas reboot",
            "pkexec make install",
            "pkexec --user x make",
            "su",
            "su -",
            "su - x",
            "su x -c 'make install'",
            "su -c 'make install'",
            "runuser -u x -- make",
            "runuser -l x",
            "run0",
            "run0 make install",
            "run0 --user=x make",
            "machinectl shell",
            "machinectl -q shell x@.host",
            "machinectl login box",
        ],
        passes: &[
            "echo doas su pkexec",
            "grep -r su src",
            "man su",
            "which doas run0",
            "ls su",
            "git commit -m 'su to root'",
            "./su-test",
            "cat run0",
            "su --version",
            "su --help",
            "doas --help",
            "pkexec --version",
            "machinectl list",
            "machinectl --help",
            "apt-cache show doas",
        ],
    },
];

/// sudo's own options.
const SUDO: Grammar = Grammar::stop(
    "",
    &[
        "u,user=",
        "g,group=",
        "p,prompt=",
        "C,close-from=",
        "T,command-timeout=",
        "D,chdir=",
        "R,chroot=",
        "r,role=",
        "t,type=",
        "U,other-user=",
        "a,auth-type=",
        "c,login-class=",
        "h?",
        "host=",
        "A,askpass",
        "b,background",
        "B,bell",
        "E,preserve-env?",
        "e,edit",
        "H,set-home",
        "i,login",
        "s,shell",
        "K,remove-timestamp",
        "k,reset-timestamp",
        "l,list",
        "n,non-interactive",
        "N,no-update",
        "P,preserve-groups",
        "S,stdin",
        "V,version",
        "v,validate",
        "help",
    ],
);

/// Programs that sudo may run, beside those whose name begins with `apt`.
const ALLOWED: &[&str] = &["systemctl", "journalctl", "cp", "install"];

/// Directories whose programs are the system's.
const SYSTEM_DIRS: &[&str] = &["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Programs that only become somebody else.
const OTHERS: &[&str] = &[
    "doas",
    "pkexec",
    "su",
    "runuser",
    "run0",
    "dzdo",
    "pfexec",
    "gksu",
    "gksudo",
    "kdesu",
    "kdesudo",
    "lxqt-sudo",
];

/// Holds a reading against them.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    for call in &reading.calls {
        let found = match call.program.as_deref() {
            Some("sudo" | "sudo-rs") => {
                sudo(call, context.policy).map(|reading| ("sudo.not-allowlisted", reading))
            }
            Some("sudoedit") => (!asks_for_help(call))
                .then(|| ("sudo.not-allowlisted", "sudoedit would edit a file as root".into())),
            Some(program) => other(program, call).map(|reading| ("root.other", reading)),
            None => None,
        };
        findings.extend(found.map(|(rule, reading)| Finding { rule, reading }));
    }
}

fn asks_for_help(call: &Call) -> bool {
    matches!(call.args(), [only] if matches!(only.known(), Some("--help" | "--version" | "-V" | "-h")))
}

/// What is wrong with a call of sudo.
fn sudo(call: &Call, policy: &Policy) -> Option<String> {
    let parsed = options::read(&SUDO, call.args());
    if ["V", "help", "l"].iter().any(|name| parsed.has(name)) {
        return None;
    }
    for (option, what) in [("e", "edit a file as root"), ("i", "open a root shell"), ("s", "open a root shell")] {
        if parsed.has(option) {
            return Some(format!("sudo would {what}"));
        }
    }
    // It could be the program, or an option such as `-s`.
    if let Some(word) = parsed.hidden.first() {
        return Some(format!("sudo would run {word}, which is not known"));
    }
    let program = parsed.operands.iter().find(|word| !is_assignment(word));
    let Some(program) = program else {
        // `-v`, `-k`, `-K`, or nothing at all, which is an error.
        return call.more_operands.then(|| "sudo would run what comes from its input".to_owned());
    };
    match program.known() {
        Some(path) if is_allowed(path, policy) => None,
        Some(path) => {
            let shown: String = path.chars().take(80).collect();
            Some(format!("sudo would run {shown}, which is not on its list"))
        }
        None => Some(format!("sudo would run {program}, which is not known")),
    }
}

fn is_assignment(word: &Value) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether sudo may run this program: by its bare name, or in one of the system's directories.
fn is_allowed(path: &str, policy: &Policy) -> bool {
    if policy.sudo.iter().any(|allowed| allowed == path && allowed.starts_with('/')) {
        return true;
    }
    let path = Path::new(path);
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return false };
    let dir = path.parent().unwrap_or(Path::new(""));
    let in_place = dir == Path::new("") || SYSTEM_DIRS.iter().any(|system| Path::new(system) == dir);
    let known = ALLOWED.contains(&name) || name.starts_with("apt") || policy.sudo.iter().any(|s| s == name);
    in_place && known
}

fn other(program: &str, call: &Call) -> Option<String> {
    if OTHERS.contains(&program) {
        return (!asks_for_help(call)).then(|| format!("{program} would run something as another user"));
    }
    if program == "machinectl" {
        let shell = call.args().iter().find_map(|w| w.known().filter(|w| matches!(*w, "shell" | "login")))?;
        return Some(format!("machinectl {shell} would open a shell as another user"));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::model::guard::judge_shell;
    use crate::model::guard::reading::{Call, Dir, Place, Stream};
    use crate::model::guard::world::made_up::MadeUp;

    #[test]
    fn the_operator_may_allow_more() {
        let mut world = MadeUp::new();
        world.policy.sudo = vec!["docker".into(), "/opt/tool/bin/tool".into()];
        for line in ["sudo docker ps", "sudo /usr/bin/docker ps", "sudo -n /opt/tool/bin/tool x"] {
            assert!(!judge_shell(line, &world.context()).blocks(), "{line}");
        }
        for line in ["sudo ./docker ps", "sudo /tmp/docker ps", "sudo tool", "sudo /opt/tool/bin/other"] {
            assert!(judge_shell(line, &world.context()).blocks(), "{line}");
        }
    }

    #[test]
    fn operands_from_elsewhere_may_be_any_program() {
        let call = |more_operands| Call {
            argv: vec!["sudo".into()],
            program: Some("sudo".into()),
            env: Vec::new(),
            dir: Dir::Unknown,
            stdin: Stream::default(),
            redirects: Vec::new(),
            via: vec!["xargs".into()],
            place: Place::Here,
            more_operands,
            links: std::rc::Rc::default(),
        };
        let world = MadeUp::new();
        assert!(super::sudo(&call(true), &world.policy).is_some());
        assert!(super::sudo(&call(false), &world.policy).is_none());
    }
}
