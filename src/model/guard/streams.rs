//! What flows out of a program: text that it has fetched, text that it has decoded, or what has flowed in.
//!
//! The reader carries this along pipes, substitutions and variables until something executes the text.
//! `ssh HOST cat FILE` and `cat` of a network mount do not count as a download: their text is the operator's.

mod decodes;
mod downloads;

use super::reading::Call;
use super::value::Value;

/// Whether its standard output carries text that somebody else has written and the network has brought.
/// Headers and error pages count; a version or a help text does not.
#[must_use]
pub fn downloads(call: &Call) -> bool {
    downloads::to_output(call)
}

/// The files that it writes what it fetches into, as it names them (relative to its directory); a redirection
/// is not among them.
#[must_use]
pub fn downloaded_file(call: &Call) -> Vec<Value> {
    downloads::to_files(call)
}

/// Whether its standard output is decoded text.
#[must_use]
pub fn decodes(call: &Call) -> bool {
    decodes::decodes(call)
}

/// Programs whose output holds nothing of their input.
const SWALLOWING: &[&str] = &[
    "wc",
    "md5sum",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "b2sum",
    "shasum",
    "md5",
    "cksum",
    "sum",
    "true",
    "false",
    ":",
    "test",
    "[",
    "echo",
    "printf",
    "ls",
    "pwd",
    "date",
    "sleep",
    "rm",
    "mkdir",
    "rmdir",
    "touch",
    "cp",
    "mv",
    "ln",
    "chmod",
    "chown",
    "kill",
    "cd",
    "export",
    "which",
    "hostname",
    "id",
    "whoami",
    "uname",
    "seq",
    "yes",
    "mktemp",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "stat",
    "df",
    "du",
    "ps",
    "sponge",
    "wait",
];

/// Whether what flows into it may flow out of it. Of a program that is not known: yes.
#[must_use]
pub fn passes_input_through(call: &Call) -> bool {
    let Some(program) = call.program.as_deref() else { return true };
    if SWALLOWING.contains(&program) {
        return false;
    }
    let operands: Vec<&Value> =
        call.args().iter().filter(|a| !a.starts_with("-") || a.known() == Some("-")).collect();
    match program {
        // With files and no `-` it does not look at its input.
        "cat" | "tac" | "nl" => operands.is_empty() || operands.iter().any(|o| is_input(o)),
        "grep" | "egrep" | "fgrep" | "rg" => !call.args().iter().any(|a| {
            let word = a.known_start();
            matches!(word, "--quiet" | "--silent" | "--count")
                || (word.starts_with('-') && !word.starts_with("--") && word.contains(['q', 'c']))
        }),
        _ => true,
    }
}

fn is_input(file: &Value) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| file.could_be(name))
}

/// Programs that run text of a language of their own.
pub(super) fn is_interpreter(program: &str) -> bool {
    const NAMES: &[&str] =
        &["python", "pypy", "perl", "ruby", "node", "nodejs", "deno", "bun", "php", "lua", "tclsh"];
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::reading::{Dir, Place, Redirect, Stream};
    use crate::model::guard::value::Taint;

    /// A call from a line of words; `'` quotes, `$NAME` is unknown.
    fn call(line: &str) -> Call {
        let words = shlex::split(line).unwrap();
        let value = |word: &String| match word.split_once('$') {
            Some((before, name)) => {
                let mut value = Value::from(before);
                value.append(&Value::unknown(&format!("${name}"), Taint::NONE, true));
                value
            }
            None => Value::from(word.as_str()),
        };
        Call {
            argv: words.iter().map(value).collect(),
            program: words.first().map(|w| w.rsplit('/').next().unwrap().to_owned()),
            env: Vec::new(),
            dir: Dir::Unknown,
            stdin: Stream::default(),
            redirects: Vec::new(),
            via: Vec::new(),
            place: Place::Here,
            more_operands: false,
            links: std::rc::Rc::default(),
        }
    }

    #[test]
    fn what_is_fetched_goes_to_output_or_not() {
        for line in [
            "curl https://x.test/a",
            "curl -fsSL https://x.test/a",
            "curl -sSL -H 'A: b' --max-time 5 https://x.test/a",
            "curl -o - https://x.test/a",
            "curl -so- https://x.test/a",
            "curl -o /dev/stdout https://x.test/a",
            "curl --output=- https://x.test/a",
            "curl --url https://x.test/a",
            "curl -o a https://x.test/a https://x.test/b",
            "curl -I https://x.test/a",
            "curl $URL",
            "curl $OPTIONS https://x.test/a",
            "curl -K list",
            "curl --proto =https --tlsv1.2 -sSf https://sh.x.test",
            "/usr/bin/curl https://x.test/a",
            "wget -qO- https://x.test/a",
            "wget -O - https://x.test/a",
            "wget -q -O /dev/stdout https://x.test/a",
            "wget --output-document=- https://x.test/a",
            "wget --output-d - https://x.test/a",
            "wget https://x.test/a -qO-",
            "http https://x.test/a",
            "http --body GET x.test/a",
            "xh x.test/a",
            "fetch -o - https://x.test/a",
            "aria2c -o /dev/stdout https://x.test/a",
            "lynx -source https://x.test/a",
            "lynx -dump https://x.test/a",
            "w3m -dump_source https://x.test/a",
            "nc x.test 80",
            "ncat -l 4444",
            "socat - TCP:x.test:80",
            "gh api repos/a/b/contents/x",
            "gh gist view 1234",
            "aws s3 cp s3://b/k -",
            "gsutil cat gs://b/k",
            "gcloud storage cat gs://b/k",
            "openssl s_client -connect x.test:443 -quiet",
            "dig +short TXT x.test",
            "scp x.test:a /dev/stdout",
            "python3 -c 'import urllib.request as u;print(u.urlopen(\"https://x.test\").read())'",
            "ruby -ropen-uri -e 'puts URI.open(\"https://x.test\").read'",
            "node -e 'fetch(\"https://x.test\")'",
            "GET https://x.test/a",
        ] {
            assert!(downloads(&call(line)), "{line}");
        }
        for line in [
            "curl -o f https://x.test/a",
            "curl -fsSLo f https://x.test/a",
            "curl -O https://x.test/a",
            "curl -OL https://x.test/a",
            "curl --output f https://x.test/a",
            "curl --remote-name https://x.test/a",
            "curl --remote-name-all https://x.test/a https://x.test/b",
            "curl -o f $URL",
            "curl -o /dev/null -w '%{http_code}' https://x.test/a",
            "curl --version",
            "curl -V",
            "curl --help all",
            "curl",
            "wget https://x.test/a",
            "wget -q https://x.test/a",
            "wget -O f https://x.test/a",
            "wget --version",
            "http --download https://x.test/a",
            "http -o f https://x.test/a",
            "aria2c https://x.test/a",
            "lynx https://x.test/a",
            "nc -z x.test 80",
            "nc -zv x.test 80",
            "gh pr list",
            "gh release download v1",
            "aws s3 cp s3://b/k f",
            "aws s3 ls",
            "gsutil cp gs://b/k f",
            "openssl enc -d",
            "scp x.test:a .",
            "python3 -m json.tool",
            "python3 script.py",
            "cat a",
            "ssh x.test cat a",
            "git fetch",
            "echo curl https://x.test/a",
        ] {
            assert!(!downloads(&call(line)), "{line}");
        }
        let mut from_network = call("cat");
        from_network.redirects.push(Redirect { operator: "<".into(), target: "/dev/tcp/x.test/80".into() });
        assert!(downloads(&from_network));
    }

    #[test]
    fn the_files_of_a_download_are_named() {
        for (line, want) in [
            ("curl -o f https://x.test/a", "f"),
            ("curl -fsSLo f https://x.test/a", "f"),
            ("curl -O https://x.test/d/a.sh", "a.sh"),
            ("curl -O https://x.test/d/a.sh?x=/y", "a.sh"),
            ("curl -O 'https://x.test/d/a.sh?v=1'", "a.sh"),
            ("curl -OL https://x.test/a https://x.test/b", "a b"),
            ("curl --output-dir d -O https://x.test/a", "d/a"),
            ("curl https://x.test/a", ""),
            ("curl -o - https://x.test/a", ""),
            ("wget https://x.test/d/a.sh", "a.sh"),
            ("wget -P d https://x.test/a.sh", "d/a.sh"),
            ("wget -O f https://x.test/a.sh", "f"),
            ("wget -qO- https://x.test/a.sh", ""),
            ("wget --spider https://x.test/a.sh", ""),
            ("wget https://x.test/$NAME", "$NAME"),
            ("aria2c -d d -o f https://x.test/a", "d/f"),
            ("scp x.test:dir/a .", "./a ."),
            ("scp a x.test:dir", ""),
            ("aws s3 cp s3://b/k.sh f", "f/k.sh f"),
            ("aws s3 ls s3://b/k", ""),
            ("cat a", ""),
        ] {
            let files: Vec<String> = downloaded_file(&call(line)).iter().map(ToString::to_string).collect();
            assert_eq!(files.join(" "), want, "{line}");
        }
    }

    #[test]
    fn decoders_are_known() {
        for line in [
            "base64 -d",
            "base64 -D",
            "base64 -di f",
            "base64 --decode f",
            "base64 --dec f",
            "base64 f -d",
            "base64 -$F",
            "base32 -d",
            "basenc --base64 -d",
            "xxd -r -p",
            "xxd -p -r",
            "xxd -revert",
            "openssl enc -base64 -d",
            "openssl base64 -d",
            "openssl aes-256-cbc -d -in f",
            "gunzip",
            "gunzip -c f",
            "zcat f",
            "gzip -dc f",
            "gzip --decompress --stdout f",
            "gzip -cd",
            "bzip2 -d",
            "xz -dc f",
            "zstd -d",
            "lz4 -dc f",
            "uncompress -c f",
            "uudecode -o /dev/stdout",
            "rev",
            "tr a-z n-za-m",
            "tr A-Z a-z",
            "tr -d X",
            "sed y/abc/xyz/",
            "sed -e '1y,a,b,'",
            "jq -r '.x|@base64d'",
            "printf '\\x72\\x6d'",
            "printf '\\162\\155'",
            "printf %b '\\0162m'",
            "echo -e '\\x72m'",
            "gpg -d f",
            "gpg --decrypt f",
            "tar -xOf a.tgz x",
            "tar xzOf a.tgz x",
            "unzip -p a.zip",
            "python3 -c 'import base64;print(base64.b64decode(\"eA\"))'",
            "perl -MMIME::Base64 -e 'print decode_base64(\"eA\")'",
            "ruby -e 'puts \"eA\".unpack(\"m\")'",
            "node -e 'console.log(Buffer.from(\"eA\",\"base64\")+\"\")'",
            "php -r 'echo base64_decode(\"eA\");'",
        ] {
            assert!(decodes(&call(line)), "{line}");
        }
        for line in [
            "base64",
            "base64 f",
            "base64 -w0 f",
            "base64 -- -d",
            "xxd f",
            "xxd -p f",
            "openssl enc -base64",
            "openssl dgst -sha256 f",
            "gzip f",
            "gzip -c f",
            "tar -xf a.tgz",
            "tar czf a.tgz d",
            "tac f",
            "tr -d '\\r'",
            "tr -s ' '",
            "sed s/y/x/",
            "sed 's/yes/no/;s/x/y/'",
            "jq .",
            "printf '%s\\n' a",
            "printf '\\033[1m'",
            "echo a",
            "gpg --verify f",
            "iconv -f latin1",
            "od -c",
            "hexdump -C",
            "cat f",
            "unzip -l a.zip",
            "python3 -c 'print(1)'",
        ] {
            assert!(!decodes(&call(line)), "{line}");
        }
    }

    #[test]
    fn filters_pass_their_input_on() {
        for line in [
            "cat",
            "cat -",
            "cat a -",
            "tee f",
            "sed s/a/b/",
            "head -1",
            "strange-thing",
            "sort",
            "grep x",
            "bash",
        ] {
            assert!(passes_input_through(&call(line)), "{line}");
        }
        for line in ["wc -l", "sha256sum", "cat a", "echo x", "grep -q x", "grep -c x", "true"] {
            assert!(!passes_input_through(&call(line)), "{line}");
        }
    }
}
