//! The tools: what a client is told of each ([`declared()`]), the arguments that it takes, and how its answer is told.
//! Unknown arguments are refused.

mod declared;

pub use declared::declared;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::model::front_matter::Priority;
use crate::model::name::{AccountName, MAX_NAME, SessionName, TaskId, shown};

/// The longest text of a task that is taken, in bytes. The configuration may set a lower limit.
pub const MAX_TEXT: usize = 256 << 10;
/// The longest short text: a title, a time, a name with its project.
const MAX_LINE: usize = 2 * MAX_NAME + 1;
/// The longest list.
const MAX_ITEMS: usize = 50;

/// A call with its arguments read.
#[derive(Debug)]
pub enum Call {
    /// What is.
    Status(Cached),
    /// The queue.
    ListTasks(ListTasks),
    /// A new task.
    AddTask(Box<AddTask>),
    /// A task again.
    RetryTask(RetryTask),
    /// Why.
    Explain(Explain),
    /// Sessions to another account.
    Switch(Switch),
}

/// Arguments of `status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cached {
    /// Whether the records of the last `watch` are to do.
    #[serde(default)]
    pub cached: bool,
}

/// Arguments of `list_tasks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListTasks {
    /// Only this project.
    pub project: Option<String>,
    /// Finished ones as well.
    #[serde(default)]
    pub all: bool,
}

/// Arguments of `add_task`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTask {
    /// The project.
    pub project: String,
    /// What is to be done.
    pub text: String,
    /// Its id.
    pub id: Option<TaskId>,
    /// A title.
    pub title: Option<String>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// What must be done first.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Not before.
    pub not_before: Option<String>,
    /// The model to run it with.
    pub model: Option<String>,
}

/// Arguments of `retry_task`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryTask {
    /// `id` or `project:id`.
    pub task: String,
}

/// Arguments of `explain`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// `id` or `project:id`.
    pub task: Option<String>,
    /// A session.
    pub session: Option<SessionName>,
}

/// Arguments of `switch`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The account to move to.
    pub to: Option<AccountName>,
    /// Only these sessions.
    #[serde(default)]
    pub sessions: Vec<SessionName>,
    /// Only the plan.
    #[serde(default)]
    pub dry_run: bool,
}

/// Why a call cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such tool.
    Unknown,
    /// Its arguments cannot be used; a model may call it again with others.
    Arguments(String),
}

/// Reads a call.
///
/// # Errors
/// If there is no such tool, or its arguments are not those that it takes.
pub fn read(tool: &str, arguments: Map<String, Value>) -> Result<Call, Refusal> {
    let call = match tool {
        "status" => Call::Status(typed(arguments)?),
        "list_tasks" => Call::ListTasks(typed(arguments)?),
        "add_task" => Call::AddTask(typed(arguments)?),
        "retry_task" => Call::RetryTask(typed(arguments)?),
        "explain" => Call::Explain(typed(arguments)?),
        "switch" => Call::Switch(typed(arguments)?),
        _ => return Err(Refusal::Unknown),
    };
    check(&call).map_err(Refusal::Arguments)?;
    Ok(call)
}

fn typed<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(arguments.into()).map_err(|e| Refusal::Arguments(shown(&e.to_string())))
}

/// What the types do not say.
fn check(call: &Call) -> Result<(), String> {
    let line = |name: &str, text: Option<&str>| match text {
        Some(text) if text.len() > MAX_LINE => Err(format!("`{name}` has at most {MAX_LINE} bytes")),
        Some(text) if text.contains(char::is_control) => {
            Err(format!("`{name}` must be one line without control characters"))
        }
        _ => Ok(()),
    };
    let few = |name: &str, count: usize| match count {
        0..=MAX_ITEMS => Ok(()),
        _ => Err(format!("`{name}` has at most {MAX_ITEMS} items")),
    };
    match call {
        Call::Status(_) => Ok(()),
        Call::ListTasks(l) => line("project", l.project.as_deref()),
        Call::AddTask(a) => {
            if a.text.trim().is_empty() {
                return Err("`text` is empty".to_owned());
            }
            if a.text.len() > MAX_TEXT {
                return Err(format!("`text` has at most {MAX_TEXT} bytes"));
            }
            // `task show` prints it on somebody's terminal.
            if a.text.contains(|c: char| c.is_control() && !['\n', '\r', '\t'].contains(&c)) {
                return Err("`text` has control characters".to_owned());
            }
            line("project", Some(&a.project))?;
            line("title", a.title.as_deref())?;
            line("not_before", a.not_before.as_deref())?;
            line("model", a.model.as_deref())?;
            few("depends_on", a.depends_on.len())?;
            a.depends_on.iter().try_for_each(|task| line("depends_on", Some(task)))
        }
        Call::RetryTask(r) => line("task", Some(&r.task)),
        Call::Explain(e) => match (&e.task, &e.session) {
            (Some(task), None) => line("task", Some(task)),
            (None, Some(_)) => Ok(()),
            _ => Err("give either `task` or `session`".to_owned()),
        },
        Call::Switch(s) => few("sessions", s.sessions.len()),
    }
}

/// The result of a call: the same as an object and as text, for clients that know only that.
#[must_use]
pub fn result(value: Value) -> Value {
    json!({ "content": [{ "type": "text", "text": value.to_string() }], "structuredContent": value })
}

/// … of one that failed, for the model to read.
#[must_use]
pub fn failure(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": true })
}

#[cfg(test)]
mod tests;
