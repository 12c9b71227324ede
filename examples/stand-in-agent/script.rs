//! The directives of a prompt or a task file.

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub word: String,
    pub value: String,
}

/// The directives in a text, in order.
pub fn directives(text: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("[[") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find("]]") else { break };
        let (word, value) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        if !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()) {
            found.push(Directive { word: word.to_owned(), value: value.to_owned() });
        }
        rest = &rest[end + 2..];
    }
    found
}

/// The task file that a prompt names.
pub fn task_file(prompt: &str) -> Option<String> {
    let words = shlex::split(prompt).unwrap_or_default();
    let word = words.iter().map(|w| w.trim_end_matches(';'));
    word.filter(|w| w.starts_with('/'))
        .find(|w| w.ends_with(".md.dispatched") || w.ends_with(".md"))
        .map(str::to_owned)
}

/// Whether a prompt tells a resumed client to go on.
pub fn is_carry_on(prompt: &str) -> bool {
    prompt.to_lowercase().contains("carry on")
}

/// The command between backticks that ends or fails the task, as the prompt gives it.
pub fn command(prompt: &str, verb: &str, reason: &str) -> Option<String> {
    let found = prompt.split('`').find(|part| part.contains(&format!(" task {verb} ")))?;
    let quoted = format!("'{}'", reason.replace('\'', "'\\''"));
    Some(found.replace("'...'", &quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_understood() {
        let prompt = "Task a (attempt 1): read /x/a.md.dispatched and carry it out; run `/b task done a --project p`, \
                      or `/b task fail a --project p --reason '...'`.";
        assert_eq!(task_file(prompt).as_deref(), Some("/x/a.md.dispatched"));
        assert_eq!(command(prompt, "done", "").as_deref(), Some("/b task done a --project p"));
        assert_eq!(command(prompt, "fail", "no").as_deref(), Some("/b task fail a --project p --reason 'no'"));
        assert!(!is_carry_on("read it and carry it out") && is_carry_on("Carry on."));
        let words: Vec<String> =
            directives("a [[bash:echo [x]; ls]] b [[done]] [[").iter().map(|d| d.word.clone()).collect();
        assert_eq!(words, ["bash", "done"]);
    }
}
