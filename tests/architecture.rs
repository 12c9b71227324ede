//! What clippy cannot see: who may know whom.

use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn layers_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        let never = |words: &[&str]| {
            for word in words {
                assert!(!code.contains(word), "{place} has `{word}`");
            }
        };
        if place.starts_with("model") {
            never(&[
                "crate::sys",
                "crate::act",
                "crate::env",
                "std::fs::",
                "std::process",
                "std::env",
                "println!",
            ]);
        }
        if place.starts_with("sys") {
            never(&["crate::commands", "crate::act", "crate::output", "crate::env"]);
        }
        // Typing and ending go through types that only a pool session can make.
        if !place.starts_with("sys") && !place.starts_with("act") {
            never(&["type_line(", ".press(", "end_session(", ".signal("]);
        }
        if place != "config.rs"
            && !place.starts_with("config/")
            && !["model/front_matter.rs", "commands/task/add.rs"].contains(&place.as_str())
        {
            never(&["serde_yaml"]);
        }
        if place != "sys/lock.rs" {
            never(&["fs2::"]);
        }
    }
}
