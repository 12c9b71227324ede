//! What `init` writes: a first configuration, with comments, from a few answers. Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::name::{AccountName, ProjectName};

/// What a first configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Accounts, the preferred one first: name and home.
    pub accounts: Vec<(AccountName, PathBuf)>,
    /// The directories of the projects.
    pub projects: Vec<PathBuf>,
    /// How many sessions the pool may have.
    pub pool: u32,
    /// The client, where it is not found by its name alone.
    pub program: Option<PathBuf>,
    /// `SHELL` of the sessions, where it is not the default.
    pub shell: Option<PathBuf>,
    /// Whether sessions run as root, which the client refuses unless it is told that this is a sandbox.
    pub is_root: bool,
}

/// A path as people write it: with `~` for the home.
#[must_use]
pub fn short(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

/// As JSON, which is YAML too: whatever is in a path, it comes back as it was.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The names of projects, by the last part of their directories; with a number where two have one name.
#[must_use]
pub fn project_names(projects: &[PathBuf]) -> Vec<ProjectName> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for path in projects {
        let last = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let plain: String = last
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
            .collect::<String>()
            .trim_start_matches(['.', '-', '_'])
            .chars()
            .take(100)
            .collect();
        let base = if ProjectName::new(plain.clone()).is_ok() { plain } else { "project".to_owned() };
        let numbered = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") });
        let free = numbered.into_iter().find(|name| taken.insert(name.clone()));
        names.extend(free.and_then(|name| ProjectName::new(name).ok()));
    }
    names
}

/// The text of the configuration.
#[must_use]
pub fn configuration(answers: &Answers, home: &Path) -> String {
    let mut text = String::from(
        "# Written by `claude-failover init`; yours to change.\n\
         # `claude-failover config check` prints what it comes to, with every default. An unknown key is refused.\n\
         \n\
         # Your own logins. A home (CLAUDE_CONFIG_DIR) alone holds its credentials. Lower `priority` is preferred.\n\
         accounts:\n",
    );
    for (n, (name, path)) in answers.accounts.iter().enumerate() {
        let path = quoted(&short(path, home));
        text.push_str(&format!(
            "  - name: {}\n    home: {path}\n    priority: {}\n",
            quoted(name.as_str()),
            n + 1
        ));
    }
    text.push_str(
        "\n# Each has a queue: PROJECT/.agent-queue/inbox/ID.md. One session works in it at a time, unless\n\
         # `max_sessions` says otherwise.\n",
    );
    if answers.projects.is_empty() {
        text.push_str("projects: []\n");
    } else {
        text.push_str("projects:\n");
    }
    for (path, name) in answers.projects.iter().zip(project_names(&answers.projects)) {
        let path = quoted(&short(path, home));
        text.push_str(&format!("  - path: {path}\n    name: {}\n", quoted(name.as_str())));
    }
    text.push_str(&format!(
        "\npool:\n  autonomous:\n    # Sessions of ours, `prefix` and a number: started when a task needs one.\n    \
         prefix: ccl-auto-\n    max: {}\n",
        answers.pool
    ));
    let mut client = String::new();
    if let Some(program) = &answers.program {
        client.push_str(&format!("  program: {}\n", quoted(&program.display().to_string())));
    }
    if let Some(shell) = &answers.shell {
        client.push_str(&format!("  shell: {}\n", quoted(&shell.display().to_string())));
    }
    if answers.is_root {
        client.push_str(
            "  # The client does not run without permission prompts as root unless it is told that this is a sandbox.\n  \
             env: {IS_SANDBOX: \"1\"}\n",
        );
    }
    if !client.is_empty() {
        text.push_str("\nclient:\n");
        text.push_str(&client);
    }
    text.push_str(
        "\n# What the guard blocks can be changed here: `claude-failover guard rules` lists it.\n\
         #guard: {rules: {git.reset-hard: warn}, branches: [release]}\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, LoadInputs};

    fn answers() -> Answers {
        let account = |name: &str, home: &str| (AccountName::new(name).unwrap(), PathBuf::from(home));
        Answers {
            accounts: vec![account("main", "/h/.claude-main"), account("spare", "/h/a \"b\": #c")],
            projects: vec!["/h/src/app".into(), "/srv/app".into(), "/srv/été: x".into()],
            pool: 4,
            program: Some("/opt/claude".into()),
            shell: Some("/bin/bash".into()),
            is_root: true,
        }
    }

    fn read(answers: &Answers) -> config::Config {
        let home = Path::new("/h");
        let text = configuration(answers, home);
        config::parse(&text, None, &LoadInputs { home, strict: false }).unwrap_or_else(|e| panic!("{e:#}\n{text}"))
    }

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let config = read(&answers());
        let homes: Vec<_> =
            config.accounts.iter().map(|a| (a.name.as_str(), a.home.clone(), a.priority)).collect();
        assert_eq!(homes, [("main", "/h/.claude-main".into(), 1), ("spare", "/h/a \"b\": #c".into(), 2)]);
        let projects: Vec<_> = config.projects.iter().map(|p| (p.name.as_str(), p.path.clone())).collect();
        let want = [("app", "/h/src/app"), ("app-2", "/srv/app"), ("-t--x", "/srv/été: x")];
        assert_eq!(projects[..2], want[..2].iter().map(|(n, p)| (*n, PathBuf::from(p))).collect::<Vec<_>>());
        assert_eq!(projects[2].1, PathBuf::from("/srv/été: x"));
        assert_eq!((config.pool.max, config.client.program.clone()), (4, PathBuf::from("/opt/claude")));
        assert_eq!(config.client.env["IS_SANDBOX"], "1");
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn the_least_is_valid_too() {
        let least =
            Answers { program: None, shell: None, is_root: false, projects: vec!["/".into()], ..answers() };
        assert_eq!(read(&least).projects[0].name.as_str(), "project");
    }

    #[test]
    fn paths_are_short_for_people() {
        for (path, want) in [("/h/x", "~/x"), ("/h", "~"), ("/hx/y", "/hx/y")] {
            assert_eq!(short(Path::new(path), Path::new("/h")), want);
        }
    }
}
