//! Programs that fetch text from elsewhere: where does it go, to standard output or into a file?

use crate::model::guard::options::{self, Grammar, Parsed};
use crate::model::guard::reading::Call;
use crate::model::guard::value::{Part, Value};

/// The options of curl that take a value, and those that their names are beginnings of.
const CURL: Grammar = Grammar::mix(
    "#0123456789aBfgGiIjkKlLMnNpqRsSvVZA:b:c:C:d:D:e:E:F:H:h::m:P:Q:r:t:T:u:U:w:x:X:y:Y:z:",
    &[
        "o,output=",
        "O,remote-name",
        "remote-name-all",
        "output-dir=",
        "url=",
        "V,version",
        "M,manual",
        "help?",
        "head",
        "config=",
        "user-agent=",
        "cookie=",
        "cookie-jar=",
        "continue-at=",
        "data=",
        "data-raw=",
        "data-binary=",
        "data-ascii=",
        "data-urlencode=",
        "json=",
        "dump-header=",
        "referer=",
        "cert=",
        "cert-type=",
        "key=",
        "key-type=",
        "cacert=",
        "capath=",
        "ciphers=",
        "form=",
        "form-string=",
        "header=",
        "max-time=",
        "max-redirs=",
        "max-filesize=",
        "connect-timeout=",
        "connect-to=",
        "range=",
        "rate=",
        "resolve=",
        "retry=",
        "retry-delay=",
        "retry-max-time=",
        "retry-all-errors",
        "request=",
        "request-target=",
        "proxy=",
        "proxy-user=",
        "proxy-header=",
        "preproxy=",
        "noproxy=",
        "socks5=",
        "socks5-hostname=",
        "socks4=",
        "user=",
        "upload-file=",
        "write-out=",
        "speed-limit=",
        "speed-time=",
        "limit-rate=",
        "interface=",
        "time-cond=",
        "tls-max=",
        "tls13-ciphers=",
        "proto=",
        "proto-default=",
        "proto-redir=",
        "unix-socket=",
        "dns-servers=",
        "doh-url=",
        "etag-save=",
        "etag-compare=",
        "aws-sigv4=",
        "oauth2-bearer=",
        "netrc",
        "netrc-file=",
        "trace=",
        "trace-ascii=",
        "trace-time",
        "stderr=",
        "url-query=",
        "variable=",
        "keepalive-time=",
        "parallel",
        "parallel-max=",
    ],
);

const WGET: Grammar = Grammar::mix(
    "46bcdEFHkKLmNnpqrSvxA:B:D:e:i:I:l:o:a:Q:R:t:T:U:w:X:",
    &[
        "O,output-document=",
        "P,directory-prefix=",
        "V,version",
        "h,help",
        "spider",
        "output-file=",
        "append-output=",
        "user-agent=",
        "header=",
        "input-file=",
        "tries=",
        "timeout=",
        "wait=",
        "execute=",
        "user=",
        "password=",
        "post-data=",
        "post-file=",
        "body-data=",
        "method=",
        "referer=",
        "load-cookies=",
        "save-cookies=",
        "ca-certificate=",
        "certificate=",
        "limit-rate=",
        "quota=",
        "level=",
    ],
);

/// Programs that print what they fetch unless an option names a file (`o`), or says that there is one (`O`).
const PRINTING: Grammar = Grammar::mix(
    "dqvhSIFjfcbp:s:a:A:",
    &["o,output=", "O,download,d", "auth=", "session=", "timeout=", "proxy=", "verify=", "print=", "version,help"],
);

/// Programs that write what they fetch into a file unless told otherwise (`o`).
const SAVING: Grammar =
    Grammar::mix("qvrmaAnck4s:x:j:S:T:t:n:k:", &["o,O,out,output=", "d,dir=", "version,help", "max-connection="]);

const NETCAT: Grammar =
    Grammar::mix("46bCDdFhklNnrStUuvZI:i:M:m:O:P:p:q:s:T:V:W:w:X:x:e:c:", &["z", "help,version"]);

/// Programs whose output is always what somebody else has written; `nothing` are the words at which it is not.
struct Always {
    program: &'static str,
    nothing: &'static [&'static str],
}

const ALWAYS: &[Always] = &[
    Always { program: "socat", nothing: &["-h", "-V"] },
    Always { program: "telnet", nothing: &[] },
    Always { program: "websocat", nothing: &["--version", "--help"] },
    Always { program: "GET", nothing: &[] },
    Always { program: "lwp-request", nothing: &[] },
    Always { program: "dig", nothing: &["-v", "-h"] },
    Always { program: "drill", nothing: &[] },
    Always { program: "nslookup", nothing: &["-version"] },
    Always { program: "ftp", nothing: &[] },
    Always { program: "tftp", nothing: &[] },
    Always { program: "lftp", nothing: &["--version", "--help"] },
    Always { program: "hurl", nothing: &["--version", "--help"] },
];

/// Programs that fetch and print at certain words: each list is one way, all of its words are needed, in order.
/// A word that begins with a dash is an option, looked for anywhere.
const WORDS: &[(&str, &[&[&str]])] = &[
    ("lynx", &[&["-source"], &["-dump"], &["--source"], &["--dump"]]),
    ("links", &[&["-source"], &["-dump"]]),
    ("links2", &[&["-source"], &["-dump"]]),
    ("elinks", &[&["-source"], &["-dump"]]),
    ("w3m", &[&["-dump"], &["-dump_source"], &["-dump_both"], &["-dump_extra"]]),
    ("gh", &[&["api"], &["gist", "view"], &["release", "download", "-"], &["release", "download", "-O-"]]),
    ("glab", &[&["api"], &["snippet", "view"]]),
    ("aws", &[&["s3", "cp", "-"], &["s3", "cp", "/dev/stdout"], &["s3api", "get-object", "/dev/stdout"]]),
    ("gsutil", &[&["cat"], &["cp", "-"]]),
    ("gcloud", &[&["storage", "cat"], &["storage", "cp", "-"]]),
    ("rclone", &[&["cat"]]),
    ("mc", &[&["cat"]]),
    ("s3cmd", &[&["get", "-"], &["--to-stdout"]]),
    ("ipfs", &[&["cat"]]),
    ("openssl", &[&["s_client"]]),
    ("scp", &[&["/dev/stdout"]]),
];

/// Words of one-liners in other languages that fetch something.
const FETCHING_CODE: &[&str] = &[
    "urlopen(",
    "urllib",
    "requests.get(",
    "requests.post(",
    "httpx.",
    "http.client",
    "LWP::",
    "HTTP::Tiny",
    "Net::HTTP",
    "open-uri",
    "URI.open",
    "fetch(",
    "https.get(",
    "http.get(",
    "axios",
    "file_get_contents('http",
    "file_get_contents(\"http",
    "curl_exec",
    "socket.",
];

/// Whether its standard output carries text from elsewhere.
pub(super) fn to_output(call: &Call) -> bool {
    let from_network = |target: &Value| target.starts_with("/dev/tcp/") || target.starts_with("/dev/udp/");
    if call.redirects.iter().any(|r| r.operator.starts_with('<') && from_network(&r.target)) {
        return true;
    }
    let Some(program) = call.program.as_deref() else { return false };
    match program {
        "curl" | "curlie" => curl_prints(&options::read(&CURL, call.args())),
        "wget" | "wget2" => {
            let parsed = options::read(&WGET, call.args());
            !parsed.has("V") && !parsed.has("h") && parsed.value("O").is_some_and(is_output)
        }
        "http" | "https" | "xh" | "xhs" | "httpie" => {
            let parsed = options::read(&PRINTING, call.args());
            match parsed.value("o") {
                Some(file) => is_output(file),
                None => !parsed.has("O") && !parsed.has("version") && !parsed.operands.is_empty(),
            }
        }
        "aria2c" | "axel" | "fetch" => options::read(&SAVING, call.args()).value("o").is_some_and(is_output),
        "nc" | "ncat" | "netcat" => {
            let parsed = options::read(&NETCAT, call.args());
            !parsed.has("z") && !parsed.has("help") && !call.args().is_empty()
        }
        _ => always(program, call.args()) || at_words(program, call.args()) || by_code(program, call.args()),
    }
}

fn always(program: &str, args: &[Value]) -> bool {
    let row = ALWAYS.iter().find(|row| row.program == program);
    row.is_some_and(|row| {
        !args.is_empty() && !args.iter().any(|a| a.known().is_some_and(|a| row.nothing.contains(&a)))
    })
}

fn at_words(program: &str, args: &[Value]) -> bool {
    let Some((_, ways)) = WORDS.iter().find(|(name, _)| *name == program) else { return false };
    ways.iter().any(|way| {
        let mut args = args.iter();
        way.iter().all(|word| args.any(|arg| arg.known() == Some(word)))
    })
}

fn by_code(program: &str, args: &[Value]) -> bool {
    super::is_interpreter(program)
        && args.iter().any(|arg| {
            let text = arg.if_empty();
            FETCHING_CODE.iter().any(|word| text.contains(word))
        })
}

/// Standard output by one of its names.
fn is_output(file: &Value) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/pts/0"].iter().any(|name| file.could_be(name))
}

/// curl takes its outputs in the order of its addresses; an address without one is printed.
fn curl_prints(parsed: &Parsed) -> bool {
    if ["V", "M", "help", "h"].iter().any(|name| parsed.has(name)) {
        return false;
    }
    let addresses = parsed.operands.len() + parsed.values("url").count();
    // The addresses of a configuration file are not known.
    let addresses = addresses + usize::from(parsed.has("K") || parsed.has("config"));
    let all_to_files = parsed.has("remote-name-all");
    let files = parsed.options.iter().filter(|o| o.name == "O").count()
        + parsed.values("o").filter(|file| !is_output(file)).count();
    let printed = parsed.values("o").any(is_output);
    addresses > 0 && (printed || (!all_to_files && files < addresses))
}

/// The files that it writes what it fetches into.
pub(super) fn to_files(call: &Call) -> Vec<Value> {
    match call.program.as_deref() {
        Some("curl" | "curlie") => {
            let parsed = options::read(&CURL, call.args());
            let mut files: Vec<Value> = parsed.values("o").filter(|f| f.known() != Some("-")).cloned().collect();
            if parsed.has("O") || parsed.has("remote-name-all") {
                let addresses = parsed.operands.iter().chain(parsed.values("url"));
                files.extend(addresses.map(last_component));
            }
            inside(parsed.value("output-dir"), files)
        }
        Some("wget" | "wget2") => {
            let parsed = options::read(&WGET, call.args());
            match parsed.value("O") {
                Some(file) if file.known() == Some("-") => Vec::new(),
                Some(file) => vec![file.clone()],
                None if parsed.has("spider") => Vec::new(),
                None => inside(parsed.value("P"), parsed.operands.iter().map(last_component).collect()),
            }
        }
        Some("http" | "https" | "xh" | "xhs" | "httpie") => {
            let parsed = options::read(&PRINTING, call.args());
            parsed.value("o").cloned().into_iter().collect()
        }
        Some("aria2c" | "axel" | "fetch") => {
            let parsed = options::read(&SAVING, call.args());
            match parsed.value("o") {
                Some(file) if file.known() == Some("-") => Vec::new(),
                Some(file) => inside(parsed.value("d"), vec![file.clone()]),
                None => inside(parsed.value("d"), parsed.operands.iter().map(last_component).collect()),
            }
        }
        Some("scp" | "rsync") => {
            let words: Vec<&Value> = call.args().iter().filter(|a| !a.starts_with("-")).collect();
            copied(&words, |from| from.known_start().contains(':'))
        }
        Some("aws" | "gsutil" | "gcloud" | "rclone" | "s3cmd" | "mc") => {
            let words: Vec<&Value> = call.args().iter().filter(|a| !a.starts_with("-")).collect();
            let copies =
                words.iter().any(|w| matches!(w.known(), Some("cp" | "copy" | "copyto" | "get" | "sync")));
            if copies { copied(&words, |from| from.known_start().contains(':')) } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// A copy from elsewhere: its last operand, as a file and as the directory of one.
fn copied(words: &[&Value], is_elsewhere: fn(&Value) -> bool) -> Vec<Value> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    if is_elsewhere(last) {
        return Vec::new();
    }
    let sources = before.iter().filter(|from| is_elsewhere(from));
    let mut files: Vec<Value> = sources.map(|from| joined(last, &last_component(from))).collect();
    if !files.is_empty() {
        files.push((*last).clone());
    }
    files
}

fn inside(dir: Option<&Value>, files: Vec<Value>) -> Vec<Value> {
    match dir {
        Some(dir) => files.iter().map(|file| joined(dir, file)).collect(),
        None => files,
    }
}

fn joined(dir: &Value, file: &Value) -> Value {
    let mut path = dir.clone();
    path.push_text("/");
    path.append(file);
    path
}

/// What stands behind the last slash of an address, without its query.
fn last_component(address: &Value) -> Value {
    let mut name = Value::default();
    for part in address.parts() {
        match part {
            Part::Text(text) => {
                let path = text.split(['?', '#']).next().unwrap_or_default();
                match path.rsplit_once(['/', ':']) {
                    Some((_, behind)) => name = Value::from(behind),
                    None => name.push_text(path),
                }
                if path.len() < text.len() {
                    break;
                }
            }
            other => name.push(other.clone()),
        }
    }
    name
}
