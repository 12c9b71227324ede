//! Could a name of a path be this one?

use crate::model::guard::value::{Part, Value};

/// How many characters of a name must be known before an unknown end is taken for the rest of another name.
const MIN_KNOWN: usize = 3;

/// Whether a name of a path could be `want`. A pattern at its start does not match a leading dot; a name with
/// an unknown part is taken as if that part were empty, or, if it begins with enough known characters, as
/// anything that goes on like it.
#[must_use]
pub fn could_be(name: &Value, want: &str) -> bool {
    if let Some(known) = name.known() {
        return known == want;
    }
    if want.starts_with('.') && begins_with_pattern(name) {
        return false;
    }
    if !name.has_unknown() {
        return name.could_be(want);
    }
    let known = name.known_start();
    if known.len() >= MIN_KNOWN && want.starts_with(known) && !known.ends_with('.') {
        return name.could_be(want);
    }
    without_unknown(name).could_be(want)
}

/// A name's parts without those that are not known.
#[must_use]
pub fn without_unknown(name: &Value) -> Value {
    let mut value = Value::default();
    name.parts().iter().filter(|p| !matches!(p, Part::Unknown(_))).for_each(|p| value.push(p.clone()));
    value
}

/// `*(…)` and `@(…)` may name anything; `*`, `?` and `[…]` no name with a leading dot.
fn begins_with_pattern(name: &Value) -> bool {
    match name.parts().iter().find(|p| !matches!(p, Part::Unknown(_))) {
        Some(Part::Glob(glob)) => !glob.contains('('),
        _ => false,
    }
}

/// Whether a path could begin with these names.
#[must_use]
pub fn could_start(path: &[Value], names: &[String]) -> bool {
    path.len() >= names.len() && path.iter().zip(names).all(|(name, want)| could_be(name, want))
}

/// Whether a path could be exactly these names.
#[must_use]
pub fn could_equal(path: &[Value], names: &[String]) -> bool {
    path.len() == names.len() && could_start(path, names)
}

/// Whether a path begins with these names for certain.
#[must_use]
pub fn starts(path: &[Value], names: &[String]) -> bool {
    path.len() >= names.len() && path.iter().zip(names).all(|(name, want)| name.known() == Some(want))
}

/// Whether a path could be a directory above these names.
#[must_use]
pub fn could_be_above(path: &[Value], names: &[String]) -> bool {
    path.len() < names.len() && path.iter().zip(names).all(|(name, want)| could_be(name, want))
}
