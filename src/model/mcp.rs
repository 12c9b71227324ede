//! The Model Context Protocol, as far as `mcp` speaks it: what a line asks for and how it is answered
//! ([`protocol`]), the tools and their arguments ([`tools`]), the resources ([`resources`]), and how much of what
//! tasks and screens hold is told ([`bounded`]).
//!
//! Facts of the protocol: <https://modelcontextprotocol.io/specification>, revisions 2025-06-18, 2025-11-25 (a
//! handshake, then requests) and 2026-07-28 (no handshake: each request brings its version).

pub mod bounded;
pub mod protocol;
pub mod resources;
pub mod tools;
