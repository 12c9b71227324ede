//! What the languages' own functions do that a shell command would do too.

/// What a function does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Runs a program: one string is shell text, several or a list are the program's fields.
    Run,
    /// The same, but the first argument is the program and the second its list.
    RunWithList,
    /// Runs text of its own language.
    Eval,
    /// Removes each path.
    Delete,
    /// Removes each path with everything below.
    DeleteTree,
    /// Removes an empty directory.
    DeleteDirectory,
    /// Writes its first path.
    Write,
    /// Writes its second path.
    WriteSecond,
    /// Writes its first path if the second argument is a mode with `w`, `a`, `x` or `+`.
    Open,
    /// Moves the first path to the second.
    Move,
    /// Links the second path to the first.
    Link,
    /// Gives its first path the mode of the second, or the other way round.
    Mode,
}

/// A function.
pub(super) struct Primitive {
    /// Its name, without what it belongs to.
    pub(super) name: &'static str,
    /// What it may belong to; empty: it stands alone. `*`: anything, as with a method of a path.
    pub(super) of: &'static [&'static str],
    pub(super) does: Does,
}

const fn p(name: &'static str, of: &'static [&'static str], does: Does) -> Primitive {
    Primitive { name, of, does }
}

/// The functions of a language.
pub(super) fn primitives(language: &str) -> &'static [Primitive] {
    match language {
        "python" => PYTHON,
        "perl" => PERL,
        "ruby" => RUBY,
        "node" => NODE,
        "php" => PHP,
        "lua" => LUA,
        "awk" => AWK,
        "vim" => VIM,
        "julia" => JULIA,
        _ => &[],
    }
}

const PYTHON: &[Primitive] = &[
    p("system", &["os", "", ")"], Does::Run),
    p("popen", &["os", "", ")"], Does::Run),
    p("run", &["subprocess", "sp", ")"], Does::Run),
    p("call", &["subprocess", "sp", "", ")"], Does::Run),
    p("check_call", &["*", ""], Does::Run),
    p("check_output", &["*", ""], Does::Run),
    p("getoutput", &["*", ""], Does::Run),
    p("getstatusoutput", &["*", ""], Does::Run),
    p("Popen", &["*", ""], Does::Run),
    p("create_subprocess_shell", &["*", ""], Does::Run),
    p("create_subprocess_exec", &["*", ""], Does::Run),
    p("execv", &["os", ""], Does::RunWithList),
    p("execvp", &["os", ""], Does::RunWithList),
    p("execve", &["os", ""], Does::RunWithList),
    p("execvpe", &["os", ""], Does::RunWithList),
    p("execl", &["os", ""], Does::Run),
    p("execlp", &["os", ""], Does::Run),
    p("spawn", &["pty"], Does::Run),
    p("exec", &[""], Does::Eval),
    p("eval", &[""], Does::Eval),
    p("remove", &["os", ")"], Does::Delete),
    p("unlink", &["os", "", "*"], Does::Delete),
    p("rmdir", &["os", "", "*"], Does::DeleteDirectory),
    p("removedirs", &["os", ""], Does::DeleteDirectory),
    p("rmtree", &["*", ""], Does::DeleteTree),
    p("open", &["", "io", "os", "codecs", "*"], Does::Open),
    p("truncate", &["os"], Does::Write),
    p("write_text", &["*"], Does::Write),
    p("write_bytes", &["*"], Does::Write),
    p("touch", &["*"], Does::Write),
    p("rename", &["os", "*"], Does::Move),
    p("replace", &["os"], Does::Move),
    p("move", &["shutil", ""], Does::Move),
    p("copy", &["shutil"], Does::WriteSecond),
    p("copy2", &["shutil"], Does::WriteSecond),
    p("copyfile", &["shutil", ""], Does::WriteSecond),
    p("copytree", &["shutil", ""], Does::WriteSecond),
    p("symlink", &["os", ""], Does::Link),
    p("link", &["os"], Does::Link),
    p("symlink_to", &["*"], Does::Write),
    p("chmod", &["os", "", "*"], Does::Mode),
];

const PERL: &[Primitive] = &[
    p("system", &[""], Does::Run),
    p("exec", &[""], Does::Run),
    p("eval", &[""], Does::Eval),
    p("unlink", &[""], Does::Delete),
    p("rmdir", &[""], Does::DeleteDirectory),
    p("rmtree", &["", "*"], Does::DeleteTree),
    p("remove_tree", &["", "*"], Does::DeleteTree),
    p("rename", &[""], Does::Move),
    p("move", &["", "File.Copy"], Does::Move),
    p("copy", &["", "File.Copy"], Does::WriteSecond),
    p("symlink", &[""], Does::Link),
    p("chmod", &[""], Does::Mode),
    p("open", &[""], Does::Open),
    p("truncate", &[""], Does::Write),
];

const RUBY: &[Primitive] = &[
    p("system", &["", "Kernel"], Does::Run),
    p("exec", &["", "Kernel"], Does::Run),
    p("spawn", &["", "Kernel", "Process", "PTY"], Does::Run),
    p("popen", &["IO"], Does::Run),
    p("capture2", &["Open3"], Does::Run),
    p("capture2e", &["Open3"], Does::Run),
    p("capture3", &["Open3"], Does::Run),
    p("popen3", &["Open3"], Does::Run),
    p("eval", &[""], Does::Eval),
    p("instance_eval", &["", "*"], Does::Eval),
    p("delete", &["File"], Does::Delete),
    p("unlink", &["File"], Does::Delete),
    p("rm", &["FileUtils", ""], Does::Delete),
    p("rm_f", &["FileUtils", ""], Does::Delete),
    p("rm_r", &["FileUtils", ""], Does::DeleteTree),
    p("rm_rf", &["FileUtils", ""], Does::DeleteTree),
    p("rmtree", &["FileUtils", "", "*"], Does::DeleteTree),
    p("remove_dir", &["FileUtils"], Does::DeleteTree),
    p("remove_entry", &["FileUtils"], Does::DeleteTree),
    p("remove_entry_secure", &["FileUtils"], Does::DeleteTree),
    p("rmdir", &["Dir", "FileUtils"], Does::DeleteDirectory),
    p("write", &["File", "IO"], Does::Write),
    p("binwrite", &["File", "IO"], Does::Write),
    p("open", &["File", ""], Does::Open),
    p("new", &["File"], Does::Open),
    p("truncate", &["File"], Does::Write),
    p("touch", &["FileUtils"], Does::Write),
    p("mv", &["FileUtils"], Does::Move),
    p("rename", &["File"], Does::Move),
    p("cp", &["FileUtils"], Does::WriteSecond),
    p("cp_r", &["FileUtils"], Does::WriteSecond),
    p("copy", &["FileUtils"], Does::WriteSecond),
    p("ln_s", &["FileUtils"], Does::Link),
    p("symlink", &["File"], Does::Link),
    p("chmod", &["File", "FileUtils"], Does::Mode),
];

const NODE: &[Primitive] = &[
    p("exec", &["", "child_process", "cp", ")"], Does::Run),
    p("execSync", &["*", ""], Does::Run),
    p("execFile", &["*", ""], Does::RunWithList),
    p("execFileSync", &["*", ""], Does::RunWithList),
    p("spawn", &["", "child_process", "cp", ")", "Bun"], Does::RunWithList),
    p("spawnSync", &["*", ""], Does::RunWithList),
    p("eval", &[""], Does::Eval),
    p("Function", &[""], Does::Eval),
    p("runInThisContext", &["*"], Does::Eval),
    p("unlink", &["*", ""], Does::Delete),
    p("unlinkSync", &["*", ""], Does::Delete),
    p("rm", &["fs", "promises", "fsp", ")", ""], Does::DeleteTree),
    p("rmSync", &["*", ""], Does::DeleteTree),
    p("rmdir", &["fs", "promises", "fsp", ")", ""], Does::DeleteTree),
    p("rmdirSync", &["*", ""], Does::DeleteTree),
    p("remove", &["fs", "fse", "Deno"], Does::DeleteTree),
    p("removeSync", &["*", "Deno"], Does::DeleteTree),
    p("rimraf", &["", ")"], Does::DeleteTree),
    p("emptyDirSync", &["*"], Does::DeleteTree),
    p("writeFile", &["*", ""], Does::Write),
    p("writeFileSync", &["*", ""], Does::Write),
    p("appendFile", &["*", ""], Does::Write),
    p("appendFileSync", &["*", ""], Does::Write),
    p("writeTextFileSync", &["Deno"], Does::Write),
    p("createWriteStream", &["*", ""], Does::Write),
    p("truncateSync", &["*", ""], Does::Write),
    p("openSync", &["*", ""], Does::Open),
    p("open", &["fs", "promises", "fsp"], Does::Open),
    p("rename", &["fs", "promises", "fsp", ")"], Does::Move),
    p("renameSync", &["*", ""], Does::Move),
    p("copyFile", &["*", ""], Does::WriteSecond),
    p("copyFileSync", &["*", ""], Does::WriteSecond),
    p("cpSync", &["*", ""], Does::WriteSecond),
    p("symlinkSync", &["*", ""], Does::Link),
    p("linkSync", &["*", ""], Does::Link),
    p("chmodSync", &["*", ""], Does::Mode),
    p("chmod", &["fs", "promises", "fsp"], Does::Mode),
];

const PHP: &[Primitive] = &[
    p("system", &[""], Does::Run),
    p("exec", &[""], Does::Run),
    p("shell_exec", &[""], Does::Run),
    p("passthru", &[""], Does::Run),
    p("popen", &[""], Does::Run),
    p("proc_open", &[""], Does::Run),
    p("pcntl_exec", &[""], Does::RunWithList),
    p("eval", &[""], Does::Eval),
    p("assert", &[""], Does::Eval),
    p("unlink", &[""], Does::Delete),
    p("rmdir", &[""], Does::DeleteDirectory),
    p("file_put_contents", &[""], Does::Write),
    p("fopen", &[""], Does::Open),
    p("touch", &[""], Does::Write),
    p("rename", &[""], Does::Move),
    p("copy", &[""], Does::WriteSecond),
    p("symlink", &[""], Does::Link),
    p("chmod", &[""], Does::Mode),
];

const LUA: &[Primitive] = &[
    p("execute", &["os"], Does::Run),
    p("popen", &["io"], Does::Run),
    p("load", &[""], Does::Eval),
    p("loadstring", &[""], Does::Eval),
    p("remove", &["os"], Does::DeleteTree),
    p("rename", &["os"], Does::Move),
    p("open", &["io"], Does::Open),
    p("output", &["io"], Does::Write),
];

const AWK: &[Primitive] = &[p("system", &[""], Does::Run)];

const VIM: &[Primitive] = &[
    p("system", &[""], Does::Run),
    p("systemlist", &[""], Does::Run),
    p("delete", &[""], Does::DeleteTree),
    p("writefile", &[""], Does::WriteSecond),
    p("rename", &[""], Does::Move),
    p("execute", &["os"], Does::Run),
];

const JULIA: &[Primitive] = &[
    p("rm", &["", "Base"], Does::DeleteTree),
    p("write", &["", "Base"], Does::Write),
    p("open", &["", "Base"], Does::Open),
    p("mv", &["", "Base"], Does::Move),
    p("cp", &["", "Base"], Does::WriteSecond),
];
