//! The head of a request, as `httparse` reads it, and how long its body is.

use super::{MOST_BODY, MOST_HEAD, Refusal};

/// The most header lines of a request.
const MOST_LINES: usize = 64;

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, still encoded: begins with `/`.
    pub path: String,
    /// What stands behind the `?`, still encoded.
    pub query: String,
    /// The host of an address that was given whole, which goes before that of the header.
    authority: Option<String>,
    /// Whether it is HTTP/1.0.
    pub is_old: bool,
    lines: Vec<(String, String)>,
}

impl Head {
    /// Reads the head at the beginning of what was received, and says how long it is; `None` if it is not whole yet.
    ///
    /// # Errors
    /// If it is none, or too large.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, Refusal> {
        let mut lines = [httparse::EMPTY_HEADER; MOST_LINES];
        let mut request = httparse::Request::new(&mut lines);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MOST_HEAD => length,
            Ok(httparse::Status::Partial) if bytes.len() < MOST_HEAD => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => {
                let most =
                    format!("the head of the request is larger than {MOST_HEAD} bytes or {MOST_LINES} lines");
                return Err(Refusal::new(431, most));
            }
            Err(httparse::Error::Version) => return Err(Refusal::new(505, "only HTTP/1.1 is spoken here")),
            Err(e) => return Err(Refusal::new(400, format!("not a request: {e}"))),
        };
        let text = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok().filter(|t| t.is_ascii());
            text.map(str::to_owned).ok_or_else(|| Refusal::new(400, "not a request: a header line is not ASCII"))
        };
        let mut head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            is_old: request.version == Some(0),
            ..Self::default()
        };
        head.target(request.path.unwrap_or_default())?;
        for line in request.headers.iter() {
            // Of ours none has another value than ASCII; what others say stays unread.
            if let Ok(value) = text(line.value) {
                head.lines.push((line.name.to_ascii_lowercase(), value.trim().to_owned()));
            } else if READ.contains(&line.name.to_ascii_lowercase().as_str()) {
                return Err(Refusal::new(400, format!("not a request: `{}` is not ASCII", line.name)));
            }
        }
        Ok(Some((head, length)))
    }

    /// `/path?query`, or the whole address as a proxy is told it.
    fn target(&mut self, target: &str) -> Result<(), Refusal> {
        let mut rest = target;
        if !target.starts_with('/') {
            let address = target.strip_prefix("http://").filter(|address| !address.is_empty());
            let address = address.ok_or_else(|| Refusal::new(400, "not a request: its target is no path"))?;
            let at = address.find(['/', '?']).unwrap_or(address.len());
            self.authority = Some(address[..at].to_owned());
            rest = &address[at..];
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        path.clone_into(&mut self.path);
        if self.path.is_empty() {
            self.path.push('/');
        }
        query.clone_into(&mut self.query);
        Ok(())
    }

    /// The value of a header line that must not come twice.
    ///
    /// # Errors
    /// If it does.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let mut all = self.lines.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        match (all.next(), all.next()) {
            (found, None) => Ok(found),
            _ => Err(Refusal::new(400, format!("`{name}` is given twice"))),
        }
    }

    /// The host that the request is for.
    ///
    /// # Errors
    /// If it is given twice, or not at all, which only HTTP/1.0 may do.
    pub fn host(&self) -> Result<Option<&str>, Refusal> {
        let host = self.get("host")?;
        if host.is_none() && !self.is_old {
            return Err(Refusal::new(400, "not a request: `host` is missing"));
        }
        Ok(self.authority.as_deref().or(host))
    }

    /// The length of the body.
    ///
    /// # Errors
    /// If it is not told, told twice, too large, or something is to be done to it first.
    pub fn length(&self) -> Result<usize, Refusal> {
        if let Some(coding) = self.get("transfer-encoding")? {
            // Beside a length it is how one request is passed off as two.
            if self.get("content-length")?.is_some() {
                return Err(Refusal::new(400, "`content-length` and `transfer-encoding` are given both"));
            }
            let status = if coding.eq_ignore_ascii_case("chunked") { 411 } else { 501 };
            return Err(Refusal::new(status, "the length of the body is not told").hint("send `content-length`"));
        }
        if self.get("content-encoding")?.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(Refusal::new(415, "a body that is packed is not read"));
        }
        let Some(text) = self.get("content-length")? else {
            // Taken for none, `{"dry_run": true}` would be left unread, and done in earnest.
            return Err(Refusal::new(411, "the length of the body is not told").hint("send `content-length`"));
        };
        // `+5` and `5, 5` are read differently by different programs.
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number {
            return Err(Refusal::new(400, "not a request: `content-length` is no number"));
        }
        match text.parse::<usize>() {
            Ok(length) if length <= MOST_BODY => Ok(length),
            _ => Err(Refusal::new(413, format!("the body is larger than {MOST_BODY} bytes"))),
        }
    }

    /// Whether the client waits for a word before it sends the body.
    ///
    /// # Errors
    /// If it expects anything else.
    pub fn waits(&self) -> Result<bool, Refusal> {
        match self.get("expect")? {
            None => Ok(false),
            Some(what) if what.eq_ignore_ascii_case("100-continue") => Ok(!self.is_old),
            Some(_) => Err(Refusal::new(417, "something is expected that is not done here")),
        }
    }

    /// Whether the body says that it is JSON.
    ///
    /// # Errors
    /// If it says something else, or nothing: a form on a page of another site can say neither.
    pub fn is_json(&self) -> Result<(), Refusal> {
        let kind = self.get("content-type")?.and_then(|kind| kind.split(';').next()).map(str::trim);
        if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            return Ok(());
        }
        Err(Refusal::new(415, "the body is not said to be JSON").hint("send `content-type: application/json`"))
    }
}

/// Header lines that anything here depends on.
const READ: [&str; 10] = [
    "host",
    "origin",
    "sec-fetch-site",
    "sec-fetch-mode",
    "authorization",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "expect",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(Head, usize)>, u16> {
        Head::read(text.as_bytes()).map_err(|refusal| refusal.status)
    }

    fn head(lines: &str) -> Head {
        read(&format!("POST /tasks?a=b HTTP/1.1\r\n{lines}\r\n")).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = "GET /events?since=2h HTTP/1.1\r\nHost: localhost\r\nX: \u{e9}\r\n\r\nrest";
        for end in 0..text.len() - 4 {
            assert_eq!(Head::read(&text.as_bytes()[..end]).unwrap(), None, "{end}");
        }
        let (head, length) = read(text).unwrap().unwrap();
        assert_eq!(
            (head.method.as_str(), head.path.as_str(), head.query.as_str()),
            ("GET", "/events", "since=2h")
        );
        assert_eq!((length, head.host().unwrap()), (text.len() - 4, Some("localhost")));
        let (head, _) = read("GET http://localhost:1?x HTTP/1.1\r\nHost: evil\r\n\r\n").unwrap().unwrap();
        assert_eq!(
            (head.path.as_str(), head.query.as_str(), head.host().unwrap()),
            ("/", "x", Some("localhost:1"))
        );
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let large = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MOST_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65));
        for (text, status) in [
            ("hello\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("GET * HTTP/1.1\r\n\r\n", 400),
            ("GET https://localhost/ HTTP/1.1\r\n\r\n", 400),
            ("CONNECT localhost:80 HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
            (&large, 431),
            (&many, 431),
        ] {
            assert_eq!(read(text).unwrap_err(), status, "{text:?}");
        }
    }

    #[test]
    fn the_length_of_a_body_is_told_once_and_in_one_way() {
        let length = |lines: &str| head(lines).length().map_err(|refusal| refusal.status);
        assert_eq!(length(""), Err(411));
        assert_eq!(length("Content-Length: 0\r\n"), Ok(0));
        assert_eq!(length("Content-Length: 12\r\n"), Ok(12));
        assert_eq!(length("Content-Length: 1048576\r\n"), Ok(MOST_BODY));
        for (lines, status) in [
            ("Content-Length: 1048577\r\n", 413),
            ("Content-Length: 99999999999999999999999\r\n", 413),
            ("Content-Length: +5\r\n", 400),
            ("Content-Length: 5, 5\r\n", 400),
            ("Content-Length: -1\r\n", 400),
            ("Content-Length:\r\n", 400),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
            ("Transfer-Encoding: chunked\r\n", 411),
            ("Transfer-Encoding: gzip\r\n", 501),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
            ("Content-Encoding: gzip\r\nContent-Length: 5\r\n", 415),
        ] {
            assert_eq!(length(lines), Err(status), "{lines:?}");
        }
    }

    #[test]
    fn only_json_is_read_and_only_one_thing_is_waited_for() {
        for lines in ["Content-Type: application/json\r\n", "content-type: Application/JSON; charset=utf-8\r\n"] {
            assert!(head(lines).is_json().is_ok(), "{lines}");
        }
        for lines in ["", "Content-Type: text/plain\r\n", "Content-Type: application/jsonp\r\n"] {
            assert_eq!(head(lines).is_json().unwrap_err().status, 415, "{lines}");
        }
        assert!(head("Expect: 100-continue\r\n").waits().unwrap());
        assert_eq!(head("Expect: tea\r\n").waits().unwrap_err().status, 417);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_received_is_too_much(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            name in "(?i)(host|origin|content-length|transfer-encoding|expect|x)",
            value in "[ -~]{0,20}",
        ) {
            let _ = Head::read(&bytes);
            let text = format!("POST /tasks HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\n\r\n");
            if let Ok(Some((head, length))) = Head::read(&[text.as_bytes(), &bytes].concat()) {
                assert_eq!(length, text.len());
                let _ = (head.length(), head.waits(), head.is_json(), crate::model::control::door::admit(&head));
            }
        }
    }
}
