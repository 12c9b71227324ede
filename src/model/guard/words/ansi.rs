//! `$'…'` quotes.

/// The text of a `$'…'` quote, as bash decodes it. A NUL ends it.
#[must_use]
pub fn decode_ansi(raw: &str) -> String {
    let mut out = String::new();
    let mut bytes: Vec<u8> = Vec::new(); // `\x` and `\ooo` are bytes: several of them make a character
    let mut chars = raw.chars().peekable();
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize| {
        let mut value = 0_u32;
        let mut seen = 0;
        while seen < most
            && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
        {
            value = value * radix + digit;
            seen += 1;
            chars.next();
        }
        (seen > 0).then_some(value)
    };
    while let Some(c) = chars.next() {
        let mut decoded = None;
        if c != '\\' {
            decoded = Some(c);
        } else {
            match chars.next() {
                Some('n') => decoded = Some('\n'),
                Some('t') => decoded = Some('\t'),
                Some('r') => decoded = Some('\r'),
                Some('a') => decoded = Some('\x07'),
                Some('b') => decoded = Some('\x08'),
                Some('e' | 'E') => decoded = Some('\x1b'),
                Some('f') => decoded = Some('\x0c'),
                Some('v') => decoded = Some('\x0b'),
                Some('x') => {
                    let braced = chars.next_if_eq(&'{').is_some();
                    match number(&mut chars, 16, if braced { 8 } else { 2 }) {
                        Some(value) => bytes.push((value & 0xff) as u8),
                        None => bytes.extend(b"\\x"),
                    }
                    if braced {
                        chars.next_if_eq(&'}');
                    }
                }
                Some('u') => decoded = number(&mut chars, 16, 4).and_then(char::from_u32),
                Some('U') => decoded = number(&mut chars, 16, 8).and_then(char::from_u32),
                Some('c') => decoded = chars.next().and_then(|c| char::from_u32(c as u32 & 0x1f)),
                Some(c @ '0'..='7') => {
                    let first = c.to_digit(8).unwrap_or(0);
                    let mut value = first;
                    for _ in 0..2 {
                        if let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) {
                            value = value * 8 + digit;
                            chars.next();
                        }
                    }
                    bytes.push((value & 0xff) as u8);
                }
                Some(c @ ('\\' | '\'' | '"' | '?')) => decoded = Some(c),
                Some(c) => {
                    bytes.push(b'\\');
                    decoded = Some(c);
                }
                None => bytes.push(b'\\'),
            }
        }
        if let Some(c) = decoded {
            out.push_str(&String::from_utf8_lossy(&bytes));
            bytes.clear();
            out.push(c);
        }
    }
    out.push_str(&String::from_utf8_lossy(&bytes));
    match out.find('\0') {
        Some(end) => out.get(..end).unwrap_or_default().to_owned(),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ansi_quotes_are_decoded_as_bash_does() {
        assert_eq!(decode_ansi(r"\x72\155 \u0041\U00000042\cA\e\q\\\'"), "rm AB\x01\x1b\\q\\'");
        assert_eq!(decode_ansi(r"\xc3\xa9"), "é");
        assert_eq!(decode_ansi(r"a\0b"), "a");
        assert_eq!(decode_ansi(r"\"), r"\");
    }
}
