//! What goes into a home's `.claude.json`: the answers to the dialogs of a first start, and for a home that
//! is taken over what the client kept outside of it. By a list of what may be taken, never the whole.

use serde_json::{Map, Value};

/// Keys of a `.claude.json` that go along with a home: answers, counters, who is logged in (no secret).
const TAKEN: [&str; 4] = ["hasCompletedOnboarding", "theme", "oauthAccount", "numStartups"];

/// What a merge comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The whole file.
    pub root: Map<String, Value>,
    /// What was added.
    pub added: Vec<String>,
    /// What was left behind, since it holds something like a secret.
    pub left: Vec<String>,
}

/// Adds the answers of a first start where they are missing.
#[must_use]
pub fn seeded(root: Map<String, Value>, theme: Option<&str>) -> Merged {
    let mut merged = Merged { root, ..Merged::default() };
    merged.add("hasCompletedOnboarding", &Value::Bool(true));
    if let Some(theme) = theme {
        merged.add("theme", &theme.into());
    }
    merged
}

/// Adds what a client that ran without `CLAUDE_CONFIG_DIR` has kept outside of its home.
#[must_use]
pub fn adopted(root: Map<String, Value>, outside: &Map<String, Value>) -> Merged {
    let mut merged = Merged { root, ..Merged::default() };
    for key in TAKEN {
        if let Some(value) = outside.get(key) {
            merged.add(key, value);
        }
    }
    merged.trust(outside);
    merged.servers(outside);
    merged
}

impl Merged {
    fn add(&mut self, key: &str, value: &Value) {
        if self.root.get(key).is_none_or(Value::is_null) {
            self.root.insert(key.to_owned(), value.clone());
            self.added.push(key.to_owned());
        }
    }

    /// Trust in folders, and nothing else of what is kept for each.
    fn trust(&mut self, outside: &Map<String, Value>) {
        let trusted: Vec<&String> = outside
            .get("projects")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, p)| p["hasTrustDialogAccepted"] == true)
            .map(|(path, _)| path)
            .collect();
        if trusted.is_empty() {
            return;
        }
        let Some(projects) = object(&mut self.root, "projects") else { return };
        let before = self.added.len();
        for path in trusted {
            let Some(entry) = object(projects, path) else { continue };
            if entry.get("hasTrustDialogAccepted") != Some(&Value::Bool(true)) {
                entry.insert("hasTrustDialogAccepted".to_owned(), true.into());
                self.added.push(format!("trust in `{path}`"));
            }
        }
        let names = self.added.split_off(before);
        match &names[..] {
            [] => {}
            [one] => self.added.push(one.clone()),
            many => self.added.push(format!("trust in {} folders", many.len())),
        }
    }

    /// Servers that the agent may call, without those that carry a secret.
    fn servers(&mut self, outside: &Map<String, Value>) {
        let Some(theirs) = outside.get("mcpServers").and_then(Value::as_object) else { return };
        for (name, server) in theirs {
            let known = self.root.get("mcpServers").and_then(|s| s.get(name)).is_some();
            if known {
                continue;
            }
            if holds_secret(server) {
                self.left.push(name.clone());
            } else if let Some(ours) = object(&mut self.root, "mcpServers") {
                ours.insert(name.clone(), server.clone());
                self.added.push(format!("MCP server `{name}`"));
            }
        }
    }
}

/// The object of a key, made if it is missing; `None` if something else is there.
fn object<'a>(root: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    root.entry(key.to_owned()).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// Whether a value has something like a secret in it, by its keys and by the shape of its words.
fn holds_secret(value: &Value) -> bool {
    let telling = |key: &str| {
        let key = key.to_lowercase();
        ["token", "key", "secret", "password", "auth", "cookie", "credential", "headers"]
            .iter()
            .any(|part| key.contains(part))
    };
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| telling(key) || holds_secret(value)),
        Value::Array(all) => all.iter().any(holds_secret),
        // In an argument or an address: `--api-key=…`, `https://user:password@…`, `?token=…`.
        Value::String(text) => {
            text.contains("sk-")
                || (text.starts_with("--") || text.contains("://")) && (telling(text) || text.contains('@'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_what_is_missing_and_allowed_is_taken() {
        let outside = map(json!({
            "hasCompletedOnboarding": true, "theme": "light", "numStartups": 9,
            "oauthAccount": {"accountUuid": "u"}, "primaryApiKey": "sk-ant-api", "machineID": "m",
            "customApiKeyResponses": {"approved": ["x"]},
            "projects": {"/a": {"hasTrustDialogAccepted": true, "history": ["secret words"]}, "/b": {},
                         "/c": {"hasTrustDialogAccepted": true}},
            "mcpServers": {"plain": {"command": "srv"}, "env": {"command": "s", "env": {"GH_TOKEN": "x"}},
                           "arg": {"command": "s", "args": ["--api-key=x"]}, "kept": {"command": "theirs"}},
        }));
        let home = map(json!({"theme": "dark", "own": 1, "projects": {"/a": {"own": 2}},
                              "mcpServers": {"kept": {"command": "ours"}}}));
        let merged = adopted(home, &outside);
        let want = json!({
            "theme": "dark", "own": 1, "hasCompletedOnboarding": true, "numStartups": 9,
            "oauthAccount": {"accountUuid": "u"},
            "projects": {"/a": {"own": 2, "hasTrustDialogAccepted": true}, "/c": {"hasTrustDialogAccepted": true}},
            "mcpServers": {"kept": {"command": "ours"}, "plain": {"command": "srv"}},
        });
        assert_eq!(Value::Object(merged.root.clone()), want);
        assert_eq!(merged.left, ["arg", "env"]);
        assert_eq!(merged.added.len(), 5, "{:?}", merged.added);
        let again = adopted(merged.root.clone(), &outside);
        assert!(again.added.is_empty() && again.root == merged.root, "idempotent");
    }

    #[test]
    fn a_seed_has_no_identity() {
        let merged = seeded(Map::new(), Some("dark"));
        assert_eq!(Value::Object(merged.root.clone()), json!({"hasCompletedOnboarding": true, "theme": "dark"}));
        assert!(seeded(merged.root, Some("light")).added.is_empty());
    }
}
