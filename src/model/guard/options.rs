//! Reads a program's options from a table, in the manner of getopt: clusters, values joined and apart,
//! abbreviated long options, `--`.

use super::value::{Part, Value};

/// How the options of one program are written.
///
/// A row of `rows` is one option: its names, separated by commas, one letter for a short one, more for a long
/// one; then `=` for each value that it needs (`bwrap --bind FROM TO` is `bind==`), or `?` if it may have one,
/// joined (`-iSUFFIX`, `--in-place=SUFFIX`), or `#` if digits may follow it in the same cluster (`perl -l0ne`).
/// The first name is the one that is reported: `C,chdir=` is `C`.
#[derive(Debug)]
pub struct Grammar {
    /// Short options without a row, as getopt(3) takes them: `ab:c::`.
    pub short: &'static str,
    /// The other options.
    pub rows: &'static [&'static str],
    /// What operands do to the options behind them.
    pub operands: Operands,
    /// Whether a long option may have a single dash (`-name`, as in `find` and in programs written in Go).
    pub one_dash: bool,
}

/// What operands do to the options behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// The first one ends the options: wrappers, whose operands are a command.
    Stop,
    /// Options may stand behind operands.
    Mix,
}

impl Grammar {
    /// A program whose first operand ends its options.
    #[must_use]
    pub const fn stop(short: &'static str, rows: &'static [&'static str]) -> Self {
        Grammar { short, rows, operands: Operands::Stop, one_dash: false }
    }

    /// A program whose options may stand anywhere.
    #[must_use]
    pub const fn mix(short: &'static str, rows: &'static [&'static str]) -> Self {
        Grammar { short, rows, operands: Operands::Mix, one_dash: false }
    }

    /// The same with long options behind one dash.
    #[must_use]
    pub const fn with_one_dash(self) -> Self {
        Grammar { one_dash: true, ..self }
    }

    fn short_option(&self, letter: char) -> Option<(&'static str, Needs)> {
        for row in self.rows {
            let (names, needs) = row_needs(row);
            if names.split(',').any(|n| n.chars().eq([letter])) {
                return Some((first_name(names), needs));
            }
        }
        let at = self.short.find(letter).filter(|_| letter != ':')?;
        let name = self.short.get(at..at + letter.len_utf8())?;
        let colons = self.short.get(at + letter.len_utf8()..)?.bytes().take_while(|b| *b == b':').count();
        Some((name, [Needs::Values(0), Needs::Values(1), Needs::Maybe].get(colons).copied()?))
    }

    /// The option with this long name, or the only one whose name begins so.
    fn long_option(&self, name: &str) -> Option<(&'static str, Needs)> {
        let mut found: Option<(&'static str, Needs)> = None;
        let mut ambiguous = false;
        for row in self.rows {
            let (names, needs) = row_needs(row);
            for long in names.split(',').filter(|n| n.chars().nth(1).is_some()) {
                if long == name {
                    return Some((first_name(names), needs));
                }
                if !name.is_empty() && long.starts_with(name) {
                    ambiguous |= found.is_some_and(|(first, _)| first != first_name(names));
                    found = Some((first_name(names), needs));
                }
            }
        }
        found.filter(|_| !ambiguous)
    }
}

/// The values of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Values(usize),
    Maybe,
    Digits,
}

fn row_needs(row: &'static str) -> (&'static str, Needs) {
    if let Some(names) = row.strip_suffix('?') {
        return (names, Needs::Maybe);
    }
    if let Some(names) = row.strip_suffix('#') {
        return (names, Needs::Digits);
    }
    let names = row.trim_end_matches('=');
    (names, Needs::Values(row.len() - names.len()))
}

fn first_name(names: &'static str) -> &'static str {
    names.split_once(',').map_or(names, |(first, _)| first)
}

/// An option that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first name of its row.
    pub name: &'static str,
    /// Its values; fewer than it needs where the words ran out.
    pub values: Vec<Value>,
    /// The index of its word.
    pub at: usize,
    /// The index of the first word behind it and its values.
    pub end: usize,
}

impl Found {
    /// Its only, or first value.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.values.first()
    }
}

/// The words behind a program, told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The options, in order.
    pub options: Vec<Found>,
    /// The operands. With [`Operands::Stop`] all words from the first operand on.
    pub operands: Vec<Value>,
    /// Where the operands stand, as indices into the words.
    pub operands_at: Vec<usize>,
    /// Words that are options, but none of the table's, or that abbreviate more than one of them.
    pub strange: Vec<Value>,
    /// Words that could be any option, since only the running shell knows them: `-$F`, `$F`. Whoever judges
    /// assumes the worst. Those without a known dash in front are among the operands as well; but with
    /// [`Operands::Stop`] the options go on behind them (`nice $LEVEL cmd`).
    pub hidden: Vec<Value>,
    /// With [`Operands::Stop`]: the index of each word of `hidden` that could be the first operand instead.
    pub perhaps_first: Vec<usize>,
}

impl Parsed {
    /// Whether the option of this (first) name is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|o| o.name == name)
    }

    /// The value of its last occurrence.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.options.iter().rev().find(|o| o.name == name).and_then(Found::value)
    }

    /// The values of all its occurrences.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.options.iter().filter(move |o| o.name == name).filter_map(Found::value)
    }
}

/// Tells options from operands. `words` are those behind the program's own.
#[must_use]
pub fn read(grammar: &Grammar, words: &[Value]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let here = at;
        at += 1;
        if word.known() == Some("--") {
            operands(&mut parsed, words, at);
            break;
        }
        let start = word.known_start();
        if let Some(long) = start.strip_prefix("--") {
            read_long(grammar, (word, long), words, &mut at, &mut parsed);
        } else if start.starts_with('-') && word.known() != Some("-") {
            let one_dash = grammar.one_dash && read_one_dash(grammar, word, words, &mut at, &mut parsed);
            if !one_dash {
                read_cluster(grammar, word, words, &mut at, &mut parsed);
            }
        } else if could_be_option(word) {
            parsed.hidden.push(word.clone());
            match grammar.operands {
                Operands::Stop => parsed.perhaps_first.push(here),
                Operands::Mix => operand(&mut parsed, word, here),
            }
        } else if grammar.operands == Operands::Stop {
            operands(&mut parsed, words, here);
            break;
        } else {
            operand(&mut parsed, word, here);
        }
    }
    parsed
}

/// Whether a word that does not begin with a dash could do so in the running shell. One with a slash behind
/// its unknown start is taken for a path.
fn could_be_option(word: &Value) -> bool {
    let slash = |part: &Part| matches!(part, Part::Text(text) | Part::Glob(text) if text.contains('/'));
    matches!(word.parts().first(), Some(Part::Unknown(_))) && !word.parts().iter().any(slash)
}

fn operand(parsed: &mut Parsed, word: &Value, at: usize) {
    parsed.operands.push(word.clone());
    parsed.operands_at.push(at);
}

fn operands(parsed: &mut Parsed, words: &[Value], from: usize) {
    for (at, word) in words.iter().enumerate().skip(from) {
        operand(parsed, word, at);
    }
}

/// An option with the values that it needs, which may be the words behind it.
fn take(name: &'static str, first: Option<Value>, needs: Needs, words: &[Value], at: &mut usize) -> Found {
    let here = at.saturating_sub(1);
    let mut values: Vec<Value> = first.into_iter().collect();
    if let Needs::Values(count) = needs {
        while values.len() < count {
            let Some(word) = words.get(*at) else { break };
            values.push(word.clone());
            *at += 1;
        }
    }
    Found { name, values, at: here, end: *at }
}

fn read_long(
    grammar: &Grammar,
    (word, name): (&Value, &str),
    words: &[Value],
    at: &mut usize,
    parsed: &mut Parsed,
) {
    let (name, value) = match name.split_once('=') {
        Some((name, _)) => (name, word.split_once('=').map(|(_, value)| value)),
        None if word.known().is_none() => {
            parsed.hidden.push(word.clone());
            return;
        }
        None => (name, None),
    };
    match grammar.long_option(name) {
        Some((name, needs)) => parsed.options.push(take(name, value, needs, words, at)),
        None => parsed.strange.push(word.clone()),
    }
}

fn read_one_dash(grammar: &Grammar, word: &Value, words: &[Value], at: &mut usize, parsed: &mut Parsed) -> bool {
    let Some(name) = word.known_start().strip_prefix('-') else { return false };
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    if name.chars().nth(1).is_none() || grammar.long_option(name).is_none() {
        return false;
    }
    let name = word.known_start().strip_prefix('-').unwrap_or_default();
    read_long(grammar, (word, name), words, at, parsed);
    true
}

fn read_cluster(grammar: &Grammar, word: &Value, words: &[Value], at: &mut usize, parsed: &mut Parsed) {
    let known = word.known_start();
    let mut letters = known.char_indices().skip(1);
    while let Some((i, letter)) = letters.next() {
        let Some((name, needs)) = grammar.short_option(letter) else {
            parsed.strange.push(word.clone());
            return;
        };
        if matches!(needs, Needs::Values(0) | Needs::Digits) {
            parsed.options.push(Found { name, values: Vec::new(), at: at.saturating_sub(1), end: *at });
            while needs == Needs::Digits && letters.clone().next().is_some_and(|(_, c)| c.is_ascii_digit()) {
                letters.next();
            }
            continue;
        }
        let rest = known.get(..i + letter.len_utf8()).and_then(|before| word.strip_prefix(before));
        let joined = rest.filter(|rest| !rest.parts().is_empty());
        parsed.options.push(take(name, joined, needs, words, at));
        return;
    }
    if word.known().is_none() {
        parsed.hidden.push(word.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::value::Taint;

    const ENV: Grammar = Grammar::stop(
        "v0",
        &["i,ignore-environment", "u,unset=", "C,chdir=", "S,split-string=", "block-signal?", "ignore-signal?"],
    );
    const REMOVE: Grammar = Grammar::mix("idv", &["r,R,recursive", "f,force", "interactive?", "one-file-system"]);

    /// Words of a test; `$X` is an unquoted unknown.
    fn words(line: &str) -> Vec<Value> {
        let word = |word: &str| {
            let (before, after) = word.split_once('$').unwrap_or((word, ""));
            let mut value = Value::from(before);
            if word.contains('$') {
                let (name, rest) = after.split_at(1);
                value.append(&Value::unknown(&format!("${name}"), Taint::NONE, true));
                value.push_text(rest);
            }
            value
        };
        line.split_whitespace().map(word).collect()
    }

    fn shown(grammar: &Grammar, line: &str) -> String {
        let parsed = read(grammar, &words(line));
        let mut out: Vec<String> = parsed
            .options
            .iter()
            .map(|o| o.values.iter().fold(o.name.to_owned(), |text, value| format!("{text}={value}")))
            .collect();
        let all = |out: &mut Vec<String>, mark: &str, words: &[Value]| {
            out.extend(words.iter().map(|w| format!("{mark}{w}")));
        };
        all(&mut out, "?", &parsed.strange);
        all(&mut out, "~", &parsed.hidden);
        all(&mut out, "@", &parsed.operands);
        out.join(" ")
    }

    #[test]
    fn a_wrappers_options_end_at_the_first_operand() {
        for (line, want) in [
            ("-i ls -u", "i @ls @-u"),
            ("-iu X ls", "i u=X @ls"),
            ("-iuX ls", "i u=X @ls"),
            ("--unset=X ls", "u=X @ls"),
            ("--unset X ls", "u=X @ls"),
            ("--uns X ls", "u=X @ls"),
            ("--ch=/d ls", "C=/d @ls"),
            ("-- -i ls", "@-i @ls"),
            ("- ls", "@- @ls"),
            ("--block-signal ls", "block-signal @ls"),
            ("--block-signal=INT ls", "block-signal=INT @ls"),
            ("--i ls", "?--i @ls"),
            ("--ignore-e ls", "i @ls"),
            ("--nothing ls", "?--nothing @ls"),
            ("-zi ls", "?-zi @ls"),
            ("-u", "u"),
            ("-u -i ls", "u=-i @ls"),
            ("-C $D ls", "C=$D @ls"),
            ("-C$D ls", "C=$D @ls"),
            ("--chdir=$D ls", "C=$D @ls"),
            ("--chdir=/a/$D/b ls", "C=/a/$D/b @ls"),
            ("$F ls", "~$F @ls"),
            ("-$F ls", "~-$F @ls"),
            ("-i$F ls", "i ~-i$F @ls"),
            ("--$F ls", "~--$F @ls"),
            ("$F/x ls", "@$F/x @ls"),
        ] {
            assert_eq!(shown(&ENV, line), want, "{line}");
        }
        assert_eq!(read(&ENV, &words("-i $F ls $G")).perhaps_first, [1]);
    }

    #[test]
    fn options_may_stand_behind_operands() {
        for (line, want) in [
            ("a -rf b", "r f @a @b"),
            ("-fR a", "f r @a"),
            ("--recur a --fo", "r f @a"),
            ("a -- -r", "@a @-r"),
            ("a $F", "~$F @a @$F"),
            ("a -$F", "~-$F @a"),
            ("a -r$F", "r ~-r$F @a"),
            ("--force=x a", "f=x @a"),
        ] {
            assert_eq!(shown(&REMOVE, line), want, "{line}");
        }
    }

    #[test]
    fn one_dash_and_more_than_one_value() {
        const GO: Grammar = Grammar::mix("v", &["chdir=", "bind==", "destroy"]).with_one_dash();
        for (line, want) in [
            ("-chdir=x plan", "chdir=x @plan"),
            ("-chdir x plan", "chdir=x @plan"),
            ("--bind a b c", "bind=a=b @c"),
            ("--bind=a b c", "bind=a=b @c"),
            ("-v plan -destroy", "v destroy @plan"),
            ("-bind a", "bind=a"),
        ] {
            assert_eq!(shown(&GO, line), want, "{line}");
        }
    }

    #[test]
    fn values_are_found_by_name() {
        let parsed = read(&ENV, &words("-u A --unset=B -C d ls"));
        assert!(parsed.has("u") && !parsed.has("unset") && !parsed.has("i"));
        assert_eq!(parsed.value("u").and_then(Value::known), Some("B"));
        assert_eq!(parsed.values("u").count(), 2);
        assert_eq!(parsed.operands_at, [5]);
    }

    #[test]
    fn words_of_any_script_and_empty_words_are_no_trap() {
        for line in ["-é ls", "--é=1 ls", "-i\u{301} x", "-: x"] {
            assert!(shown(&ENV, line).starts_with(['?', 'i']), "{line}");
        }
        assert_eq!(read(&ENV, &[Value::default()]).operands.len(), 1);
    }
}
