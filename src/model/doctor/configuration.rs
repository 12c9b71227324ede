//! The configuration: whether it can be read, and what it names.

use std::path::PathBuf;

use crate::model::finding::{Finding, Fix};

/// What was seen of the configuration.
#[derive(Clone, Debug)]
pub enum Facts {
    /// There is none.
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// It cannot be used.
    Broken {
        /// What is wrong, line by line.
        messages: Vec<String>,
        /// What its reader advises.
        hint: Option<String>,
    },
    /// It was read.
    Read {
        /// The file.
        path: PathBuf,
        /// Whose it is, if it is neither ours nor root's.
        foreign: Option<u32>,
        /// Its mode.
        mode: u32,
        /// Directories that it names and that are not there, each with its line.
        absent: Vec<String>,
        /// Keys without effect, each with its line.
        without_effect: Vec<String>,
        /// Inboxes that are missing: the project and the directory.
        queues: Vec<(String, PathBuf)>,
        /// Whether it names any project.
        has_projects: bool,
    },
}

const SUBJECT: &str = "configuration";

/// What is wrong with it.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    match facts {
        Facts::Missing { path } => {
            let message = format!("there is none: `{path}`");
            vec![Finding::fault(SUBJECT, "config-missing", message, "claude-failover init")]
        }
        Facts::Broken { messages, hint } => {
            let (first, rest) = messages.split_first().map_or(("it cannot be read", &[][..]), |(f, r)| (f, r));
            let remedy =
                hint.clone().unwrap_or_else(|| "mend it; `claude-failover config check` reads it again".into());
            vec![Finding::fault(SUBJECT, "config-invalid", first, remedy).seen(rest.iter().cloned())]
        }
        Facts::Read { path, foreign, mode, absent, without_effect, queues, has_projects } => {
            let mut found = Vec::new();
            let shown = path.display();
            if let Some(uid) = foreign {
                let message = format!("it belongs to user {uid}, who decides what we run: `{shown}`");
                found.push(Finding::fault(
                    SUBJECT,
                    "config-foreign",
                    message,
                    format!("look at it, then chown it: `{shown}`"),
                ));
            } else if mode & 0o022 != 0 {
                let message = format!("others can change what we run (mode {mode:o}): `{shown}`");
                let remedy = format!("chmod go-w {shown}");
                let fix = Fix::Mode { path: path.clone(), mode: mode & !0o022 };
                found.push(Finding::fault(SUBJECT, "config-open", message, remedy).fixed_by([fix]));
            }
            for line in absent {
                let remedy = "bring it back, or take it out of the configuration";
                found.push(Finding::warning(SUBJECT, "directory-missing", line, remedy));
            }
            for line in without_effect {
                found.push(Finding::info(
                    SUBJECT,
                    "key-without-effect",
                    line,
                    "take it out when it is in the way",
                ));
            }
            for (project, inbox) in queues {
                let message = format!("it has no inbox yet: `{}`", inbox.display());
                let fix = Fix::MakeDir { path: inbox.clone(), mode: 0o755 };
                let remedy = format!("claude-failover task add -p {project} makes it, and so does `doctor --fix`");
                found.push(Finding::info(project, "queue-missing", message, remedy).fixed_by([fix]));
            }
            if !has_projects {
                let remedy = "name one under `projects`";
                found.push(Finding::warning(
                    SUBJECT,
                    "no-project",
                    "it names no project: nothing can be queued",
                    remedy,
                ));
            }
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity;

    fn read() -> Facts {
        Facts::Read {
            path: "/c.yaml".into(),
            foreign: None,
            mode: 0o644,
            absent: Vec::new(),
            without_effect: Vec::new(),
            queues: Vec::new(),
            has_projects: true,
        }
    }

    #[test]
    fn a_good_one_has_no_finding() {
        assert_eq!(findings(&read()), []);
    }

    #[test]
    fn each_fault_is_found() {
        let open = Facts::Read {
            path: "/c.yaml".into(),
            foreign: None,
            mode: 0o666,
            absent: vec!["/c.yaml:3: gone".into()],
            without_effect: vec!["/c.yaml:9: x".into()],
            queues: vec![("app".into(), "/app/.agent-queue/inbox".into())],
            has_projects: false,
        };
        let found = findings(&open);
        let codes: Vec<_> = found.iter().map(|f| f.code).collect();
        assert_eq!(
            codes,
            ["config-open", "directory-missing", "key-without-effect", "queue-missing", "no-project"]
        );
        assert_eq!(found[0].fixes, [Fix::Mode { path: "/c.yaml".into(), mode: 0o644 }]);
        let missing = findings(&Facts::Missing { path: "/c".into() });
        assert_eq!((missing[0].severity, missing[0].remedy.as_str()), (Severity::Fault, "claude-failover init"));
        let broken = Facts::Broken { messages: vec!["a".into(), "b".into()], hint: None };
        assert_eq!(findings(&broken)[0].evidence, ["b"]);
        let Facts::Read { path, mode, absent, without_effect, queues, has_projects, .. } = read() else {
            panic!()
        };
        let foreign = Facts::Read { path, foreign: Some(7), mode, absent, without_effect, queues, has_projects };
        assert_eq!(findings(&foreign)[0].code, "config-foreign");
    }
}
