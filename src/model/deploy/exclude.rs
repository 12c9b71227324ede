//! Lines of `.git/info/exclude` that keep what we put into a project out of its `git status`.

/// Stands above each line of ours.
const MARK: &str = "# claude-failover, until `deploy-hook --remove`:";

/// The pattern for one file: anchored, with everything quoted that a pattern would read otherwise. `None` if it
/// cannot be written as a line.
#[must_use]
pub fn pattern(relative: &str) -> Option<String> {
    if relative.is_empty() || relative.contains(['\n', '\r', '\0']) {
        return None;
    }
    let mut line = String::from("/");
    for c in relative.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    // A space at the end would be dropped.
    if line.ends_with(' ') {
        line.insert(line.len() - 1, '\\');
    }
    Some(line)
}

/// The text with these lines in it; the same text if they all are. They come first: whatever stands at the
/// end, with a newline or without, stays as it is, and is stronger.
#[must_use]
pub fn with(text: &str, lines: &[String]) -> String {
    let missing = lines.iter().filter(|line| !text.lines().any(|l| l == line.as_str()));
    let block: String = missing.map(|line| format!("{MARK}\n{line}\n")).collect();
    block + text
}

/// The text without these lines, where they stand below our mark.
#[must_use]
pub fn without(text: &str, lines: &[String]) -> String {
    let plain = |line: &str| line.trim_end_matches(['\n', '\r']).to_owned();
    let mut out = String::with_capacity(text.len());
    let mut all = text.split_inclusive('\n').peekable();
    while let Some(line) = all.next() {
        let below = all.peek().map(|next| plain(next));
        if plain(line) == MARK && below.is_some_and(|next| lines.contains(&next)) {
            all.next();
        } else {
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_goes_and_the_rest_stays_to_the_byte() {
        let ours = vec!["/.claude/hooks/x.sh".to_owned(), "/.claude/settings.json".to_owned()];
        for text in ["", "\n", "a\nb", "# c\r\na\r\n", "a\n\n\n"] {
            let added = with(text, &ours);
            assert_eq!(with(&added, &ours), added, "{text:?}");
            assert!(ours.iter().all(|line| added.lines().any(|l| l == line)));
            assert_eq!(without(&added, &ours), text, "{text:?}");
            assert_eq!(without(&added, &ours[..1]), with(text, &ours[1..]), "{text:?}");
        }
        // A person's own line is neither doubled nor taken away.
        let own = "/.claude/settings.json\n";
        assert_eq!(without(&with(own, &ours), &ours), own);
    }

    #[test]
    fn patterns_match_one_file() {
        assert_eq!(pattern("a b/[x]*/.claude/y").unwrap(), "/a b/\\[x\\]\\*/.claude/y");
        assert_eq!(pattern("end ").unwrap(), "/end\\ ");
        assert_eq!(pattern("a\nb"), None);
    }
}
