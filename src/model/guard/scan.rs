//! Finds its way through shell text without parsing it: quotes, substitutions, here-documents, nesting.
//!
//! Two users: the limits, which must be checked before the parser may look at the text, and the reader of
//! words, which has to know where a `$(` ends. Linear in the text, with a stack of its own.

/// What is open at a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// `(`: a subshell, an array, a function's parentheses.
    Paren,
    /// `$(`, `<(`, `>(`.
    Substitution,
    /// One of the two of `((` and `$((`: neither comments nor here-documents in it.
    Arithmetic,
    /// `${`, and whether a double quote is around it: then `'` is a character like others.
    Parameter(bool),
    /// `$[`.
    Bracket,
    /// `"`.
    Double,
}

/// A here-document whose body begins behind the next newline.
struct Pending {
    delimiter: Vec<u8>,
    strip_tabs: bool,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Words, roughly.
    pub words: usize,
    /// The deepest nesting of anything: parentheses, quotes, `if`, loops, groups.
    pub nesting: usize,
    /// The deepest nesting of `$(`, `<(` and `>(` alone.
    pub substitutions: usize,
}

/// Counts words and nesting.
#[must_use]
pub fn count(text: &str) -> Counts {
    let mut scan = Scan::new(text, 0);
    while scan.step() {}
    scan.counts
}

/// Where what is opened just before `from` is closed: the offset of its last byte. `opened` says by what:
/// `(` for `$(`, `<(` and `>(`, `{` for `${`, `[` for `$[`.
#[must_use]
pub fn close(text: &str, from: usize, opened: char, in_quotes: bool) -> Option<usize> {
    let mut scan = Scan::new(text, from);
    scan.push(match opened {
        '{' => Open::Parameter(in_quotes),
        '[' => Open::Bracket,
        _ => Open::Substitution,
    });
    while scan.step() {
        if scan.open.is_empty() {
            return Some(scan.at - 1);
        }
    }
    None
}

/// The place behind what begins at `at` in a word: a quote, an expansion, or one character. `None` if it
/// does not end.
#[must_use]
pub fn skip(word: &str, at: usize) -> Option<usize> {
    let rest = word.get(at..)?;
    let behind = |end: Option<usize>| end.map(|n| n + 1);
    let mut chars = rest.chars();
    match (chars.next()?, chars.next()) {
        ('\\', next) => Some(at + 1 + next.map_or(0, char::len_utf8)),
        ('\'', _) => Some(at + 2 + rest.get(1..)?.find('\'')?),
        ('$', Some('\'')) => {
            let mut end = at + 2;
            loop {
                match word.as_bytes().get(end)? {
                    b'\\' => end += 2,
                    b'\'' => return Some(end + 1),
                    _ => end += 1,
                }
            }
        }
        ('"', _) => {
            let mut end = at + 1;
            while *word.as_bytes().get(end)? != b'"' {
                end = if word.as_bytes().get(end) == Some(&b'$') || word.as_bytes().get(end) == Some(&b'\\') {
                    skip(word, end)?
                } else {
                    end + 1
                };
            }
            Some(end + 1)
        }
        ('$', Some('(')) | ('<' | '>', Some('(')) => behind(close(word, at + 2, '(', false)),
        ('$', Some('{')) => behind(close(word, at + 2, '{', false)),
        ('`', _) => {
            let mut end = at + 1;
            loop {
                match word.as_bytes().get(end)? {
                    b'\\' => end += 2,
                    b'`' => return Some(end + 1),
                    _ => end += 1,
                }
            }
        }
        (c, _) => Some(at + c.len_utf8()),
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<Open>,
    pending: Vec<Pending>,
    counts: Counts,
    /// Whether a word may begin here.
    word_start: bool,
    /// Whether that word would be a command's first.
    command_start: bool,
    /// Open `if`, loops, `case`, groups.
    keywords: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Scan {
            text: text.as_bytes(),
            at,
            open: Vec::new(),
            pending: Vec::new(),
            counts: Counts::default(),
            word_start: true,
            command_start: true,
            keywords: 0,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, open: Open) {
        self.open.push(open);
        self.note_depth();
    }

    fn note_depth(&mut self) {
        self.counts.nesting = self.counts.nesting.max(self.open.len() + self.keywords);
        let substitutions = self.open.iter().filter(|o| **o == Open::Substitution).count();
        self.counts.substitutions = self.counts.substitutions.max(substitutions);
    }

    /// Goes on by one piece; `false` at the end of the text.
    fn step(&mut self) -> bool {
        let c = self.peek(0);
        if self.at >= self.text.len() {
            return false;
        }
        if c == b'\\' {
            self.at += 2;
            self.begin_word();
            return true;
        }
        match self.open.last().copied() {
            Some(Open::Double) => self.in_double(c),
            Some(Open::Parameter(in_quotes)) => self.in_parameter(c, in_quotes),
            Some(Open::Bracket) => self.in_bracket(c),
            other => self.in_command(c, other == Some(Open::Arithmetic)),
        }
        true
    }

    fn begin_word(&mut self) {
        if self.word_start {
            self.counts.words += 1;
        }
        self.word_start = false;
        self.command_start = false;
    }

    fn in_double(&mut self, c: u8) {
        if c == b'"' {
            self.open.pop();
            self.at += 1;
        } else if !self.opens_expansion(c, true) {
            self.at += 1;
        }
    }

    fn in_parameter(&mut self, c: u8, in_quotes: bool) {
        match c {
            b'}' => {
                self.open.pop();
                self.at += 1;
            }
            b'"' => self.open_at(Open::Double, 1),
            b'\'' if !in_quotes => self.skip_single(),
            _ if self.opens_expansion(c, in_quotes) => {}
            _ => self.at += 1,
        }
    }

    fn in_bracket(&mut self, c: u8) {
        match c {
            b']' => {
                self.open.pop();
                self.at += 1;
            }
            b'[' => self.open_at(Open::Bracket, 1),
            _ if self.opens_expansion(c, false) => {}
            _ => self.at += 1,
        }
    }

    fn open_at(&mut self, open: Open, width: usize) {
        self.begin_word();
        self.at += width;
        self.push(open);
        if matches!(open, Open::Paren | Open::Substitution) {
            self.word_start = true;
            self.command_start = true;
        }
    }

    /// `$(`, `$((`, `${`, `$[`, a backquote, `$'`.
    fn opens_expansion(&mut self, c: u8, in_quotes: bool) -> bool {
        match (c, self.peek(1)) {
            (b'$', b'(') if self.peek(2) == b'(' => {
                self.open_at(Open::Arithmetic, 2);
                self.open_at(Open::Arithmetic, 1);
            }
            (b'$', b'(') => self.open_at(Open::Substitution, 2),
            (b'$', b'{') => self.open_at(Open::Parameter(in_quotes), 2),
            (b'$', b'[') => self.open_at(Open::Bracket, 2),
            (b'$', b'\'') if !in_quotes => {
                self.begin_word();
                self.at += 2;
                self.skip_to(b'\'');
            }
            (b'`', _) => {
                self.begin_word();
                self.at += 1;
                self.skip_to(b'`');
            }
            _ => return false,
        }
        true
    }

    /// Behind the next `end` that no backslash precedes.
    fn skip_to(&mut self, end: u8) {
        while let Some(&c) = self.text.get(self.at) {
            self.at += if c == b'\\' { 2 } else { 1 };
            if c == end {
                break;
            }
        }
    }

    fn skip_single(&mut self) {
        self.begin_word();
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        self.at += rest.iter().position(|c| *c == b'\'').map_or(rest.len() + 1, |n| n + 2);
    }

    fn in_command(&mut self, c: u8, arithmetic: bool) {
        match c {
            b'\'' => self.skip_single(),
            b'"' => self.open_at(Open::Double, 1),
            b'#' if self.word_start && !arithmetic => {
                while self.at < self.text.len() && self.peek(0) != b'\n' {
                    self.at += 1;
                }
            }
            b'<' | b'>' if self.peek(1) == b'(' && !arithmetic => self.open_at(Open::Substitution, 2),
            b'<' if self.peek(1) == b'<' && !arithmetic => {
                if self.peek(2) == b'<' {
                    self.at += 3;
                    self.word_start = true;
                } else {
                    self.here_document();
                }
            }
            b'\n' => {
                self.at += 1;
                self.word_start = true;
                self.command_start = true;
                self.skip_bodies();
            }
            b'(' if arithmetic => self.open_at(Open::Arithmetic, 1),
            b'(' if self.peek(1) == b'(' && self.command_start => {
                self.open_at(Open::Arithmetic, 1);
                self.open_at(Open::Arithmetic, 1);
            }
            b'(' => self.open_at(Open::Paren, 1),
            b')' => {
                self.open.pop();
                self.at += 1;
                self.word_start = true;
                self.command_start = false;
            }
            b' ' | b'\t' | b'\r' => {
                self.at += 1;
                self.word_start = true;
            }
            b';' | b'&' | b'|' => {
                self.at += 1;
                self.word_start = true;
                self.command_start = true;
            }
            b'<' | b'>' => {
                self.at += 1;
                self.word_start = true;
            }
            _ if self.opens_expansion(c, false) => {}
            _ => self.plain_word(),
        }
    }

    /// Characters without meaning of their own; a keyword where a command may begin.
    fn plain_word(&mut self) {
        let from = self.at;
        while self.at < self.text.len() && !b" \t\r\n;&|<>()'\"\\$`#".contains(&self.peek(0)) {
            self.at += 1;
        }
        if self.at == from {
            self.at += 1; // `#` inside a word, a lone `$`
        }
        let is_command = self.word_start && self.command_start;
        self.begin_word();
        if !is_command {
            return;
        }
        match self.text.get(from..self.at).unwrap_or_default() {
            b"if" | b"while" | b"until" | b"{" => {
                self.keywords += 1;
                self.command_start = true;
            }
            b"for" | b"case" | b"select" => self.keywords += 1,
            b"fi" | b"done" | b"esac" | b"}" => self.keywords = self.keywords.saturating_sub(1),
            b"then" | b"do" | b"else" | b"elif" | b"!" | b"time" | b"coproc" => self.command_start = true,
            _ => {}
        }
        self.note_depth();
    }

    fn here_document(&mut self) {
        self.at += 2;
        let strip_tabs = self.peek(0) == b'-';
        self.at += usize::from(strip_tabs);
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let mut delimiter = Vec::new();
        while let Some(&c) = self.text.get(self.at) {
            match c {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' | b'"' => {
                    self.at += 1;
                    while let Some(&inner) = self.text.get(self.at).filter(|inner| **inner != c) {
                        delimiter.push(inner);
                        self.at += 1;
                    }
                }
                b'\\' => {
                    self.at += 1;
                    delimiter.push(self.peek(0));
                }
                _ => delimiter.push(c),
            }
            self.at += 1;
        }
        self.begin_word();
        self.pending.push(Pending { delimiter, strip_tabs });
    }

    fn skip_bodies(&mut self) {
        let in_substitution = self.open.contains(&Open::Substitution);
        for pending in std::mem::take(&mut self.pending) {
            while self.at < self.text.len() {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let end = rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len());
                let mut line = rest.get(..end).unwrap_or_default();
                if pending.strip_tabs {
                    while let Some(stripped) = line.strip_prefix(b"\t") {
                        line = stripped;
                    }
                }
                let tabs = end - line.len();
                if line == pending.delimiter {
                    self.at += (end + 1).min(rest.len());
                    break;
                }
                // bash ends a document inside `$(` at `EOF)` too.
                if in_substitution
                    && line.strip_prefix(pending.delimiter.as_slice()).is_some_and(|l| l.starts_with(b")"))
                {
                    self.at += tabs + pending.delimiter.len();
                    break;
                }
                self.at += (end + 1).min(rest.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> Option<&str> {
        let from = text.find("$(")? + 2;
        text.get(from..close(text, from, '(', false)?)
    }

    #[test]
    fn the_end_of_a_substitution_is_found_through_quotes_comments_and_documents() {
        assert_eq!(inside("$(a b) c"), Some("a b"));
        assert_eq!(inside(r#"$(a ")" b) c"#), Some(r#"a ")" b"#));
        assert_eq!(inside("$(a ')' b) c"), Some("a ')' b"));
        assert_eq!(inside(r"$(a \) b) c"), Some(r"a \) b"));
        assert_eq!(inside("$(a $(b) (c)) d"), Some("a $(b) (c)"));
        assert_eq!(inside("$(a # it's )\nb) c"), Some("a # it's )\nb"));
        assert_eq!(inside("$(cat <<'E'\nit's ) (\nE\n) c"), Some("cat <<'E'\nit's ) (\nE\n"));
        assert_eq!(inside("$(cat <<E\nit's )\nE) c"), Some("cat <<E\nit's )\nE"));
        assert_eq!(inside("$(a `b )` c) d"), Some("a `b )` c"));
        assert_eq!(inside(r#"$(a "${x:-'}" b) c"#), Some(r#"a "${x:-'}" b"#));
        assert_eq!(inside("$(a"), None);
    }

    #[test]
    fn prose_in_quotes_does_not_nest() {
        assert_eq!(count("echo '((((((((' \"((((\"").nesting, 1);
        assert_eq!(count("( ( a ) )").nesting, 2);
        assert_eq!(count("if a; then { b; }; fi").nesting, 2);
        assert_eq!(count("echo if if if if").nesting, 0);
        assert_eq!(count("a $(b $(c <(d)))").substitutions, 3);
        assert_eq!(count("cat <<E\n((((((\nE\n").nesting, 0);
        assert_eq!(count("a b 'c d' e\\ f").words, 4);
    }

    #[test]
    fn it_ends_on_anything() {
        for text in
            ["\\", "'", "\"", "`", "$(", "${", "$[", "<<", "<<'", "<<E", "<<E\n", "((", "$'", "$'\\", ")))"]
        {
            let _ = count(text);
            let _ = close(text, 0, '(', false);
        }
    }
}
