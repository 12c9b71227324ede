//! What to answer: from the prompt, and for a task from the conversation so far.
//!
//! ```text
//! [[say:TEXT]] [[bash:CMD]] [[tool:NAME:JSON]] [[slow:SECONDS]] [[hang:SECONDS]] [[cut]]
//! ```
//! A prompt that names a task file (`read /x.md.dispatched and carry it out`, or `carry on with the
//! task in /x.md.dispatched`) is answered with a `Read` of that file, and then with the directives
//! found in it, one after the other. Which is next is read off the conversation alone: the real
//! client sends all of it each time, after a resume too.

use serde_json::{Value, json};

/// A directive.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Say(String),
    Tool(String, Value),
    Slow(f64),
    Hang(f64),
    Cut,
}

/// The directives in a text.
pub fn directives(text: &str) -> Vec<Step> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("[[") {
        rest = &rest[at + 2..];
        if let Some(tool) = rest.strip_prefix("tool:")
            && let Some((name, json)) = tool.split_once(':')
        {
            // As JSON and not up to the brackets: its text may hold brackets itself.
            let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
            if let Some(Ok(input)) = values.next() {
                found.push(Step::Tool(name.to_owned(), input));
                rest = &json[values.byte_offset()..];
            }
            continue;
        }
        let Some(end) = rest.find("]]") else { break };
        let (word, value) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        let seconds = || value.parse().unwrap_or(0.0);
        match word {
            "say" => found.push(Step::Say(value.to_owned())),
            "bash" => {
                found.push(Step::Tool(
                    "Bash".into(),
                    json!({ "command": value, "description": "a scripted command" }),
                ));
            }
            "slow" => found.push(Step::Slow(seconds())),
            "hang" => found.push(Step::Hang(seconds())),
            "cut" => found.push(Step::Cut),
            _ => {}
        }
        rest = &rest[end + 2..];
    }
    found
}

/// The task file that a prompt names, if it hands a task over or tells to carry on with one.
fn task_file(prompt: &str) -> Option<&str> {
    let lower = prompt.to_lowercase();
    if !lower.contains("and carry it out") && !lower.contains("carry on with the task in") {
        return None;
    }
    prompt
        .split([' ', ';', '\n'])
        .find(|w| w.starts_with('/') && (w.ends_with(".md.dispatched") || w.ends_with(".md")))
}

/// The blocks of all messages: `("text"|"tool_use"|"tool_result", role, block)` in order.
fn blocks(request: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for message in request["messages"].as_array().into_iter().flatten() {
        let role = message["role"].as_str().unwrap_or_default().to_owned();
        match &message["content"] {
            Value::String(text) => all.push((role, json!({ "type": "text", "text": text }))),
            content => all.extend(content.as_array().into_iter().flatten().map(|b| (role.clone(), b.clone()))),
        }
    }
    all
}

fn text_of(result: &Value) -> String {
    match &result["content"] {
        Value::String(text) => text.clone(),
        parts => parts.as_array().into_iter().flatten().filter_map(|p| p["text"].as_str()).collect(),
    }
}

/// What kind of request it is, and the text that counts in it.
pub fn classify(request: &Value) -> (&'static str, String) {
    let all = blocks(request);
    let system = request["system"].to_string().to_lowercase();
    let asked: Vec<&(String, Value)> = all.iter().filter(|(role, _)| role == "user").collect();
    let words = |b: &Value| b["text"].as_str().filter(|t| !t.starts_with("<system-reminder>")).map(str::to_owned);
    if request["tools"].as_array().is_none_or(Vec::is_empty) {
        let text = asked.iter().rev().find_map(|(_, b)| words(b)).unwrap_or_default();
        return (if system.contains("title") { "title" } else { "aux" }, text);
    }
    let last = request["messages"].as_array().and_then(|m| m.iter().rev().find(|m| m["role"] == "user"));
    let parts: Vec<Value> = match last.map(|m| &m["content"]) {
        Some(Value::String(text)) => vec![json!({ "type": "text", "text": text })],
        Some(content) => content.as_array().cloned().unwrap_or_default(),
        None => Vec::new(),
    };
    let text: Vec<String> = parts.iter().filter_map(words).collect();
    match parts.iter().find(|p| p["type"] == "tool_result") {
        Some(result) if text.is_empty() => ("tool_result", text_of(result)),
        _ => ("prompt", text.join("\n")),
    }
}

/// The steps to answer with, given everything that has happened.
pub fn next(request: &Value) -> Vec<Step> {
    let (kind, text) = classify(request);
    if kind == "title" {
        return vec![Step::Say(json!({ "title": "Stand-in", "isNewTopic": true }).to_string())];
    }
    let all = blocks(request);
    let prompts = || all.iter().filter(|(role, b)| role == "user" && b["type"] == "text");
    let newest =
        prompts().rev().find_map(|(_, b)| b["text"].as_str().filter(|t| !t.starts_with("<system-reminder>")));
    // A resumed client puts words of its own behind ours, so the newest prompt that names a file counts.
    let task = if kind == "aux" { None } else { newest.and_then(task_file).or_else(|| task_file(&text)) };
    match task {
        Some(file) => task_step(&all, file),
        None if kind == "tool_result" => {
            vec![Step::Say(format!("tool said: {}", text.chars().take(200).collect::<String>()))]
        }
        None => match directives(&text) {
            steps if steps.is_empty() => {
                vec![Step::Say(format!("echo: {}", text.chars().take(120).collect::<String>()))]
            }
            steps => steps.into_iter().take(1).collect(),
        },
    }
}

/// The next step of a task, from what the conversation shows as finished.
fn task_step(all: &[(String, Value)], file: &str) -> Vec<Step> {
    let read = Step::Tool("Read".into(), json!({ "file_path": file }));
    let start =
        all.iter().position(|(role, b)| role == "user" && b["text"].as_str().is_some_and(|t| t.contains(file)));
    let since = &all[start.unwrap_or(0)..];
    let finished: Vec<(String, Value, String)> = since
        .iter()
        .filter(|(_, b)| b["type"] == "tool_use")
        .filter_map(|(_, call)| {
            let result =
                since.iter().find(|(_, b)| b["type"] == "tool_result" && b["tool_use_id"] == call["id"])?;
            let text = text_of(&result.1);
            let cut_short =
                ["Exit code 137", "outcome is unknown", "[Request interrupted", "doesn't want to proceed"];
            (!cut_short.iter().any(|c| text.contains(c)))
                .then(|| (call["name"].as_str().unwrap_or_default().to_owned(), call["input"].clone(), text))
        })
        .collect();
    let Some((_, _, text)) = finished.iter().find(|(name, input, _)| name == "Read" && input["file_path"] == file)
    else {
        return vec![read];
    };
    let mut done: Vec<(&str, &Value)> = finished.iter().map(|(name, input, _)| (name.as_str(), input)).collect();
    let mut answer = Vec::new();
    for step in directives(text) {
        match &step {
            Step::Tool(name, input) => {
                let key = |v: &Value| v.get("command").or_else(|| v.get("file_path")).cloned();
                match done.iter().position(|(n, i)| n == name && key(i) == key(input)) {
                    Some(at) => {
                        done.remove(at);
                        answer.clear();
                    }
                    None => {
                        answer.push(step);
                        return answer;
                    }
                }
            }
            Step::Say(_) | Step::Cut => {
                answer.push(step);
                return answer;
            }
            Step::Slow(_) | Step::Hang(_) => answer.push(step),
        }
    }
    answer.push(Step::Say("all done".into()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "Task t (attempt 1): read /x/t.md.dispatched and carry it out; when done run `y`.";
    const TASK: &str = "1\t[[bash:one]]\n2\t[[slow:1]] [[bash:two]] [[say:fine]]";

    fn request(messages: Value) -> Value {
        json!({ "tools": [{ "name": "Bash" }], "messages": messages })
    }

    fn call(id: &str, name: &str, input: Value) -> Value {
        json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": id, "name": name, "input": input }] })
    }

    fn result(id: &str, text: &str) -> Value {
        json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": id, "content": text }] })
    }

    #[test]
    fn a_task_is_played_step_by_step_and_goes_on_after_a_resume() {
        let read = json!({ "file_path": "/x/t.md.dispatched" });
        let bash =
            |c: &str| Step::Tool("Bash".into(), json!({ "command": c, "description": "a scripted command" }));
        let mut m = vec![json!({ "role": "user", "content": PROMPT })];
        assert_eq!(next(&request(json!(m))), [Step::Tool("Read".into(), read.clone())]);
        m.extend([call("r", "Read", read), result("r", TASK)]);
        assert_eq!(next(&request(json!(m))), [bash("one")]);
        m.extend([call("a", "Bash", json!({ "command": "one" })), result("a", "ok")]);
        assert_eq!(next(&request(json!(m))), [Step::Slow(1.0), bash("two")]);
        m.extend([call("b", "Bash", json!({ "command": "two" })), result("b", "Exit code 137")]);
        m.push(json!({ "role": "user", "content": "Task t: resumed, carry on with the task in /x/t.md.dispatched; go." }));
        assert_eq!(next(&request(json!(m))), [Step::Slow(1.0), bash("two")], "it was cut short");
        m.extend([call("c", "Bash", json!({ "command": "two" })), result("c", "ok")]);
        assert_eq!(next(&request(json!(m))), [Step::Say("fine".into())]);
    }

    #[test]
    fn directives_with_json_and_brackets() {
        let steps = directives("a [[tool:Write:{\"content\":\"x ]] y\"}]] [[cut]] [[nonsense]]");
        assert_eq!(steps, [Step::Tool("Write".into(), json!({ "content": "x ]] y" })), Step::Cut]);
    }
}
