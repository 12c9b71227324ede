//! `control`, as far as it is pure: the head of a request read, who may make it, what it asks for, and what is
//! answered. One HTTP/1.1 exchange; nothing here reads, writes or knows the time.

pub mod door;
pub mod openapi;
pub mod query;
pub mod request;
pub mod route;

use anyhow::anyhow;

use crate::error::{Class, Exit, class_of, exit_of, exiting, hinted, json_of};

/// The largest head of a request, in bytes.
pub const MOST_HEAD: usize = 16 << 10;

/// The largest body of a request, in bytes.
pub const MOST_BODY: usize = 1 << 20;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The media type of the body.
    pub kind: &'static str,
    /// What a page of it may load and run: a `Content-Security-Policy`.
    pub policy: String,
    /// Further header lines.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// JSON is no page: nothing in it is loaded or run, and nobody shows it in a frame.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

impl Answer {
    /// A JSON object.
    #[must_use]
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::of("application/json", format!("{value:#}\n")).with_status(status)
    }

    /// A text of some media type.
    #[must_use]
    pub fn of(kind: &'static str, body: String) -> Self {
        Self { status: 200, kind, policy: NO_PAGE.to_owned(), headers: Vec::new(), body: body.into_bytes() }
    }

    /// An HTML document, and what it may load and run.
    #[must_use]
    pub fn page(html: String, policy: String) -> Self {
        Self { policy, ..Self::of("text/html; charset=utf-8", html) }
    }

    /// … with another status code.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// As it goes over the wire; for `HEAD` without its body.
    #[must_use]
    pub fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let length = self.body.len().to_string();
        let fixed = [
            ("Content-Type", self.kind),
            ("Content-Length", &length),
            // One exchange a process.
            ("Connection", "close"),
            // What is told is of this moment and of nobody else's business.
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Content-Security-Policy", &self.policy),
        ];
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in fixed.into_iter().chain(own) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Why a request is not answered as it was meant to be. What is not said in the message or a hint is nobody's business.
#[derive(Debug)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// What is wrong.
    pub error: anyhow::Error,
    /// Header lines that belong to that status code.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// One of ours.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let exit = match status {
            401 | 403 | 500.. => Exit::Failed,
            _ => Exit::Usage,
        };
        Self { status, error: exiting(anyhow!(message.into()), exit), headers: Vec::new() }
    }

    /// Another run is at it: whoever asks may ask again.
    #[must_use]
    pub fn busy(message: impl Into<String>) -> Self {
        Self { status: 503, error: exiting(anyhow!(message.into()), Exit::Busy), headers: vec![retry()] }
    }

    /// … with what to do about it.
    #[must_use]
    pub fn hint(self, hint: &str) -> Self {
        Self { error: hinted(self.error, hint), ..self }
    }

    /// … with a header line.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As an answer: the error in the shape that `--json` has on stderr.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.status, &json_of(&self.error));
        answer.headers.clone_from(&self.headers);
        answer
    }
}

impl From<anyhow::Error> for Refusal {
    /// A failure of a command, by what it is to whoever asked.
    fn from(error: anyhow::Error) -> Self {
        let status = match (class_of(&error), exit_of(&error)) {
            (Some(Class::Unknown), _) => 404,
            (Some(Class::Conflict), _) | (None, Exit::No) => 409,
            (Some(Class::Invalid), _) | (None, Exit::Usage) => 400,
            (None, Exit::Busy) => return Self { status: 503, error, headers: vec![retry()] },
            (None, _) => 500,
        };
        Self { status, error, headers: Vec::new() }
    }
}

/// When to come again: most locks are held for a second or two.
fn retry() -> (&'static str, String) {
    ("Retry-After", "2".to_owned())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
