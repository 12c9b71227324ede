//! Variables in front of a program that make it run something.

use super::{Inner, git, shells};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// What is in a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Shell text, or a program with its arguments.
    Text,
    /// The same, perhaps behind `|` and `-` (`LESSOPEN`).
    Piped,
    /// A file of shell text, whose name is expanded first.
    File,
    /// Text that is expanded, substitutions included (`PS4`).
    Expanded,
}

/// Whom a variable reaches.
#[derive(Clone, Copy)]
enum Whom {
    Shells,
    Programs(&'static [&'static str]),
}

/// Programs that start an editor.
const EDITING: &[&str] = &[
    "git",
    "crontab",
    "sudoedit",
    "sudo",
    "visudo",
    "vipw",
    "vigr",
    "less",
    "systemctl",
    "kubectl",
    "oc",
    "hg",
    "svn",
    "gh",
    "glab",
    "jj",
    "chezmoi",
    "edit",
    "fc",
    "mutt",
    "edquota",
    "psql",
    "ranger",
    "pass",
    "gpg",
    "dpkg-reconfigure",
    "virsh",
    "rclone",
    "bundle",
];

/// Programs that start a pager.
const PAGING: &[&str] = &[
    "git",
    "man",
    "systemctl",
    "journalctl",
    "psql",
    "mysql",
    "mariadb",
    "aws",
    "gh",
    "glab",
    "delta",
    "bat",
    "hg",
    "svn",
    "loginctl",
    "networkctl",
    "timedatectl",
    "resolvectl",
    "machinectl",
    "coredumpctl",
    "apropos",
    "info",
    "jj",
    "perldoc",
    "help",
    "apt",
    "pydoc3",
];

/// Programs that show files by less.
const LESS: &[&str] =
    &["less", "man", "git", "zless", "lesspipe", "more", "journalctl", "systemctl", "bat", "psql"];

/// The variables, with whom they reach.
const VARIABLES: &[(&str, Holds, Whom)] = &[
    ("AWS_PAGER", Holds::Text, Whom::Programs(&["aws"])),
    ("BASH_ENV", Holds::File, Whom::Shells),
    ("BAT_PAGER", Holds::Text, Whom::Programs(&["bat", "batcat"])),
    (
        "BROWSER",
        Holds::Text,
        Whom::Programs(&["xdg-open", "gh", "glab", "git", "man", "sensible-browser", "python3", "aws", "gcloud"]),
    ),
    ("CVS_RSH", Holds::Text, Whom::Programs(&["cvs"])),
    ("EDITOR", Holds::Text, Whom::Programs(EDITING)),
    ("ENV", Holds::File, Whom::Shells),
    ("FCEDIT", Holds::Text, Whom::Programs(&["fc"])),
    ("FZF_DEFAULT_COMMAND", Holds::Text, Whom::Programs(&["fzf", "sk"])),
    ("GH_BROWSER", Holds::Text, Whom::Programs(&["gh"])),
    ("GH_EDITOR", Holds::Text, Whom::Programs(&["gh"])),
    ("GH_PAGER", Holds::Text, Whom::Programs(&["gh"])),
    ("GIT_ASKPASS", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_EDITOR", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_EXTERNAL_DIFF", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_PAGER", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_PROXY_COMMAND", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_SEQUENCE_EDITOR", Holds::Text, Whom::Programs(&["git"])),
    ("GIT_SSH", Holds::Text, Whom::Programs(&["git"])),
    (
        "GIT_SSH_COMMAND",
        Holds::Text,
        Whom::Programs(&["git", "pip", "pip3", "npm", "cargo", "go", "uv", "poetry", "yarn", "repo"]),
    ),
    ("KUBE_EDITOR", Holds::Text, Whom::Programs(&["kubectl", "oc"])),
    ("LESSCLOSE", Holds::Piped, Whom::Programs(LESS)),
    ("LESSOPEN", Holds::Piped, Whom::Programs(LESS)),
    ("MANPAGER", Holds::Text, Whom::Programs(&["man", "apropos"])),
    ("MANROFFOPT", Holds::Expanded, Whom::Programs(&["man"])),
    ("PAGER", Holds::Text, Whom::Programs(PAGING)),
    ("PROMPT_COMMAND", Holds::Text, Whom::Shells),
    ("PS0", Holds::Expanded, Whom::Shells),
    ("PS1", Holds::Expanded, Whom::Shells),
    ("PS2", Holds::Expanded, Whom::Shells),
    ("PS4", Holds::Expanded, Whom::Shells),
    ("PSQL_EDITOR", Holds::Text, Whom::Programs(&["psql"])),
    ("PSQL_PAGER", Holds::Text, Whom::Programs(&["psql"])),
    ("RSYNC_CONNECT_PROG", Holds::Text, Whom::Programs(&["rsync"])),
    ("RSYNC_RSH", Holds::Text, Whom::Programs(&["rsync"])),
    ("SSH_ASKPASS", Holds::Text, Whom::Programs(&["ssh", "ssh-add", "git", "scp", "sftp", "rsync"])),
    ("SUDO_ASKPASS", Holds::Text, Whom::Programs(&["sudo"])),
    ("SUDO_EDITOR", Holds::Text, Whom::Programs(&["sudo", "sudoedit"])),
    ("SVN_EDITOR", Holds::Text, Whom::Programs(&["svn"])),
    ("SVN_SSH", Holds::Text, Whom::Programs(&["svn"])),
    ("SYSTEMD_EDITOR", Holds::Text, Whom::Programs(&["systemctl"])),
    ("SYSTEMD_PAGER", Holds::Text, Whom::Programs(PAGING)),
    ("TAR_RSH", Holds::Text, Whom::Programs(&["tar"])),
    ("VISUAL", Holds::Text, Whom::Programs(EDITING)),
];

/// Adds what the call's own variables make the program run.
pub(super) fn inner(program: &str, call: &Call, found: &mut Vec<Inner>) {
    if program == "git" {
        git::from_variables(&call.env, found);
    }
    let shell = shells::is_shell(program);
    for (name, value) in &call.env {
        let Ok(at) = VARIABLES.binary_search_by(|row| row.0.cmp(name)) else { continue };
        let Some((_, holds, whom)) = VARIABLES.get(at) else { continue };
        let reached = match whom {
            Whom::Shells => shell,
            Whom::Programs(programs) => programs.contains(&program),
        };
        if reached && !value.parts().is_empty() {
            found.extend(held(*holds, value));
        }
    }
}

fn held(holds: Holds, value: &Value) -> Vec<Inner> {
    let expands = || value.if_empty().contains(['$', '`']);
    match holds {
        Holds::Text => vec![Inner::shell(value.clone())],
        Holds::Piped => {
            let marks = value.known_start().chars().take_while(|c| matches!(c, '|' | '-' | ' ')).count();
            let marks = value.known_start().get(..marks).filter(|marks| !marks.is_empty());
            let text = marks.and_then(|marks| value.strip_prefix(marks)).unwrap_or_else(|| value.clone());
            vec![Inner::shell(text)]
        }
        Holds::File if expands() => vec![Inner::shell(value.clone())],
        Holds::File => vec![shells::file(value, Vec::new(), Place::Here)],
        Holds::Expanded if expands() => {
            // Only its substitutions run.
            let mut text = Value::from(": \"");
            text.append(value);
            text.push_text("\"");
            vec![Inner::shell(text)]
        }
        Holds::Expanded => Vec::new(),
    }
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|row| row.0)
}
