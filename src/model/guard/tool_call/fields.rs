//! The fields of a tool's input, read without keeping what is not asked for.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::unknown;

/// A field of the input.
#[derive(Debug)]
pub struct Field {
    /// Its name as it was given.
    pub name: String,
    /// What it holds.
    pub shape: Shape,
}

/// What a field holds, as far as it was kept.
#[derive(Debug)]
pub enum Shape {
    /// A string that may have to be judged.
    Text(String),
    /// The strings of a list.
    List(Vec<String>),
    /// The fields of an object, or of a list's objects one after another.
    Inner(Vec<Field>),
    /// Something else, or something that nobody asks for.
    Other,
}

/// How many levels of lists and objects are looked into: a list of objects with lists of strings.
const LEVELS: u8 = 3;

/// Fields whose strings are content: skipped as they are, since they may be large.
const CONTENT: [&str; 14] = [
    "content",
    "contents",
    "new_string",
    "old_string",
    "new_source",
    "new_str",
    "old_str",
    "file_text",
    "description",
    "prompt",
    "text",
    "data",
    "body",
    "message",
];

/// All fields of the input.
#[derive(Debug)]
pub struct Fields(pub Vec<Field>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(FieldsVisitor { levels: LEVELS }).map(Fields)
    }
}

struct FieldsVisitor {
    levels: u8,
}

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<Field>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Field>, A::Error> {
        let (mut fields, mut names) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            let shape = if CONTENT.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
                Shape::Other
            } else {
                map.next_value_seed(Seed { levels: self.levels, keep: unknown::is_asked(&name) })?
            };
            // Whether the first or the last counts is for the reader to choose: nobody says so twice in earnest.
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("duplicate field of the tool's input"));
            }
            fields.push(Field { name, shape });
        }
        Ok(fields)
    }
}

#[derive(Clone, Copy)]
struct Seed {
    levels: u8,
    keep: bool,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Shape;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Shape, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Shape;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Shape, E> {
        Ok(if self.keep { Shape::Text(text.to_owned()) } else { Shape::Other })
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Shape::Other);
        };
        let (mut list, mut inner) = (Vec::new(), Vec::new());
        while let Some(shape) = seq.next_element_seed(Seed { levels, ..self })? {
            match shape {
                Shape::Text(text) => list.push(text),
                Shape::List(more) => list.extend(more),
                // Each object of the list is a group of its own.
                Shape::Inner(fields) => inner.push(Field { name: String::new(), shape: Shape::Inner(fields) }),
                Shape::Other => {}
            }
        }
        Ok(match (list.is_empty(), inner.is_empty()) {
            (false, _) => Shape::List(list),
            (true, false) => Shape::Inner(inner),
            (true, true) => Shape::Other,
        })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        match self.levels.checked_sub(1) {
            Some(levels) => FieldsVisitor { levels }.visit_map(map).map(Shape::Inner),
            None => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Shape::Other)
            }
        }
    }
}
