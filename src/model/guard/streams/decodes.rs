//! Programs that make readable text out of text that nobody can read: their output, fed to a shell, is blocked
//! as such.

use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

/// Decoders by an option, and compressors that undo by one. `d` is the option.
const BY_OPTION: Grammar = Grammar::mix(
    "iacfhklnqrtvzV0123456789w:S:o:F:T:p:",
    &[
        "d,D,decode,decompress,uncompress,decrypt,Decode",
        "ignore-garbage",
        "wrap=",
        "stdout,to-stdout",
        "keep",
        "force",
        "quiet",
        "verbose",
        "base64",
        "base64url",
        "base32",
        "base32hex",
        "base16",
        "base2msbf",
        "base2lsbf",
        "z85",
        "batch",
        "yes",
        "passphrase=",
        "passphrase-file=",
        "passphrase-fd=",
        "pinentry-mode=",
        "output=",
        "identity=",
        "no-tty",
    ],
);

const DECODING_AT_OPTION: &[&str] = &[
    "base64", "base32", "base16", "base58", "basenc", "gbase64", "gbase32", "gzip", "pigz", "bzip2", "pbzip2",
    "xz", "pixz", "lzma", "zstd", "pzstd", "lz4", "lzop", "lzip", "brotli", "compress", "gpg", "gpg2", "age",
    "rage", "mcrypt", "ccrypt", "qprint",
];

const ALWAYS_DECODING: &[&str] = &[
    "gunzip",
    "zcat",
    "gzcat",
    "unpigz",
    "bunzip2",
    "bzcat",
    "unxz",
    "xzcat",
    "unlzma",
    "lzcat",
    "unzstd",
    "zstdcat",
    "unlz4",
    "lz4cat",
    "uncompress",
    "funzip",
    "uudecode",
    "rev",
    "rot13",
    "caesar",
    "ccat",
    "ascii2uni",
    "unbrotli",
];

/// Words of one-liners in other languages that decode something.
const DECODING_CODE: &[&str] = &[
    "b64decode",
    "b32decode",
    "b16decode",
    "a85decode",
    "decodebytes",
    "decodestring",
    "unhexlify",
    "fromhex",
    "decompress(",
    "codecs.decode",
    "rot13",
    "rot_13",
    "decode_base64",
    "MIME::Base64",
    "pack(\"H",
    "pack('H",
    "pack \"H",
    "pack 'H",
    "unpack(\"m",
    "unpack('m",
    "unpack1(\"m",
    "unpack1('m",
    "decode64",
    "'base64'",
    "\"base64\"",
    "'hex'",
    "\"hex\"",
    "atob(",
    "base64_decode",
    "hex2bin",
    "gzuncompress",
    "gzinflate",
    "str_rot13",
    "fromCharCode",
    "chr(",
    "[::-1]",
    "reverse",
];

/// Whether its standard output is decoded text.
pub(super) fn decodes(call: &Call) -> bool {
    let Some(program) = call.program.as_deref() else { return false };
    let args = call.args();
    if ALWAYS_DECODING.contains(&program) {
        return true;
    }
    if DECODING_AT_OPTION.contains(&program) {
        let parsed = options::read(&BY_OPTION, args);
        return parsed.has("d") || parsed.hidden.iter().any(|word| word.could_be("-d"));
    }
    let some = |want: fn(&str) -> bool| args.iter().any(|arg| want(&arg.if_empty()));
    match program {
        // Both look at the first letters only: `-revert`, `--r`.
        "xxd" => some(|a| a.trim_start_matches('-').starts_with('r') && a.starts_with('-')),
        "openssl" => some(|a| matches!(a, "-d" | "-decrypt" | "--decrypt")),
        "unzip" => some(|a| a.starts_with('-') && !a.starts_with("--") && a.contains(['p', 'c'])),
        "tar" | "bsdtar" | "gtar" => extracts_to_output(args),
        "7z" | "7za" | "7zz" => some(|a| a == "-so"),
        "tr" => translates(args),
        "sed" | "gsed" => some(has_sed_translation),
        "jq" | "gojq" | "jaq" => some(|a| a.contains("@base64d")),
        "printf" => some(has_coded_characters),
        "echo" => some(has_coded_characters),
        "mimencode" | "mmencode" => some(|a| a == "-u"),
        program => super::is_interpreter(program) && some(|a| DECODING_CODE.iter().any(|word| a.contains(word))),
    }
}

/// `tar -xO`, `tar xzOf a.tgz`, `--to-stdout`.
fn extracts_to_output(args: &[Value]) -> bool {
    let letters = |(i, arg): (usize, &Value)| {
        let text = arg.if_empty().into_owned();
        let short = text.strip_prefix('-').filter(|t| !t.starts_with('-'));
        short.map(str::to_owned).or_else(|| (i == 0 && !text.starts_with('-')).then_some(text))
    };
    let long = |name: &str| args.iter().any(|a| a.known().is_some_and(|a| a.len() > 6 && name.starts_with(a)));
    let has = |letter: char| args.iter().enumerate().filter_map(letters).any(|word| word.contains(letter));
    (has('x') || long("--extract") || args.iter().any(|a| a.known() == Some("--get")))
        && (has('O') || long("--to-stdout"))
}

/// Two sets, or characters taken out; the end of a line of another system is no secret.
fn translates(args: &[Value]) -> bool {
    let (words, sets): (Vec<&Value>, Vec<&Value>) =
        args.iter().partition(|a| a.starts_with("-") && a.known() != Some("-"));
    let deletes = words.iter().any(|w| w.known_start().contains('d'));
    match sets.as_slice() {
        [only] => deletes && !matches!(only.known(), Some("\\r" | "\r" | "\\015" | "\\0" | "\\000")),
        [_, _, ..] => true,
        [] => false,
    }
}

/// A `y` command of sed: `y/abc/xyz/`, `1y,a,b,`.
fn has_sed_translation(script: &str) -> bool {
    script.split([';', '\n', '{']).any(|command| {
        let command = command.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || ",$ !".contains(c));
        let delimiter = command.strip_prefix('y').and_then(|rest| rest.chars().next());
        delimiter.is_some_and(|d| !d.is_alphanumeric() && command.matches(d).count() >= 3)
    })
}

/// Characters by their number: `\x72`, `\162`, `\u0072`. One that begins a colour (`\033`, `\x1b`) is none.
fn has_coded_characters(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('\\') {
        let mut chars = behind.chars();
        let first = chars.next();
        let digits: String = chars.as_str().chars().take_while(char::is_ascii_hexdigit).take(4).collect();
        let colour = behind.starts_with("033") || behind.starts_with("x1b") || behind.starts_with("x1B");
        let coded = match first {
            Some('x' | 'u' | 'U') => !digits.is_empty(),
            Some('0'..='7') => digits.chars().take_while(|c| ('0'..='7').contains(c)).count() >= 2,
            _ => false,
        };
        if coded && !colour {
            return true;
        }
        rest = behind.get(first.map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    false
}
