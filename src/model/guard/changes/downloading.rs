//! Programs that write what they fetch.

use super::writing::in_directory;
use super::{Asked, Change, Program, last_name};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["curl"],
        grammar: Grammar::mix(
            "012346aBfgGiIjkLlMnNpqRsSvVZ#",
            &[
                "o,output=",
                "O,remote-name",
                "J,remote-header-name",
                "output-dir=",
                "D,dump-header=",
                "c,cookie-jar=",
                "trace=",
                "trace-ascii=",
                "stderr=",
                "etag-save=",
                "hsts=",
                "libcurl=",
                "A,user-agent=",
                "b,cookie=",
                "C,continue-at=",
                "d,data=",
                "e,referer=",
                "E,cert=",
                "F,form=",
                "H,header=",
                "K,config=",
                "m,max-time=",
                "P,ftp-port=",
                "Q,quote=",
                "r,range=",
                "t,telnet-option=",
                "T,upload-file=",
                "u,user=",
                "U,proxy-user=",
                "w,write-out=",
                "x,proxy=",
                "X,request=",
                "y,speed-time=",
                "Y,speed-limit=",
                "z,time-cond=",
                "h,help",
                "data-raw=",
                "data-binary=",
                "data-urlencode=",
                "url=",
                "retry=",
                "retry-delay=",
                "connect-timeout=",
                "cacert=",
                "key=",
                "resolve=",
                "json=",
                "remote-name-all",
                "create-dirs",
            ],
        ),
        does: curl,
    },
    Program {
        names: &["wget", "wget2"],
        grammar: Grammar::mix(
            "bcdEFHhKkLmNnpqrSVvx46",
            &[
                "O,output-document=",
                "P,directory-prefix=",
                "o,output-file=",
                "a,append-output=",
                "save-cookies=",
                "i,input-file=",
                "e,execute=",
                "B,base=",
                "t,tries=",
                "T,timeout=",
                "w,wait=",
                "Q,quota=",
                "l,level=",
                "A,accept=",
                "R,reject=",
                "D,domains=",
                "I,include-directories=",
                "X,exclude-directories=",
                "U,user-agent=",
                "header=",
                "post-data=",
                "user=",
                "password=",
                "load-cookies=",
                "referer=",
                "content-disposition",
                "help",
                "version",
            ],
        ),
        does: wget,
    },
    Program {
        names: &["aria2c"],
        grammar: Grammar::mix(
            "cqVZ",
            &[
                "d,dir=",
                "o,out=",
                "l,log=",
                "i,input-file=",
                "x,max-connection-per-server=",
                "s,split=",
                "k,min-split-size=",
                "j,max-concurrent-downloads=",
            ],
        ),
        does: aria,
    },
];

/// The name that a download gets from its address.
fn name_in(address: &Value) -> Option<Value> {
    let name = last_name(address)?;
    let known = name.known_start();
    let end = known.find(['?', '#']);
    Some(end.and_then(|end| known.get(..end)).map_or(name.clone(), Value::from))
}

fn curl(asked: &Asked<'_>, all: &mut Vec<Change>) {
    if asked.has("h") {
        return;
    }
    let directory = asked.parsed.value("output-dir");
    for path in asked.parsed.values("o") {
        all.push(Change::Write { path: in_directory(directory, path) });
    }
    for option in ["D", "c", "trace", "trace-ascii", "stderr", "etag-save", "hsts", "libcurl"] {
        all.extend(asked.parsed.values(option).map(|path| Change::Write { path: path.clone() }));
    }
    if asked.has("J") && asked.has("O") {
        all.push(Change::Fill { path: directory.cloned().unwrap_or_else(|| Value::from(".")) });
    }
    if asked.has("O") || asked.has("remote-name-all") {
        let addresses = asked.operands().iter().chain(asked.parsed.values("url"));
        all.extend(
            addresses.filter_map(name_in).map(|name| Change::Write { path: in_directory(directory, &name) }),
        );
    }
}

fn wget(asked: &Asked<'_>, all: &mut Vec<Change>) {
    for option in ["O", "o", "a", "save-cookies"] {
        all.extend(asked.parsed.values(option).map(|path| Change::Write { path: path.clone() }));
    }
    if asked.has("O") {
        return;
    }
    let directory = asked.parsed.value("P");
    let names = asked.operands().iter().filter_map(name_in);
    all.extend(names.map(|name| Change::Write { path: in_directory(directory, &name) }));
    if asked.has("i") || asked.has("content-disposition") {
        all.push(Change::Fill { path: directory.cloned().unwrap_or_else(|| Value::from(".")) });
    }
}

fn aria(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.parsed.values("l").map(|path| Change::Write { path: path.clone() }));
    let directory = asked.parsed.value("d");
    let names: Vec<Value> = match asked.parsed.value("o") {
        Some(name) => vec![name.clone()],
        None => asked.operands().iter().filter_map(name_in).collect(),
    };
    all.extend(names.iter().map(|name| Change::Write { path: in_directory(directory, name) }));
}
