//! The state of a shell while a line is read: directory, variables, functions, files made on the way.
//!
//! What may or may not have happened (a branch, the right side of `&&`) leaves several possible values
//! side by side; a command that uses such a variable is judged once for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use rable::Node;

use super::reading::{Dir, Stream};
use super::value::Value;

/// The most values that one variable is followed with.
const MAX_VALUES: usize = 8;

/// What a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// One value.
    Scalar(Value),
    /// An array: key and value.
    List(Vec<(String, Value)>),
    /// It is not set, for certain.
    Unset,
}

/// `$0`, `$1`, …, where they are known.
pub type Positional = Option<Rc<Vec<Value>>>;

/// The state.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    variables: Rc<BTreeMap<Rc<str>, Rc<Vec<Variable>>>>,
    exported: Rc<BTreeSet<Rc<str>>>,
    functions: Rc<BTreeMap<String, Vec<Rc<Node>>>>,
    aliases: Rc<BTreeMap<String, String>>,
    files: Rc<BTreeMap<PathBuf, Rc<Stream>>>,
    links: Rc<Vec<(PathBuf, PathBuf)>>,
    /// The directories that it may be in.
    pub dirs: Vec<Dir>,
    /// The one before.
    pub old_dir: Option<Dir>,
    /// What `pushd` has put away.
    pub stack: Vec<Dir>,
    /// `$0`, `$1`, … as they may be; `None` where they are not known.
    pub positional: Vec<Positional>,
    /// The standard input of what runs next.
    pub stdin: Stream,
    /// The last field of the command before: `$_`.
    pub last: Option<Value>,
    references: Rc<Vec<String>>,
}

impl Shell {
    /// A fresh shell in a directory.
    #[must_use]
    pub fn new(dir: Dir) -> Self {
        let mut shell = Shell { dirs: vec![dir], ..Shell::default() };
        shell.set_positional(vec![Value::from("bash")]);
        shell
    }

    /// Sets `$0`, `$1`, ….
    pub fn set_positional(&mut self, values: Vec<Value>) {
        self.positional = vec![Some(Rc::new(values))];
    }

    /// The values that a variable may have; `None` if the line says nothing of it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&[Variable]> {
        self.variables.get(name).map(|values| values.as_slice())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, values: Vec<Variable>) {
        Rc::make_mut(&mut self.variables).insert(name.into(), Rc::new(values));
    }

    /// Sets a variable to one value.
    pub fn set_scalar(&mut self, name: &str, value: Value) {
        self.set(name, vec![Variable::Scalar(value)]);
    }

    /// Says nothing of a variable any more.
    pub fn forget(&mut self, name: &str) {
        if self.variables.contains_key(name) {
            Rc::make_mut(&mut self.variables).remove(name);
        }
    }

    /// Marks a variable for the programs that are started.
    pub fn export(&mut self, name: &str) {
        if !self.exported.contains(name) {
            Rc::make_mut(&mut self.exported).insert(name.into());
        }
    }

    /// Makes a variable stand for the one that it names (`declare -n`).
    pub fn refer(&mut self, name: &str) {
        Rc::make_mut(&mut self.references).push(name.to_owned());
    }

    /// Whether a variable stands for the one that it names.
    #[must_use]
    pub fn is_reference(&self, name: &str) -> bool {
        self.references.iter().any(|n| n == name)
    }

    /// The bodies that a function may have.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<Vec<Rc<Node>>> {
        self.functions.get(name).cloned()
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = (&String, &Vec<Rc<Node>>)> {
        self.functions.iter()
    }

    /// Defines a function.
    pub fn define(&mut self, name: &str, body: Node) {
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), vec![Rc::new(body)]);
    }

    /// The text of an alias.
    #[must_use]
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }

    /// Defines an alias.
    pub fn set_alias(&mut self, name: &str, text: String) {
        Rc::make_mut(&mut self.aliases).insert(name.to_owned(), text);
    }

    /// What the line has written to a file.
    #[must_use]
    pub fn file(&self, path: &std::path::Path) -> Option<&Stream> {
        self.files.get(path).map(Rc::as_ref)
    }

    /// Notes what the line writes to a file.
    pub fn write_file(&mut self, path: PathBuf, stream: Stream) {
        Rc::make_mut(&mut self.files).insert(path, Rc::new(stream));
    }

    /// The links that the line has made.
    #[must_use]
    pub fn links(&self) -> &Rc<Vec<(PathBuf, PathBuf)>> {
        &self.links
    }

    /// How much is copied when a copy of it is changed: so many names.
    #[must_use]
    pub fn weight(&self) -> usize {
        let names = self.variables.len() + self.functions.len() + self.aliases.len() + self.files.len();
        names
            + self.links.len()
            + self.exported.len()
            + self.positional.iter().flatten().map(|p| p.len()).sum::<usize>()
    }

    /// Notes a link.
    pub fn link(&mut self, link: PathBuf, target: PathBuf) {
        Rc::make_mut(&mut self.links).push((link, target));
    }

    /// The state that another program inherits: exported variables, no functions, no aliases. A variable that the
    /// line does not export is not set there, unless the environment had it before.
    #[must_use]
    pub fn child(&self) -> Shell {
        let mut child = self.clone();
        for (name, values) in Rc::make_mut(&mut child.variables) {
            if !self.exported.contains(name) && values.first() != Some(&Variable::Unset) {
                let values = Rc::make_mut(values);
                values.retain(|value| *value != Variable::Unset);
                values.truncate(MAX_VALUES - 1);
                values.insert(0, Variable::Unset);
            }
        }
        Rc::make_mut(&mut child.functions).retain(|name, _| self.exported.contains(&*format!("{name}()")));
        child.aliases = Rc::default();
        child.positional = vec![None];
        child
    }

    /// What a subshell leaves behind: files and links, but no variables and no directory.
    pub fn take_files(&mut self, inner: &Shell) {
        merge_map(&mut self.files, &inner.files);
        self.merge_links(inner);
    }

    fn merge_links(&mut self, other: &Shell) {
        if !Rc::ptr_eq(&self.links, &other.links) {
            let new: Vec<_> = other.links.iter().filter(|l| !self.links.contains(l)).cloned().collect();
            Rc::make_mut(&mut self.links).extend(new);
        }
    }

    /// Takes in what another way through the line may have left: both stay possible.
    pub fn or(&mut self, other: &Shell) {
        if !Rc::ptr_eq(&self.variables, &other.variables) {
            let mine = Rc::make_mut(&mut self.variables);
            // Where only one way has set it, it may also be as the environment has it.
            let unknown = || vec![Variable::Scalar(Value::unknown("", super::value::Taint::NONE, true))];
            for (name, values) in other.variables.iter() {
                let known = match mine.get_mut(name) {
                    Some(known) if Rc::ptr_eq(known, values) => continue,
                    Some(known) => known,
                    None => mine.entry(name.clone()).or_insert_with(|| Rc::new(unknown())),
                };
                let known = Rc::make_mut(known);
                for value in values.iter() {
                    if !known.contains(value) && known.len() < MAX_VALUES {
                        known.push(value.clone());
                    }
                }
            }
            for (name, values) in mine.iter_mut() {
                if !other.variables.contains_key(name) && values.len() < MAX_VALUES {
                    Rc::make_mut(values).extend(unknown());
                }
            }
        }
        for dir in &other.dirs {
            if !self.dirs.contains(dir) && self.dirs.len() < MAX_VALUES {
                self.dirs.push(dir.clone());
            }
        }
        if !Rc::ptr_eq(&self.functions, &other.functions) {
            let mine = Rc::make_mut(&mut self.functions);
            for (name, bodies) in other.functions.iter() {
                let known = mine.entry(name.clone()).or_default();
                for body in bodies {
                    if !known.iter().any(|b| Rc::ptr_eq(b, body)) && known.len() < MAX_VALUES {
                        known.push(body.clone());
                    }
                }
            }
        }
        merge_map(&mut self.aliases, &other.aliases);
        merge_map(&mut self.files, &other.files);
        self.merge_links(other);
        if !Rc::ptr_eq(&self.exported, &other.exported) {
            for name in other.exported.iter() {
                self.export(name);
            }
        }
        for positional in &other.positional {
            if !self.positional.contains(positional) && self.positional.len() < MAX_VALUES {
                self.positional.push(positional.clone());
            }
        }
    }
}

fn merge_map<K: Ord + Clone, V: Clone>(mine: &mut Rc<BTreeMap<K, V>>, other: &Rc<BTreeMap<K, V>>) {
    if !Rc::ptr_eq(mine, other) {
        let mine = Rc::make_mut(mine);
        for (key, value) in other.iter().filter(|(key, _)| !mine.contains_key(key)).collect::<Vec<_>>() {
            mine.insert(key.clone(), value.clone());
        }
    }
}
