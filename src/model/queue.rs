//! The queue as it was found: waiting tasks by project, and where the tasks lie on which they depend.

use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::front_matter::{Fault, Header};
use super::name::{AccountName, ProjectName, TaskId, TaskRef};

/// A file in an inbox that could be a task.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The task.
    pub id: TaskId,
    /// What it asks for, or why it cannot be used.
    pub header: Result<Header, Fault>,
    /// When it was queued: its own `created`, else the time of the file.
    pub queued: Timestamp,
}

/// The queue of one project.
#[derive(Clone, Debug)]
pub struct ProjectQueue {
    /// The project.
    pub project: ProjectName,
    /// Its directory.
    pub path: PathBuf,
    /// How many sessions may work in it at once.
    pub max_sessions: u32,
    /// Its default model.
    pub model: Option<String>,
    /// The only account that may work in it.
    pub account: Option<AccountName>,
    /// Tasks that wait.
    pub waiting: Vec<Waiting>,
    /// Tasks that a session has, by the name of their file.
    pub claimed: Vec<TaskId>,
    /// Files whose names cannot be used: the name, made printable, and the reason.
    pub refused: Vec<(String, Fault)>,
    /// Why the queue itself could not be read.
    pub unreadable: Option<Fault>,
    /// Whether a file is still being written: it waits for the next look, which should come soon.
    pub unfinished: bool,
}

/// Where the file of a task lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `inbox/`, waiting.
    Waiting,
    /// In `inbox/`, claimed.
    Claimed,
    /// In `done/`.
    Done,
    /// In `failed/`.
    Failed,
    /// In none of them.
    Nowhere,
}

impl Place {
    /// What its tasks are called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Nowhere => "nowhere",
        }
    }
}

/// Where each task lies that another one depends on.
pub type Places = HashMap<TaskRef, Place>;

/// All tasks that some waiting task depends on.
#[must_use]
pub fn dependencies(queues: &[ProjectQueue]) -> HashSet<TaskRef> {
    queues
        .iter()
        .flat_map(|q| &q.waiting)
        .filter_map(|w| w.header.as_ref().ok())
        .flat_map(|h| h.depends_on.iter().cloned())
        .collect()
}

/// Tasks that wait for themselves through others, each with the way round: `a → b → a`.
#[must_use]
pub fn cycles(queues: &[ProjectQueue]) -> HashMap<TaskRef, String> {
    let mut edges: HashMap<TaskRef, &[TaskRef]> = HashMap::new();
    for queue in queues {
        for waiting in &queue.waiting {
            if let Ok(header) = &waiting.header
                && !header.depends_on.is_empty()
            {
                let task = TaskRef { project: queue.project.clone(), id: waiting.id.clone() };
                edges.insert(task, &header.depends_on);
            }
        }
    }
    let mut found = HashMap::new();
    let mut settled: HashSet<TaskRef> = HashSet::new();
    let mut starts: Vec<&TaskRef> = edges.keys().collect();
    starts.sort();
    for start in starts {
        if settled.contains(start) {
            continue;
        }
        // Depth first with an explicit stack: an inbox may hold a chain of ten thousand.
        let mut path: Vec<(TaskRef, usize)> = vec![(start.clone(), 0)];
        let mut on_path: HashMap<TaskRef, usize> = HashMap::from([(start.clone(), 0)]);
        while let Some((task, next)) = path.last_mut() {
            let after = edges.get(task).and_then(|d| d.get(*next)).cloned();
            *next += 1;
            match after {
                None => {
                    let (task, _) = path.pop().unwrap_or_else(|| (start.clone(), 0));
                    on_path.remove(&task);
                    settled.insert(task);
                }
                Some(dep) if settled.contains(&dep) => {}
                Some(dep) => {
                    if let Some(&from) = on_path.get(&dep) {
                        let ring: Vec<TaskRef> = path[from..].iter().map(|(t, _)| t.clone()).collect();
                        for n in 0..ring.len() {
                            let way = (n..=n + ring.len()).map(|i| ring[i % ring.len()].to_string());
                            found.insert(ring[n].clone(), way.collect::<Vec<_>>().join(" → "));
                        }
                    } else {
                        on_path.insert(dep.clone(), path.len());
                        path.push((dep, 0));
                    }
                }
            }
        }
    }
    found
}

#[cfg(test)]
#[allow(missing_docs, reason = "tests")]
pub mod tests {
    use super::*;

    /// A queue whose tasks depend as given.
    pub fn queue(project: &str, tasks: &[(&str, Header)]) -> ProjectQueue {
        ProjectQueue {
            project: ProjectName::new(project).unwrap(),
            path: PathBuf::from("/srv").join(project),
            max_sessions: 1,
            model: None,
            account: None,
            waiting: tasks
                .iter()
                .enumerate()
                .map(|(n, (id, header))| Waiting {
                    id: TaskId::new(*id).unwrap(),
                    header: Ok(header.clone()),
                    queued: Timestamp::from_second(1_800_000_000 + n as i64).unwrap(),
                })
                .collect(),
            claimed: vec![],
            refused: vec![],
            unreadable: None,
            unfinished: false,
        }
    }

    /// A header with dependencies only.
    pub fn needs(deps: &[&str]) -> Header {
        let project = ProjectName::new("app").unwrap();
        Header {
            depends_on: deps.iter().map(|d| TaskRef::parse(d, &project).unwrap()).collect(),
            ..Header::default()
        }
    }

    #[test]
    fn rings_are_found_and_chains_are_not() {
        let q = queue(
            "app",
            &[
                ("a", needs(&["b"])),
                ("b", needs(&["c"])),
                ("c", needs(&["a"])),
                ("d", needs(&["a"])),
                ("e", needs(&[])),
            ],
        );
        let found = cycles(&[q]);
        let mut names: Vec<String> = found.keys().map(|t| t.id.to_string()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
        let a = found.iter().find(|(t, _)| t.id.as_str() == "a").unwrap().1;
        assert_eq!(a, "app:a → app:b → app:c → app:a");
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let names: Vec<String> = (0..20_000).map(|n| format!("t{n}")).collect();
        let tasks: Vec<(&str, Header)> =
            (0..19_999).map(|n| (names[n].as_str(), needs(&[names[n + 1].as_str()]))).collect();
        assert!(cycles(&[queue("app", &tasks)]).is_empty());
    }
}
