//! How a message leaves this machine, or reaches its desktop and its journal. One try, within its time; what came
//! of it is told without the secret.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use super::process::{self, ProcessError};
use super::secret::{self, Secret};
use crate::config::{Method, Notify, SecretSource, Target, Via, is_local};
use crate::model::notify::answer::{Answer, Outcome, Service, judge};
use crate::model::notify::template::{SECRET, fill, fill_text};
use crate::model::notify::text::{Content, cut_utf16, escaped, line};

/// Who asks. Honest, whatever others send.
const USER_AGENT: &str = concat!("claude-failover/", env!("CARGO_PKG_VERSION"));

/// The longest answer that is read, in bytes.
const MOST: u64 = 64 << 10;

/// The longest text of a message of Telegram, in UTF-16 units.
const TELEGRAM_MOST: usize = 4096;

/// The longest text of a line of the journal that surely fits into one datagram.
const JOURNAL_MOST: usize = 8 << 10;

/// Tries to send a message to a target, once.
#[must_use]
pub fn send(notify: &Notify, target: &Target, content: &Content, now: Timestamp) -> Outcome {
    let timeout = notify.timeout;
    let secret = match target.secret.as_ref().map(secret::read).transpose() {
        Ok(secret) => secret,
        Err(e) => return missing(&e),
    };
    let outcome = match &target.via {
        Via::Telegram { .. } | Via::Resend { .. } | Via::Webhook { .. } => {
            http(&target.via, secret.as_ref(), content, timeout, now)
        }
        Via::Desktop { program, args } => desktop(program, args, &variables(&notify.targets), content, timeout),
        Via::Journal { socket } => journal(socket, content, timeout),
    };
    match secret {
        Some(secret) => without(&secret, outcome),
        None => outcome,
    }
}

/// What a target that has no usable secret comes to.
#[must_use]
pub fn missing(e: &anyhow::Error) -> Outcome {
    let hint = crate::error::hints_of(e).first().map(|h| (*h).to_owned());
    Outcome::Fault { why: crate::error::messages_of(e).join(": "), hint }
}

fn without(secret: &Secret, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Sent(said) => Outcome::Sent(secret.hide(&said)),
        Outcome::Later { after, why, unsure } => Outcome::Later { after, why: secret.hide(&why), unsure },
        Outcome::Refused { why } => Outcome::Refused { why: secret.hide(&why) },
        Outcome::Fault { why, hint } => {
            Outcome::Fault { why: secret.hide(&why), hint: hint.map(|h| secret.hide(&h)) }
        }
    }
}

/// A request, before it is made. Its address may hold a secret: it is never shown.
struct Request {
    url: String,
    method: Method,
    headers: Vec<(String, String)>,
    body: Value,
    service: Service,
}

fn request(via: &Via, secret: Option<&Secret>, content: &Content) -> Result<Request, Outcome> {
    let key = secret.map(Secret::expose).unwrap_or_default();
    let base = |api: &str| api.trim_end_matches('/').to_owned();
    match via {
        Via::Telegram { api, chat, thread, silent } => {
            // Anything else would become another path of the address.
            let token = |t: &str| t.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b));
            if !token(key) || !key.contains(':') {
                let hint = Some("@BotFather tells it: a number, a colon, letters".to_owned());
                return Err(Outcome::Fault { why: "its secret is not the token of a bot".to_owned(), hint });
            }
            let again = if content.again { "\n(this may have reached you already)" } else { "" };
            let text = cut_utf16(&format!("{}\n{}", content.title, content.text), TELEGRAM_MOST - again.len());
            let quiet = *silent && content.severity < crate::model::notify::Severity::Critical;
            let mut body = json!({
                "chat_id": chat, "text": text + again, "disable_notification": quiet,
                "link_preview_options": { "is_disabled": true },
            });
            if let Some(thread) = thread {
                body["message_thread_id"] = (*thread).into();
            }
            let url = format!("{}/bot{key}/sendMessage", base(api));
            Ok(Request { url, method: Method::Post, headers: Vec::new(), body, service: Service::Telegram })
        }
        Via::Resend { api, from, to } => {
            let body = json!({ "from": from, "to": to, "subject": content.title, "text": content.text });
            let headers = vec![
                ("Authorization".to_owned(), format!("Bearer {key}")),
                ("Idempotency-Key".to_owned(), content.id.clone()),
            ];
            let url = format!("{}/emails", base(api));
            Ok(Request { url, method: Method::Post, headers, body, service: Service::Resend })
        }
        Via::Webhook { url, method, headers, body, max_text } => {
            let mut all = vec![("Idempotency-Key".to_owned(), content.id.clone())];
            for (name, value) in headers {
                all.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                all.push((name.clone(), value.replace(SECRET, key)));
            }
            Ok(Request {
                url: url.replace(SECRET, key),
                method: *method,
                headers: all,
                body: fill(body, &shortened(content, *max_text), key),
                service: Service::Other,
            })
        }
        Via::Desktop { .. } | Via::Journal { .. } => Err(Outcome::fault("not reached over HTTP")),
    }
}

/// A message whose text a service takes that counts its characters.
fn shortened(content: &Content, most: usize) -> Content {
    Content { text: cut_utf16(&content.text, most), ..content.clone() }
}

fn http(via: &Via, secret: Option<&Secret>, content: &Content, timeout: Duration, now: Timestamp) -> Outcome {
    let request = match request(via, secret, content) {
        Ok(request) => request,
        Err(outcome) => return outcome,
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        // What hangs before it is connected has sent nothing, and must be told from what hangs behind that.
        .timeout_resolve(Some(timeout / 2))
        .timeout_connect(Some(timeout / 2))
        // A secret is not sent on to wherever an answer points.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // Plain http is allowed to this machine only, so it must not go to another one's proxy.
        .proxy(if is_local(&request.url) { None } else { ureq::Proxy::try_from_env() })
        .user_agent(USER_AGENT)
        .build()
        .into();
    let mut asked = match request.method {
        Method::Post => agent.post(&request.url),
        Method::Put => agent.put(&request.url),
    }
    .header("Content-Type", "application/json");
    for (name, value) in &request.headers {
        asked = asked.header(name, value);
    }
    let mut answer = match asked.send(request.body.to_string()) {
        Ok(answer) => answer,
        Err(e) => return unanswered(&e),
    };
    let retry_after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    let read = answer.body_mut().as_reader().take(MOST).read_to_end(&mut body);
    let cut = read.map_or(true, |length| length as u64 == MOST);
    judge(
        request.service,
        &Answer { status: answer.status().as_u16(), retry_after, body, cut },
        content.again,
        now,
    )
}

/// Why there was no answer. An address stands in none of these: it may hold a secret.
fn unanswered(e: &ureq::Error) -> Outcome {
    match e {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Outcome::fault("its address or one of its headers is not valid")
        }
        // The name, the connection and the handshake come before the message.
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Outcome::later(format!("not reached: {e}")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Outcome::later(format!("no secure connection: {e}")),
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            Outcome::later(format!("not reached: {e}"))
        }
        ureq::Error::Io(io) if early(io.kind()) => Outcome::later(format!("not reached: {io}")),
        other => Outcome::Later { after: None, why: format!("no answer: {other}"), unsure: true },
    }
}

/// Whether a failure comes before anything was sent.
fn early(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind as K;
    matches!(
        kind,
        K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable | K::AddrNotAvailable | K::InvalidData
    )
}

fn desktop(program: &Path, args: &[String], without: &[&str], content: &Content, timeout: Duration) -> Outcome {
    // A notification server reads markup: words of a task must not become a link.
    let shown = Content { text: escaped(&content.text), ..content.clone() };
    let args: Vec<String> = args.iter().map(|arg| fill_text(arg, &shown)).collect();
    match process::run(program, &args, without, timeout) {
        Ok(said) if said.status == 0 => Outcome::Sent("it ended well".to_owned()),
        Ok(said) => Outcome::later(format!("it ended with {}: {}", said.status, line(&said.stderr, 200))),
        Err(e @ ProcessError::TimedOut(..)) => Outcome::Later { after: None, why: e.to_string(), unsure: true },
        Err(e) => Outcome::Fault { why: e.to_string(), hint: Some("install it, or set `command`".to_owned()) },
    }
}

fn journal(socket: &Path, content: &Content, timeout: Duration) -> Outcome {
    let mut bytes = Vec::new();
    // With its length before it a value may hold anything.
    let mut field = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    };
    let text: String = format!("{}\n{}", content.title, content.text).chars().take(JOURNAL_MOST).collect();
    field("MESSAGE", &text);
    field("PRIORITY", &content.severity.syslog().to_string());
    field("SYSLOG_IDENTIFIER", "claude-failover");
    field("CLAUDE_FAILOVER_MESSAGE", &content.id);
    for name in ["kind", "subject", "task", "session", "account", "count"] {
        let value = fill_text(&format!("{{{{{name}}}}}"), content);
        if !value.is_empty() {
            field(&format!("CLAUDE_FAILOVER_{}", name.to_uppercase()), &value);
        }
    }
    // One whose queue is full would make us wait for ever.
    let send = || {
        let from = UnixDatagram::unbound()?;
        from.set_write_timeout(Some(timeout))?;
        from.send_to(&bytes, socket)
    };
    match send() {
        Ok(_) => Outcome::Sent("it is in the journal".to_owned()),
        Err(e) => Outcome::later(format!("no journal at `{}`: {e}", socket.display())),
    }
}

/// The variables that lead to secrets: no program that we start needs them.
fn variables(targets: &[Target]) -> Vec<&str> {
    let mut all = vec!["CREDENTIALS_DIRECTORY"];
    for target in targets {
        if let Some(SecretSource::Env(name)) = &target.secret {
            all.push(name);
        }
    }
    all
}
