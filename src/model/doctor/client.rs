//! The client: whether it is there and new enough, what is taken before the logins of its accounts, and
//! whether it would go on by itself beside us.

use std::path::PathBuf;

use crate::model::finding::{Finding, Severity};
use crate::model::home::findings::logins::{CLOUDS, KEYS, TOKEN};

/// A version as the client prints it: `2.1.330 (Claude Code)`.
pub type Version = (u32, u32, u32);

/// The oldest that everything was measured with.
const OLDEST: Version = (2, 1, 197);
/// The last of the repairs of races around the login's file.
const LOGIN_RACES: Version = (2, 1, 225);
/// From here on a hook's entry may say that a failing hook blocks.
const ON_FAILURE: Version = (2, 1, 295);
/// Of the versions that were measured, the older one does not go on by itself after a limit, this one does.
const GOES_ON: Version = (2, 1, 300);

/// Further variables that are taken before a login, or make a client another's child.
const INHERITED: [&str; 5] = [
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "ANTHROPIC_PROFILE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_RETRY_WATCHDOG",
];

/// Whether a variable is taken before the login of a home, or spoils a session in another way.
#[must_use]
pub fn is_in_the_way(name: &str) -> bool {
    KEYS.contains(&name) || CLOUDS.contains(&name) || name == TOKEN || INHERITED.contains(&name)
}

/// Reads a version from what `--version` printed.
#[must_use]
pub fn version(text: &str) -> Option<Version> {
    let mut parts = text.split_whitespace().next()?.split('.');
    let mut number = || parts.next()?.parse().ok();
    Some((number()?, number()?, number()?))
}

/// A place from which variables come into sessions, or into what a person starts beside them.
#[derive(Clone, Debug)]
pub struct Variables {
    /// The place, for the message: `tmux server`, `project app`.
    pub of: String,
    /// Those of them that are in the way.
    pub names: Vec<String>,
    /// How far they reach: to our own sessions (a fault), to what is started by hand beside them (a warning),
    /// or no further than this command.
    pub reach: Severity,
    /// How to take one away; `NAME` stands for it.
    pub remedy: String,
}

/// What was seen of the client.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The program as configured.
    pub program: PathBuf,
    /// `PATH` of the sessions.
    pub path: String,
    /// Where it was found.
    pub found: Option<PathBuf>,
    /// What it said to `--version`, or why it said nothing.
    pub said: Result<String, String>,
    /// Variables that are in the way.
    pub variables: Vec<Variables>,
    /// Homes of subscriptions: the account, its settings, and whether they let the client go on by itself
    /// after a limit; `None` if they do not say.
    pub goes_on: Vec<(String, PathBuf, Option<bool>)>,
}

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let version = program(facts, &mut found);
    for place in facts.variables.iter().filter(|p| !p.names.is_empty()) {
        let names: Vec<String> = place.names.iter().map(|n| format!("`{n}`")).collect();
        let first = place.names.first().map_or("NAME", String::as_str);
        let remedy = place.remedy.replace("NAME", first);
        let names = names.join(", ");
        found.push(if place.reach == Severity::Fault {
            let message = format!("{names} is taken before the login of every account in its sessions");
            Finding::fault(&place.of, "login-shadowed", message, remedy)
        } else {
            let message = format!(
                "{names} is set: a client that is started there by hand runs on another login, or as another's child"
            );
            Finding::new(place.reach, &place.of, "login-variable", message, remedy)
        });
    }
    // What is not known to be old counts as new.
    if version.is_none_or(|v| v >= GOES_ON) {
        for (account, settings, goes_on) in facts.goes_on.iter().filter(|g| g.2 != Some(false)) {
            let message = format!(
                "after a limit its client goes on by itself at the reset, beside a session that was moved meanwhile{}",
                if goes_on.is_none() { " (the client's default)" } else { "" }
            );
            let remedy = format!("`\"autoContinueAtUsageLimit\": false` in `{}`", settings.display());
            found.push(Finding::warning(account, "auto-continue", message, remedy));
        }
    }
    found
}

fn program(facts: &Facts, found: &mut Vec<Finding>) -> Option<Version> {
    let shown = facts.program.display();
    let install = "install it, or name it by `client.program` and `client.path`";
    if facts.found.is_none() {
        let message = format!("it is not installed: `{shown}`");
        let finding = Finding::fault("client", "client-missing", message, install);
        found.push(finding.seen([format!("`client.path` is {}", facts.path)]));
        return None;
    }
    let text = match &facts.said {
        Ok(text) => text,
        Err(why) => {
            let message = format!("it does not say its version: {why}");
            found.push(Finding::fault("client", "client-silent", message, install));
            return None;
        }
    };
    let Some(version) = version(text) else {
        let message = format!("it says no version that is known: {}", crate::model::name::shown(text));
        found.push(Finding::warning("client", "client-unknown", message, install));
        return None;
    };
    let number = format!("{}.{}.{}", version.0, version.1, version.2);
    if version < OLDEST {
        let message = format!("its version {number} is older than any that was tried (2.1.197)");
        found.push(Finding::warning("client", "client-old", message, "claude update"));
    } else if version < LOGIN_RACES {
        let message =
            format!("version {number}: later ones (2.1.225) lose no login when two clients refresh it at once");
        found.push(Finding::info("client", "client-races", message, "claude update"));
    }
    if version < ON_FAILURE {
        let message =
            format!("version {number} lets a call run when a hook fails; our entry blocks by itself in that case");
        found.push(Finding::info(
            "client",
            "client-fails-open",
            message,
            "claude update (2.1.295 blocks as well)",
        ));
    }
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{Fault, Info, Warning};

    fn good() -> Facts {
        Facts {
            program: "claude".into(),
            path: "/usr/bin".into(),
            found: Some("/usr/bin/claude".into()),
            said: Ok("2.1.330 (Claude Code)\n".into()),
            variables: Vec::new(),
            goes_on: vec![("main".into(), "/h/settings.json".into(), Some(false))],
        }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    fn variables(names: &[&str], reach: Severity) -> Vec<Variables> {
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        vec![Variables { of: "here".into(), names, reach, remedy: "unset NAME".into() }]
    }

    #[test]
    fn versions() {
        assert_eq!(version("2.1.330 (Claude Code)\n"), Some((2, 1, 330)));
        for odd in ["", "claude", "2.1", "2.1.x"] {
            assert_eq!(version(odd), None, "{odd}");
        }
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), &'static [(&'static str, Severity)]);
        let cases: [Case; 9] = [
            (|f| f.found = None, &[("client-missing", Fault)]),
            (|f| f.said = Err("hangs".into()), &[("client-silent", Fault)]),
            (|f| f.said = Ok("what?".into()), &[("client-unknown", Warning)]),
            (|f| f.said = Ok("2.0.9".into()), &[("client-old", Warning), ("client-fails-open", Info)]),
            (|f| f.said = Ok("2.1.197".into()), &[("client-races", Info), ("client-fails-open", Info)]),
            (|f| f.variables = variables(&["ANTHROPIC_API_KEY"], Fault), &[("login-shadowed", Fault)]),
            (|f| f.variables = variables(&["ANTHROPIC_API_KEY"], Warning), &[("login-variable", Warning)]),
            (|f| f.variables = variables(&[], Fault), &[]),
            (|f| f.goes_on[0].2 = None, &[("auto-continue", Warning)]),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), want);
        }
        // The older one does not go on by itself, whatever its settings say.
        let old = |f: &mut Facts| (f.said, f.goes_on[0].2) = (Ok("2.1.230".into()), Some(true));
        assert_eq!(found(old), [("client-fails-open", Info)]);
    }

    #[test]
    fn what_is_in_the_way() {
        for name in
            ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_PROFILE"]
        {
            assert!(is_in_the_way(name), "{name}");
        }
        assert!(!is_in_the_way("ANTHROPIC_BASE_URL") && !is_in_the_way("PATH"));
    }
}
