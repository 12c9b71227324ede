//! `[[ TEXT =~ PATTERN ]]`: what it leaves in `BASH_REMATCH`.

use regex::RegexBuilder;

use super::limits::Limit;
use super::reader::Reader;
use super::shell::{Shell, Variable};
use super::value::Value;
use super::words::Piece;

/// The longest pattern and the longest text that are matched, in bytes: the answer to longer ones is "unknown".
const MAX_PATTERN: usize = 256;
const MAX_TEXT: usize = 4096;
/// The most memory of a compiled pattern, in bytes.
const MAX_COMPILED: usize = 64 << 10;
/// What compiling one costs, in words read.
const COST: usize = 200;

impl Reader<'_> {
    /// Matches a text, both as written.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn matched(&mut self, text: &str, pattern: &str, shell: &mut Shell) -> Result<(), Limit> {
        let text = self.value(text, shell)?;
        let pattern = self.expression(pattern, shell)?;
        self.budget.spend(COST)?;
        let found = pattern.as_ref().and_then(|pattern| groups(&text.if_empty(), pattern));
        // Of several ways to match, this one's may not be bash's.
        let sure = found.is_some() && text.known().is_some() && pattern.is_some_and(|p| !p.contains('|'));
        let mut values: Vec<Variable> = found.into_iter().collect();
        if !sure {
            values.push(Variable::Scalar(Value::unknown("$BASH_REMATCH", text.taint(), true)));
        }
        shell.set("BASH_REMATCH", values);
        Ok(())
    }

    /// A pattern whose quoted parts stand for themselves; `None` where it is not known.
    fn expression(&mut self, raw: &str, shell: &mut Shell) -> Result<Option<String>, Limit> {
        let mut out = Some(String::new());
        for piece in self.pieces(raw) {
            let value = self.joined(std::slice::from_ref(&piece), shell)?;
            let quoted = match &piece {
                Piece::Text { quoted, .. } | Piece::Command { quoted, .. } => *quoted,
                Piece::Parameter(parameter) => parameter.quoted,
                _ => false,
            };
            let text = value.if_empty();
            out = out.filter(|_| !value.has_unknown());
            if let Some(out) = &mut out {
                out.push_str(&if quoted { regex::escape(&text) } else { text.into_owned() });
            }
        }
        Ok(out)
    }
}

/// The match and its groups, nothing if there is none; `None` where that is not known.
fn groups(text: &str, pattern: &str) -> Option<Variable> {
    if pattern.len() > MAX_PATTERN || text.len() > MAX_TEXT {
        return None;
    }
    let pattern = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dot_matches_new_line(true).build().ok()?;
    let Some(found) = pattern.captures(text) else { return Some(Variable::Unset) };
    let group = |(i, group): (usize, Option<regex::Match<'_>>)| {
        (i.to_string(), Value::from(group.map_or("", |group| group.as_str())))
    };
    Some(Variable::List(found.iter().enumerate().map(group).collect()))
}
