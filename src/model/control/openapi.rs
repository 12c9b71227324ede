//! The OpenAPI description of the requests, as it lies in `openapi.json`.

use serde_json::Value;

const TEXT: &str = include_str!("openapi.json");

/// The description, with the version of this program.
#[must_use]
pub fn document() -> Value {
    let mut document: Value = serde_json::from_str(TEXT).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
}
