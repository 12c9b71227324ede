//! What a value of the command line is, by the name that its help gives it.

use crate::model::queue::Place;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Session,
    /// A session that may be ended.
    PoolSession,
    Account,
    Project,
    /// A task that lies in one of these places.
    Task(&'static [Place]),
    /// A task in `depends_on`, where an id alone means the same project.
    Dependency,
    /// A session, account, project or task.
    Name,
    /// A target of notifications.
    Target,
    /// A rule of the guard.
    Rule,
    Priority,
    /// A command of this program.
    Command,
    /// A file or directory.
    Path,
}

const OPEN: &[Place] = &[Place::Waiting, Place::Claimed];
const ENDED: &[Place] = &[Place::Failed, Place::Done, Place::Claimed];
pub(super) const ALL: &[Place] = &[Place::Waiting, Place::Claimed, Place::Failed, Place::Done];

/// What the values of an argument of the command `verb` are; `None` if only a person can know.
pub(super) fn kind(arg: &clap::Arg, verb: &str) -> Option<Kind> {
    if arg.get_value_hint() == clap::ValueHint::AnyPath {
        return Some(Kind::Path);
    }
    Some(match (arg.get_value_names()?.first()?.as_str(), verb) {
        ("SESSION", "stop") => Kind::PoolSession,
        ("SESSION", _) => Kind::Session,
        ("ACCOUNT", _) => Kind::Account,
        ("PROJECT", _) => Kind::Project,
        ("TASK", "done" | "fail" | "cancel") => Kind::Task(OPEN),
        ("TASK", "retry") => Kind::Task(ENDED),
        ("TASK", "add") => Kind::Dependency,
        ("TASK", _) => Kind::Task(ALL),
        ("NAME", "log") => Kind::Name,
        ("TARGET", _) => Kind::Target,
        ("RULE", _) => Kind::Rule,
        ("PRIORITY", _) => Kind::Priority,
        ("COMMAND", "log") => Kind::Command,
        _ => return None,
    })
}
