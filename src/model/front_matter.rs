//! The front matter of a task file: reading what we understand, adding an outcome, keeping the rest.
//!
//! The body belongs to the operator and is never changed by a byte; of the front matter only our
//! own `outcome` block is ever rewritten, as text, so that comments and unknown keys stay.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::fmt;

use super::name::{AccountName, ProjectName, TaskId, TaskRef, shown};

/// How urgent a task is; the order of the variants is the order of dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before everything else.
    Critical,
    /// Before ordinary tasks.
    High,
    /// What a task without the key has.
    #[default]
    Default,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// Reads the four words.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "critical" => Self::Critical,
            "high" => Self::High,
            "default" => Self::Default,
            "low" => Self::Low,
            _ => return None,
        })
    }

    /// The word in a task file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
        }
    }
}

/// What a task file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// A title for people.
    pub title: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// Informative words.
    pub tags: Vec<String>,
    /// Tasks that must be in `done/` first.
    pub depends_on: Vec<TaskRef>,
    /// Not before this moment.
    pub not_before: Option<Timestamp>,
    /// The model to run it with.
    pub model: Option<String>,
    /// The only account that may run it.
    pub account: Option<AccountName>,
    /// How often it may be tried; the configuration's limit if absent.
    pub max_attempts: Option<u32>,
    /// How long a session may show no sign of life; the configuration's limit if absent.
    pub stall_after: Option<SignedDuration>,
    /// When it was queued, if the file says so.
    pub created: Option<Timestamp>,
    /// How it ended, in `done/` and `failed/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// How a task ended; written into its front matter as the block `outcome`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `done` or `failed`.
    pub result: OutcomeResult,
    /// Why, in a line.
    pub reason: String,
    /// When it ended.
    pub finished: Timestamp,
    /// Seconds from the first claim to the end.
    pub duration_seconds: i64,
    /// Every try, oldest first.
    pub attempts: Vec<AttemptNote>,
    /// The accounts that worked on it, in order of first use.
    pub accounts: Vec<AccountName>,
    /// The conversation of the last attempt.
    pub conversation: Option<String>,
    /// Tokens that the client reported; absent where no transcript could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
}

/// The two ends of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeResult {
    /// It was carried out.
    Done,
    /// It was given up.
    Failed,
}

/// One try of a task, as kept in the task's own file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// The session that had it.
    pub session: String,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub result: String,
}

/// Token counts of a conversation, as the client's transcript reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens sent, without those read from the cache.
    pub input: u64,
    /// Tokens produced.
    pub output: u64,
    /// Tokens read from the cache.
    pub cache_read: u64,
}

/// What is wrong with a task file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Fault {
    fn at(line: Option<usize>, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), hint: None }
    }

    /// A fault of the file as a whole.
    #[must_use]
    pub fn file(message: impl Into<String>) -> Self {
        Self::at(None, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The parts of a task file, as byte ranges of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// The YAML between the two fences, with its last newline; empty if there is no front matter.
    pub yaml: &'a str,
    /// Everything after the closing fence, or the whole file.
    pub body: &'a str,
}

/// Cuts a file into front matter and body.
///
/// # Errors
/// If the opening fence has no closing one.
pub fn split(text: &str) -> Result<Split<'_>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else {
        return Ok(Split { yaml: "", body: text });
    };
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == "---" || bare == "..." {
            return Ok(Split { yaml: &rest[..at], body: &rest[at + line.len()..] });
        }
        at += line.len();
    }
    Err(Fault::at(Some(1), "the front matter has no closing `---`")
        .hint("end the front matter with a line of three dashes"))
}

/// Where a top-level key stands, counted in lines of the file.
fn line_of(yaml: &str, key: &str) -> Option<usize> {
    yaml.lines().position(|l| l.strip_prefix(key).is_some_and(|r| r.trim_start().starts_with(':'))).map(|n| n + 2) // the fence is line 1
}

/// Reads the front matter of a task.
///
/// # Errors
/// If it is no YAML mapping, or a key that we use has a value we cannot use.
pub fn parse(text: &str, project: &ProjectName, id: &TaskId, zone: &TimeZone) -> Result<Header, Fault> {
    let Split { yaml, body } = split(text)?;
    if body.trim().is_empty() && yaml.trim().is_empty() {
        return Err(Fault::file("the file is empty").hint("write what is to be done into it"));
    }
    if body.trim().is_empty() {
        return Err(Fault::file("there is nothing below the front matter")
            .hint("write what is to be done below the second `---`"));
    }
    if yaml.trim().is_empty() {
        return Ok(Header::default());
    }
    let value: Value = serde_yaml::from_str(yaml).map_err(|e| {
        let line = e.location().map(|l| l.line() + 1);
        Fault::at(line, format!("the front matter is not valid YAML: {}", without_place(&e.to_string())))
    })?;
    let Value::Mapping(map) = value else {
        return Err(Fault::at(Some(2), "the front matter is not a list of `key: value` lines"));
    };
    let keys = Keys { yaml, map: &map };
    let header = Header {
        title: keys.text("title")?,
        priority: keys.priority()?,
        tags: keys.list("tags")?,
        depends_on: keys.depends_on(project, id)?,
        not_before: keys.time("not_before", zone)?,
        model: keys.model()?,
        account: keys
            .text("account")?
            .map(|t| AccountName::new(t).map_err(|e| keys.fault("account", e.to_string())))
            .transpose()?,
        max_attempts: keys.max_attempts()?,
        stall_after: keys.duration("stall_after")?,
        created: keys.time("created", zone).unwrap_or(None),
        outcome: map.get("outcome").and_then(|v| serde_yaml::from_value(v.clone()).ok()),
    };
    Ok(header)
}

/// serde_yaml adds the place inside the front matter; ours is the line of the file.
fn without_place(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

struct Keys<'a> {
    yaml: &'a str,
    map: &'a serde_yaml::Mapping,
}

impl Keys<'_> {
    fn fault(&self, key: &str, message: impl fmt::Display) -> Fault {
        Fault::at(line_of(self.yaml, key), format!("{key}: {message}"))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    fn text(&self, key: &str) -> Result<Option<String>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s.clone())),
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(Value::Bool(b)) => Ok(Some(b.to_string())),
            Some(_) => Err(self.fault(key, "must be one line of text")),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>, Fault> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Sequence(items)) => items
                .iter()
                .map(|v| match v {
                    Value::String(s) => Ok(s.clone()),
                    Value::Number(n) => Ok(n.to_string()),
                    _ => Err(self.fault(key, "must be a list of words")),
                })
                .collect(),
            Some(_) => Ok(self.text(key)?.into_iter().collect()),
        }
    }

    fn priority(&self) -> Result<Priority, Fault> {
        let Some(word) = self.text("priority")? else { return Ok(Priority::Default) };
        Priority::parse(&word).ok_or_else(|| {
            self.fault("priority", format!("unknown priority `{}`", shown(&word)))
                .hint("use one of critical, high, default, low")
        })
    }

    /// The model goes into a command line: it gets an allow-list as names do.
    fn model(&self) -> Result<Option<String>, Fault> {
        let Some(model) = self.text("model")? else { return Ok(None) };
        if is_model(&model) {
            return Ok(Some(model));
        }
        Err(self.fault("model", format!("not a model name: `{}`", shown(&model))))
    }

    fn depends_on(&self, project: &ProjectName, id: &TaskId) -> Result<Vec<TaskRef>, Fault> {
        let mut refs = Vec::new();
        for text in self.list("depends_on")? {
            let task = TaskRef::parse(text.trim(), project)
                .map_err(|e| self.fault("depends_on", e).hint("write `id` or `project:id`"))?;
            if task.project == *project && task.id == *id {
                return Err(self.fault("depends_on", "the task depends on itself"));
            }
            if !refs.contains(&task) {
                refs.push(task);
            }
        }
        Ok(refs)
    }

    fn time(&self, key: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        parse_time(&text, zone).map(Some).ok_or_else(|| {
            self.fault(key, format!("not a time: `{}`", shown(&text)))
                .hint("write `2026-01-31T18:00:00Z`, or `2026-01-31 18:00` in local time")
        })
    }

    fn duration(&self, key: &str) -> Result<Option<SignedDuration>, Fault> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.parse::<SignedDuration>() {
            Ok(d) if d.is_positive() => Ok(Some(d)),
            _ => {
                Err(self.fault(key, format!("not a duration: `{}`", shown(&text))).hint("write `45m` or `1h 30m`"))
            }
        }
    }

    fn max_attempts(&self) -> Result<Option<u32>, Fault> {
        match self.get("max_attempts") {
            None => Ok(None),
            Some(v) => match v.as_u64() {
                Some(n @ 1..=100) => Ok(Some(u32::try_from(n).unwrap_or(100))),
                _ => Err(self.fault("max_attempts", "must be a number from 1 to 100")),
            },
        }
    }
}

/// Whether a text can be given to the client as `--model`.
#[must_use]
pub fn is_model(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/[]@".contains(&b))
}

/// Reads a moment: RFC 3339, or a local date with an optional time of day.
#[must_use]
pub fn parse_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let local =
        text.parse::<civil::DateTime>().or_else(|_| text.parse::<civil::Date>().map(|d| d.at(0, 0, 0, 0))).ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

/// The file with an `outcome` block in its front matter; an older block is replaced, the body and
/// every other line stay as they are.
#[must_use]
pub fn with_outcome(text: &str, outcome: &Outcome) -> String {
    let block = serde_yaml::to_string(outcome).unwrap_or_default();
    let mut added = String::from("outcome:\n");
    for line in block.lines() {
        added.push_str("  ");
        added.push_str(line);
        added.push('\n');
    }
    rebuilt(text, &added)
}

/// The file without its `outcome` block: what `task retry` queues again.
#[must_use]
pub fn without_outcome(text: &str) -> String {
    rebuilt(text, "")
}

fn rebuilt(text: &str, added: &str) -> String {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A file whose fence is broken is kept whole below a new front matter: nothing is lost.
    let (yaml, body) = match split(text) {
        Ok(s) => (s.yaml, s.body),
        Err(_) => ("", bare),
    };
    let had_fence = body.len() != bare.len();
    let mut kept = String::new();
    let mut ours = false;
    for line in yaml.split_inclusive('\n') {
        ours = if line.starts_with("outcome:") { true } else { ours && line.starts_with([' ', '\t']) };
        if !ours {
            kept.push_str(line);
        }
    }
    if kept.is_empty() && added.is_empty() && !had_fence {
        return text.to_owned();
    }
    if kept.trim().is_empty() && added.is_empty() {
        return body.to_owned();
    }
    format!("---\n{kept}{added}---\n{body}")
}

#[cfg(test)]
mod tests;
