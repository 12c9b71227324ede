//! The guard, as it is in the program.

/// Of the program's model what the guard needs.
#[path = "../../src/model"]
pub mod model {
    pub mod guard;
    pub mod name;
}
