//! `shell.unparsed`: text that the parser does not understand, with a word in it that a rule is about.

use crate::model::guard::policy::Effect;
use crate::model::guard::reading::Reading;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: "shell.unparsed",
    effect: Effect::Block,
    title: "shell text that does not parse and holds a word that one of the rules is about",
    instead: "check quotes and brackets with `bash -n script.sh`, or write the text to a file with the Write tool",
    verbs: &[],
    finds: &[
        "if true; then sudo make install",
        "sudo make install (",
        "crontab -e; fi",
        "git push --force; )",
        "git push origin topic &&& x",
        "for x in; git reset --hard",
        "su\"do\" make install; done",
        "su\\do make; }; )",
        "case x in; pkexec y",
        "ls ) ; doas reboot",
        "while; do crontab x",
        "ls (\n/usr/bin/sudo make",
    ],
    passes: &[
        "if true; then ls",
        "ls (",
        "echo x; fi",
        "for x in; ls",
        "git status; )",
        "git commit -m x; )",
        "ls ) ; cat x",
        "case x in; y",
        "while; do ls",
        "ls &&& x",
        "echo pseudo; done",
        "cat sudo.txt sudoku (",
    ],
}];

/// Holds a reading against it.
pub fn judge(reading: &Reading, _context: &Context<'_>, findings: &mut Vec<Finding>) {
    for unparsed in &reading.unparsed {
        let verbs = super::all().flat_map(|rule| rule.verbs.iter().map(move |verb| (rule.id, *verb)));
        if let Some((rule, verb)) = first_verb(&unparsed.text, verbs) {
            let reason: String = unparsed.reason.chars().take(80).filter(|c| !c.is_control()).collect();
            let reading = format!("text that does not parse ({reason}) names {verb}, which {rule} is about");
            findings.push(Finding { rule: "shell.unparsed", reading });
        }
    }
}

/// The first verb that stands in the text, as it is or with its quotes and backslashes taken out. A verb of
/// several words (`git push`) does where all of them stand there in this order.
fn first_verb<'a>(text: &str, verbs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<(&'a str, &'a str)> {
    let joined = text.replace("\\\n", "");
    let bare: String = joined.chars().filter(|c| !matches!(c, '\'' | '"' | '\\' | '`')).collect();
    let both = [words(&joined), words(&bare)];
    let mut verbs = verbs;
    verbs.find(|(_, verb)| {
        both.iter().any(|words| {
            let mut left = words.iter();
            verb.split(' ').all(|wanted| left.any(|word| *word == wanted))
        })
    })
}

/// The words of a text: a verb inside an identifier or a file's name is none.
fn words(text: &str) -> Vec<&str> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.split(|c: char| !inside(c)).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_in_order() {
        let verbs = [("a", "git push"), ("b", "sudo"), ("c", "mkfs.ext4")];
        let find = |text: &str| first_verb(text, verbs.into_iter()).map(|(id, _)| id);
        for (text, want) in [
            ("git push (", Some("a")),
            ("(git -C x push", Some("a")),
            ("push git", None),
            ("git commit", None),
            ("su'do'", Some("b")),
            ("su\\\ndo", Some("b")),
            ("s\\u\"d\"o", Some("b")),
            ("/usr/bin/sudo x", Some("b")),
            ("$(sudo x", Some("b")),
            ("`sudo x", Some("b")),
            ("pseudo sudoers sudo-x x.sudo _sudo", None),
            ("/sbin/mkfs.ext4", Some("c")),
            ("", None),
        ] {
            assert_eq!(find(text), want, "{text}");
        }
    }
}
