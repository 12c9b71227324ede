//! Who may make a request.
//!
//! A Unix socket is guarded by its mode, a port by a token. A browser is a way around both: a page of any site can
//! make it send requests to this machine. So the host must be this machine by one of its fixed names (a page cannot
//! make its own name point here), the origin must be the page of this very address, and what changes something must
//! say that it is JSON, which another site's page cannot without being asked first, and nobody here answers that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Refusal;
use super::request::Head;

/// The shortest token, in bytes.
pub const SHORTEST_TOKEN: usize = 16;

/// Whether the request comes from this machine and from no page of another site.
///
/// # Errors
/// If it does not.
pub fn admit(head: &Head) -> Result<(), Refusal> {
    let host = head.host()?;
    // An address without a name is what simple clients of a Unix socket send.
    if let Some(host) = host.filter(|host| !host.is_empty() && !is_here(host)) {
        let message = format!("this is not `{}`", crate::model::name::shown(host));
        return Err(Refusal::new(421, message).hint("ask for `http://localhost/…`"));
    }
    if let Some(origin) = head.get("origin")? {
        let own = host.is_some_and(|host| {
            origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        });
        if !own {
            return Err(Refusal::new(403, "a page of another site has no business here"));
        }
    }
    // Older browsers do not send it: then the origin has to do.
    match head.get("sec-fetch-site")? {
        None | Some("same-origin" | "none") => Ok(()),
        // A link to here may stand anywhere: what it leads to is seen by the person alone.
        Some(_) if head.method == "GET" && head.get("sec-fetch-mode")? == Some("navigate") => Ok(()),
        Some(_) => Err(Refusal::new(403, "a page of another site has no business here")),
    }
}

/// One of the names of this machine that nobody else can have, with or without a port.
fn is_here(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) => (format!("[{address}]"), rest),
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, _)) => (name.to_owned(), &host[name.len()..]),
            None => (host.to_owned(), ""),
        },
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|p| p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()));
    is_port && ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| own.eq_ignore_ascii_case(&name))
}

/// Whether the request shows the token: as a bearer token, or as the password of a browser, whatever the name.
///
/// # Errors
/// If it does not.
pub fn authorise(head: &Head, token: &str) -> Result<(), Refusal> {
    let shown = head.get("authorization")?.and_then(|line| {
        let (scheme, rest) = line.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest).ok()).flatten()?;
        Some(String::from_utf8(decoded).ok()?.split_once(':')?.1.to_owned())
    });
    // Digests have one length: neither how long the token is nor how much of it is right can be measured.
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let is_right = digest(shown.as_deref().unwrap_or_default()).ct_eq(&digest(token));
    if shown.is_some() && bool::from(is_right) {
        return Ok(());
    }
    let why = if shown.is_some() { "the token is not the right one" } else { "a token is needed" };
    Err(Refusal::new(401, why)
        .hint("send `authorization: Bearer TOKEN`")
        .header("WWW-Authenticate", "Bearer realm=\"claude-failover\"")
        .header("WWW-Authenticate", "Basic realm=\"claude-failover\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, lines: &str) -> Head {
        let text = format!("{method} / HTTP/1.1\r\n{lines}\r\n");
        Head::read(text.as_bytes()).unwrap().unwrap().0
    }

    fn admitted(method: &str, lines: &str) -> Result<(), u16> {
        admit(&head(method, lines)).map_err(|refusal| refusal.status)
    }

    #[test]
    fn only_this_machine_by_its_own_names_is_meant() {
        for host in ["localhost", "LocalHost:8765", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535", ""] {
            assert_eq!(admitted("GET", &format!("Host: {host}\r\n")), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "127.0.0.2",
            "localhost:x",
            "localhost:123456",
            "[::1",
            "[::1]x",
            "::1",
            "user@localhost",
        ] {
            assert_eq!(admitted("GET", &format!("Host: {host}\r\n")), Err(421), "{host}");
        }
        assert_eq!(admitted("GET", ""), Err(400));
        assert_eq!(admitted("GET", "Host: localhost\r\nHost: localhost\r\n"), Err(400));
    }

    #[test]
    fn a_page_of_another_site_is_refused_whatever_it_asks_for() {
        let here = "Host: localhost:8765\r\n";
        for method in ["GET", "POST"] {
            for lines in ["", "Origin: http://localhost:8765\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
                assert_eq!(admitted(method, &format!("{here}{lines}")), Ok(()), "{method} {lines}");
            }
            for lines in [
                "Origin: http://evil.example\r\n",
                "Origin: null\r\n",
                "Origin: https://localhost:8765\r\n",
                "Origin: http://localhost:3000\r\n",
                "Origin: http://localhost\r\n",
                "Origin:\r\n",
                "Sec-Fetch-Site: cross-site\r\n",
                "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n",
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
            ] {
                assert_eq!(admitted(method, &format!("{here}{lines}")), Err(403), "{method} {lines}");
            }
        }
        let link = format!("{here}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n");
        assert_eq!((admitted("GET", &link), admitted("POST", &link)), (Ok(()), Err(403)));
    }

    #[test]
    fn the_token_opens_in_two_forms_and_nothing_else_does() {
        let token = "correct-horse-battery";
        let with = |line: &str| authorise(&head("GET", line), token);
        assert!(with("Authorization: Bearer correct-horse-battery\r\n").is_ok());
        assert!(with("authorization: bearer  correct-horse-battery\r\n").is_ok());
        let basic = STANDARD.encode("me:correct-horse-battery");
        assert!(with(&format!("Authorization: Basic {basic}\r\n")).is_ok());
        let no_name = STANDARD.encode("correct-horse-battery");
        for line in [
            "",
            "Authorization: Bearer\r\n",
            "Authorization: Bearer \r\n",
            "Authorization: Bearer correct-horse-batterz\r\n",
            "Authorization: Bearer correct-horse-battery2\r\n",
            "Authorization: correct-horse-battery\r\n",
            "Authorization: Basic %%%\r\n",
            &format!("Authorization: Basic {no_name}\r\n"),
        ] {
            let refusal = with(line).unwrap_err();
            assert_eq!((refusal.status, refusal.headers.len()), (401, 2), "{line}");
            assert!(!format!("{:?}", refusal.answer()).contains("correct"), "{line}");
        }
        assert_eq!(with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n").unwrap_err().status, 400);
    }
}
