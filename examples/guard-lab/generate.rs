//! Commands by a seed: a known-bad one, its words written in other ways, put in up to two places.
//!
//! Whether a mutation keeps the meaning is not decided here: the shell in the sealed root decides.

use crate::base::Base;
use crate::places::{Around, FIELD_PLACES, PLACES};
use crate::words::WAYS;

/// A generated command.
#[derive(Clone, Debug)]
pub struct Made {
    /// The rule that its base breaks, or `harmless`.
    pub rule: &'static str,
    /// What was done to the base, by name.
    pub by: Vec<&'static str>,
    /// The text.
    pub text: String,
}

/// Small numbers by a seed; the same everywhere.
pub struct Dice(u64);

impl Dice {
    /// Of the command `index` of a seed.
    pub fn new(seed: u64, index: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `most`, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap_or_default()
    }
}

/// A text as one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Base64, as `base64 -d` reads it.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let n = three.iter().fold(0_u32, |n, b| (n << 8) | u32::from(*b)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// A command on its way.
struct Draft {
    before: String,
    /// The fields as written, while it is a simple command.
    fields: Option<Vec<String>>,
    line: String,
    by: Vec<&'static str>,
    fresh: usize,
}

impl Draft {
    fn of(base: &Base) -> Self {
        Self {
            before: String::new(),
            fields: base.words.clone(),
            line: base.text.clone(),
            by: Vec::new(),
            fresh: 0,
        }
    }

    fn text(&self) -> String {
        let line = self.fields.as_ref().map_or_else(|| self.line.clone(), |f| f.join(" "));
        format!("{}{line}", self.before)
    }

    /// Writes a word in another way. `untouched` are the words that are still as they were.
    fn write(&mut self, way: usize, untouched: &mut Vec<usize>, dice: &mut Dice) {
        let Some(fields) = &mut self.fields else { return };
        // Start at a random word, take the first that the way applies to.
        let start = dice.below(untouched.len().max(1));
        for at in (0..untouched.len()).map(|i| (i + start) % untouched.len()) {
            let word = &fields[untouched[at]];
            if let Some(written) = WAYS[way].1(word, self.fresh, dice) {
                fields[untouched[at]] = written.word;
                self.before += &written.before;
                self.by.push(WAYS[way].0);
                self.fresh += 1;
                untouched.remove(at);
                return;
            }
        }
    }

    fn put_fields(&mut self, place: usize, dice: &mut Dice) {
        let Some(fields) = &self.fields else { return };
        match FIELD_PLACES[place].1(fields, self.fresh, dice) {
            Some(Around::Fields(fields)) => self.fields = Some(fields),
            Some(Around::Line(line)) => {
                self.fields = None;
                self.line = line;
            }
            None => return,
        }
        self.by.push(FIELD_PLACES[place].0);
        self.fresh += 1;
    }

    fn put(&mut self, place: usize, dice: &mut Dice) {
        let text = self.text();
        self.line = PLACES[place].1(&text, self.fresh, dice);
        self.fields = None;
        self.before.clear();
        self.by.push(PLACES[place].0);
        self.fresh += 1;
    }
}

/// How many commands there are in which at most one thing is done to a base.
pub fn singles(bases: &[Base]) -> usize {
    bases.len() * (1 + WAYS.len() + FIELD_PLACES.len() + PLACES.len())
}

/// One thing done to a base, each by each. Nothing where it does not apply.
pub fn single(bases: &[Base], seed: u64, index: usize) -> Option<Made> {
    let each = 1 + WAYS.len() + FIELD_PLACES.len() + PLACES.len();
    let base = bases.get(index / each)?;
    let mut dice = Dice::new(seed, index as u64);
    let mut draft = Draft::of(base);
    match index % each {
        0 => {}
        at if at <= WAYS.len() => {
            let mut untouched: Vec<usize> = (0..draft.fields.as_ref()?.len()).collect();
            draft.write(at - 1, &mut untouched, &mut dice);
        }
        at if at <= WAYS.len() + FIELD_PLACES.len() => draft.put_fields(at - 1 - WAYS.len(), &mut dice),
        at => draft.put(at - 1 - WAYS.len() - FIELD_PLACES.len(), &mut dice),
    }
    (index.is_multiple_of(each) || !draft.by.is_empty()).then(|| Made {
        rule: base.rule,
        text: draft.text(),
        by: draft.by,
    })
}

/// Any command: up to two words written otherwise, up to two places.
pub fn any(bases: &[Base], seed: u64, index: u64) -> Made {
    let mut dice = Dice::new(seed, index);
    let mut base = &bases[dice.below(bases.len())];
    // Each takes until the deadline: a few are enough.
    if base.rule == "proc.fork-bomb" && dice.below(16) != 0 {
        base = &bases[0];
    }
    let mut draft = Draft::of(base);
    let mut untouched: Vec<usize> = (0..draft.fields.as_ref().map_or(0, Vec::len)).collect();
    for _ in 0..dice.below(3) {
        draft.write(dice.below(WAYS.len()), &mut untouched, &mut dice);
    }
    let simple = draft.fields.is_some();
    for turn in 0..dice.below(3) {
        if simple && turn == 0 && dice.below(2) == 0 || draft.fields.is_some() && dice.below(4) == 0 {
            draft.put_fields(dice.below(FIELD_PLACES.len()), &mut dice);
        } else {
            draft.put(dice.below(PLACES.len()), &mut dice);
        }
    }
    Made { rule: base.rule, text: draft.text(), by: draft.by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_commands() {
        let bases = crate::base::all();
        let make = |seed| (0..2000).map(|i| any(&bases, seed, i).text).collect::<Vec<_>>();
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        let distinct: std::collections::BTreeSet<_> = make(1).into_iter().collect();
        assert!(distinct.len() > 1800, "{}", distinct.len());
    }

    #[test]
    fn base64_is_what_others_make() {
        assert_eq!(base64(b"payload-run\n"), "cGF5bG9hZC1ydW4K");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"a"), "YQ==");
    }
}
