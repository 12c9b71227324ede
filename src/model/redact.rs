//! Text for the log and for checkpoints without the secrets that stand in it: what follows a telling name, logins
//! in addresses, long runs of letters and digits. It is a net, not a promise: both are private to their owner
//! besides.

/// Parts of names behind which a secret stands.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "_pass",
    "-pass",
    "pwd",
    "token",
    "secret",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "access-key",
    "private_key",
    "credential",
];

/// … and behind which it goes on over blanks, to the end of the line or of the text that is quoted.
const HEADERS: [&str; 2] = ["authorization", "cookie"];

/// The options of `curl` that take a login.
const LOGINS: [&str; 3] = [" -u", " --user", " --proxy-user"];

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// As much of a text as can be of use, in bytes: the rest is cut off before anything is looked for.
const MOST_READ: usize = 1024;

/// The shortest run of letters and digits mixed that is taken for a key.
const KEY_LENGTH: usize = 20;

/// Whether a secret stands behind a name: the key of a field.
#[must_use]
pub fn is_telling(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    HEADERS.iter().chain(&NAMES).any(|part| lower.contains(part))
}

/// The words of a command line, each without its secrets: one may stand in the word before.
#[must_use]
pub fn redact_words(words: &[String], most: usize) -> Vec<String> {
    let mut before = "";
    let mut out = Vec::new();
    for word in words {
        let is_named = before.starts_with('-') && !before.contains('=') && is_telling(before);
        out.push(if is_named && !word.starts_with("--") { HIDDEN.to_owned() } else { redact(word, most) });
        before = word;
    }
    out
}

/// The start of a field's value, without its secrets: all of it if its key says that it is one.
#[must_use]
pub fn redact_field(key: &str, value: &str, most: usize) -> String {
    if is_telling(key) { HIDDEN.to_owned() } else { redact(value, most) }
}

/// The start of a text, at most so many characters, on one line, without its secrets.
#[must_use]
pub fn redact(text: &str, most: usize) -> String {
    let mut end = text.len().min(MOST_READ);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    let out = runs(&named(&addresses(text)));
    let mut line = String::new();
    for (count, c) in out.chars().enumerate() {
        if count >= most {
            line.push('…');
            break;
        }
        // No more than one line, and nothing that a terminal would obey.
        match c {
            '\n' => line.push_str("\\n"),
            '\t' => line.push(' '),
            c if c.is_control() => line.push('?'),
            c => line.push(c),
        }
    }
    line
}

/// `https://name:password@host` loses what stands before the `@`.
fn addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || "'\"`".contains(c)).unwrap_or(after.len());
        let (host, behind) = after.split_at(end);
        match host.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(HIDDEN);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(host),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// What follows a telling name: `TOKEN=x`, `--password x`, `"secret": "x"`, `Authorization: Bearer x`.
fn named(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, rest_of_line)) = next_name(&lower, at) {
        out.push_str(text.get(at..start).unwrap_or_default());
        let tail = text.get(start..).unwrap_or_default();
        let quote = text.get(..start).and_then(|t| t.chars().next_back()).filter(|c| matches!(c, '\'' | '"'));
        let stops = |c: char| match quote {
            Some(quote) => c == quote,
            None if rest_of_line => "'\"\n".contains(c),
            None => is_stop(c),
        };
        let length = tail.find(stops).unwrap_or(tail.len());
        if length > 0 {
            out.push_str(HIDDEN);
        }
        at = start + length;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn is_stop(c: char) -> bool {
    c.is_whitespace() || "'\"`;&|<>()".contains(c)
}

/// Where the next secret begins, from here on, and whether it goes on to the end of the line.
fn next_name(lower: &str, from: usize) -> Option<(usize, bool)> {
    let mut from = from;
    loop {
        let rest = lower.get(from..)?;
        let find = |name: &'static str| rest.find(name).map(|n| (n, name));
        let (found, name) =
            HEADERS.into_iter().chain(NAMES).chain(LOGINS).chain(["bearer "]).filter_map(find).min()?;
        let behind = from + found + name.len();
        let start = match name {
            "bearer " => Some(behind + blanks(lower, behind)),
            name if LOGINS.contains(&name) => login_start(lower, behind),
            _ => value_start(lower, behind),
        };
        if let Some(start) = start {
            return Some((start, HEADERS.contains(&name)));
        }
        from = behind;
    }
}

fn blanks(text: &str, from: usize) -> usize {
    text.get(from..).unwrap_or_default().bytes().take_while(|b| *b == b' ').count()
}

/// Where the password begins in the `name:password` behind an option of `curl`.
fn login_start(lower: &str, behind: usize) -> Option<usize> {
    if !lower.contains("curl") {
        return None;
    }
    let rest = lower.get(behind..)?;
    let skipped = rest.bytes().take_while(|b| matches!(b, b' ' | b'=' | b'"' | b'\'')).count();
    let word = rest.get(skipped..)?;
    let word = word.get(..word.find(is_stop).unwrap_or(word.len()))?;
    Some(behind + skipped + word.find(':')? + 1)
}

/// Where a value begins behind a name that ends here: over the rest of the name, a separator and a quote.
fn value_start(lower: &str, behind: usize) -> Option<usize> {
    let rest = lower.get(behind..)?;
    let name = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    let after = rest.get(name..)?;
    let quote = after.bytes().take_while(|b| matches!(b, b'"' | b'\'')).count();
    let separator = after.get(quote..)?;
    let blanks = separator.bytes().take_while(|b| *b == b' ').count();
    let skipped = match separator.get(blanks..)?.bytes().next() {
        Some(b'=' | b':') => {
            let more = separator.get(blanks + 1..)?.bytes().take_while(|b| *b == b' ').count();
            blanks + 1 + more
        }
        // `--password x`
        Some(_) if blanks > 0 && quote == 0 && is_option(lower, behind) => blanks,
        _ => return None,
    };
    let value = separator.get(skipped..)?;
    let open = value.bytes().take_while(|b| matches!(b, b'"' | b'\'')).count();
    Some(behind + name + quote + skipped + open)
}

fn is_option(lower: &str, end: usize) -> bool {
    let word = lower.get(..end).and_then(|before| before.rsplit(is_stop).next()).unwrap_or_default();
    word.starts_with('-')
}

/// Runs of letters and digits that are long and mixed: keys, hashes, encoded text.
fn runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let in_run = |c: char| c.is_ascii_alphanumeric() || "+=_".contains(c);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !in_run(c)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        let value = run.rsplit_once('=').filter(|(_, v)| v.len() >= KEY_LENGTH).map_or(run, |(_, v)| v);
        let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
        if value.len() >= KEY_LENGTH && mixed {
            out.push_str(run.strip_suffix(value).unwrap_or_default());
            out.push_str(HIDDEN);
        } else {
            out.push_str(run);
        }
        let next = behind.find(in_run).unwrap_or(behind.len());
        let (between, behind) = behind.split_at(next);
        out.push_str(between);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_telling_name_is_hidden_and_the_rest_is_not() {
        for (text, want) in [
            ("TOKEN=abc make", "TOKEN=*** make"),
            ("GITHUB_TOKEN='a b' make", "GITHUB_TOKEN='***' make"),
            ("mysql --password=x -e 1", "mysql --password=*** -e 1"),
            ("mysql --password x -e 1", "mysql --password *** -e 1"),
            ("cat password", "cat password"),
            ("echo the secret lies here", "echo the secret lies here"),
            (r#"{"secret": "x", "a": 1}"#, r#"{"secret": "***", "a": 1}"#),
            ("curl -H 'Authorization: Bearer a.b' u", "curl -H 'Authorization: ***' u"),
            (r#"{"Authorization":"Bearer x", "a": 1}"#, r#"{"Authorization":"***", "a": 1}"#),
            ("authorization = 'Basic x y' z", "authorization = '***' z"),
            ("DB_PASS=x make", "DB_PASS=*** make"),
            ("curl -H 'Cookie: a=b; c=d' u", "curl -H 'Cookie: ***' u"),
            ("Set-Cookie: a=b; Secure", "Set-Cookie: ***"),
            ("it says Bearer x y", "it says Bearer *** y"),
            ("curl -u me:x https://h.org", "curl -u me:*** https://h.org"),
            ("curl -sume -u 'me:x' h", "curl -sume -u 'me:***' h"),
            ("curl --user=me:x h", "curl --user=me:*** h"),
            ("docker run -u 10:20 x", "docker run -u 10:20 x"),
            ("curl https://u:p@h.org/x y", "curl https://***@h.org/x y"),
            ("curl https://h.org/x@2", "curl https://h.org/x@2"),
            ("AWS_SECRET_ACCESS_KEY=q/w+e x", "AWS_SECRET_ACCESS_KEY=*** x"),
            ("echo 0123456789abcdef0123", "echo ***"),
            ("x=0123456789abcdef0123", "x=***"),
            ("sk-ant-api03-0123456789abcdefghij", "sk-ant-api03-***"),
            ("cd /usr/local/lib/python3/site-packages", "cd /usr/local/lib/python3/site-packages"),
            ("git checkout my-feature-branch-2024-update", "git checkout my-feature-branch-2024-update"),
            ("a\nb\u{1b}[1m", "a\\nb?[1m"),
        ] {
            assert_eq!(redact(text, 200), want, "{text:?}");
        }
        let words = ["--token", "abc", "--model", "x", "-H", "Authorization: Bearer y", "--token", "--verbose"];
        assert_eq!(
            redact_words(&words.map(str::to_owned), 99),
            ["--token", "***", "--model", "x", "-H", "Authorization: ***", "--token", "--verbose"]
        );
        assert!(is_telling("Authorization") && is_telling("cookie") && is_telling("SMTP_PASS"));
        assert_eq!(redact("abcdef", 3), "abc…");
        assert_eq!(redact("éééé", 2), "éé…");
    }

    #[test]
    fn any_text_is_taken() {
        let long = "token=é".repeat(3000);
        assert!(redact(&long, 200).chars().count() <= 201);
        for text in [
            "",
            "token",
            "token=",
            "://",
            "://@",
            "password '",
            "authorization:",
            "bearer ",
            "curl -u",
            "curl -u 'é:",
            "é://é@é",
        ] {
            let _ = redact(text, 5);
        }
    }
}
