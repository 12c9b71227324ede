//! What stands behind the `?`: named values, each known and given once.

use std::collections::BTreeMap;

use super::Refusal;
use crate::model::name::shown;

/// The named values of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads them; `known` are the names that mean something.
    ///
    /// # Errors
    /// If a name is not known, or given twice.
    pub fn read(text: &str, known: &[&str]) -> Result<Self, Refusal> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let hint = match known {
                    [] => "nothing can be asked for here".to_owned(),
                    known => format!("there are: {}", known.join(", ")),
                };
                return Err(Refusal::new(400, format!("unknown parameter: `{}`", shown(&name))).hint(&hint));
            }
            if found.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::new(400, format!("given twice: `{name}`")));
            }
        }
        Ok(Self(found))
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `true` or `false`; absent is false.
    ///
    /// # Errors
    /// If it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::new(400, format!("neither `true` nor `false`: `{name}`"))),
        }
    }

    /// A number within a range.
    ///
    /// # Errors
    /// If it is none.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<usize>) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_plain && range.contains(&number) => Ok(Some(number)),
            _ => {
                let what = format!("not a number from {} to {}: `{name}`", range.start(), range.end());
                Err(Refusal::new(400, what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_come_once() {
        let known = ["since", "limit", "all"];
        let query = Query::read("since=2026-01-31T18%3A00%3A00Z&limit=07&all=true", &known).unwrap();
        assert_eq!(query.text("since"), Some("2026-01-31T18:00:00Z"));
        assert_eq!(query.number("limit", 1..=9).unwrap(), Some(7));
        assert!(query.flag("all").unwrap());
        for text in ["x=1", "since=1&since=2", "=", "since&x"] {
            assert_eq!(Query::read(text, &known).unwrap_err().status, 400, "{text}");
        }
        for text in ["limit=0", "limit=10", "limit=", "limit=+1", "limit=a"] {
            assert!(Query::read(text, &known).unwrap().number("limit", 1..=9).is_err(), "{text}");
        }
        for text in ["all=1", "all", "all=TRUE"] {
            assert!(Query::read(text, &known).unwrap().flag("all").is_err(), "{text}");
        }
    }
}
