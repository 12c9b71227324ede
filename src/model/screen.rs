//! What stands on a client's screen as text, and what is only a hint: greyed-out words in the composer
//! (`Resend your message to try again`) were typed by nobody.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

/// The text of rows that were captured with their attributes, without greyed-out words. The cursor stands
/// on the first letter of a hint as a reversed cell; that letter goes as well.
#[must_use]
pub fn without_hints(rows: &str) -> String {
    let mut reader = Reader::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in rows.bytes() {
        parser.advance(&mut reader, byte);
    }
    reader.settle(false);
    reader.text
}

#[derive(Default)]
struct Reader {
    text: String,
    dim: bool,
    reversed: bool,
    /// A reversed letter of which it is not known yet whether a hint follows.
    cursor: Option<char>,
}

impl Reader {
    fn settle(&mut self, hint_follows: bool) {
        if let Some(c) = self.cursor.take()
            && !hint_follows
        {
            self.text.push(c);
        }
    }
}

/// What frames the composer counts whatever its colour.
const FRAME: [char; 5] = ['❯', '─', '│', '╰', '╭'];

impl Perform for Reader {
    fn print(&mut self, c: char) {
        let hint = self.dim && !FRAME.contains(&c);
        self.settle(hint);
        match (hint, self.reversed) {
            (true, _) => {}
            (false, true) => self.cursor = Some(c),
            (false, false) => self.text.push(c),
        }
    }

    fn execute(&mut self, byte: u8) {
        self.settle(false);
        if byte == b'\n' {
            self.text.push('\n');
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _intermediates: &[u8], _ignore: bool, action: u8) {
        if action != b'm' {
            return;
        }
        let mut codes = params.iter().map(|p| p[0]);
        while let Some(code) = codes.next() {
            match code {
                0 => (self.dim, self.reversed) = (false, false),
                2 => self.dim = true,
                22 => self.dim = false,
                7 => self.reversed = true,
                27 => self.reversed = false,
                // The colour's own numbers follow: `38;5;2` is a green, and no dim.
                38 | 48 => match codes.next() {
                    Some(5) => drop(codes.next()),
                    Some(2) => drop(codes.nth(2)),
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::delivery::composer;

    #[test]
    fn hints_are_no_drafts() {
        // Recorded from 2.1.330 after a failed turn.
        let hint = "\u{1b}[39m❯\u{a0}\u{1b}[7mR\u{1b}[0;2m\u{1b}[39m\u{1b}[49mesend your message to try again\u{1b}[0m\n────\n";
        assert_eq!(composer(&without_hints(hint)).as_deref(), Some(""));
        let draft = "❯\u{a0}half a line\u{1b}[7m \u{1b}[0m\n────\n";
        assert_eq!(composer(&without_hints(draft)).as_deref(), Some("half a line"));
        let inside = "❯\u{a0}hal\u{1b}[7mf\u{1b}[27m a line\n────\n";
        assert_eq!(composer(&without_hints(inside)).as_deref(), Some("half a line"));
        let green = "❯\u{a0}\u{1b}[38;5;2mtyped\u{1b}[0m\n\u{1b}[2m────\u{1b}[0m\n";
        assert_eq!(composer(&without_hints(green)).as_deref(), Some("typed"));
    }
}
