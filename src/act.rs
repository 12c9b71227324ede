//! The steps that commands share, between a decision and the world. Each writes its intent before
//! an outside effect and the result after it, and takes the state lock only for the writing.

pub mod arm;
pub mod assign;
pub mod checkpoint;
pub mod deliver;
pub mod deploy;
pub mod doctor;
pub mod end;
pub mod gather;
pub mod janitor;
pub mod launch;
pub mod look;
pub mod notify;
pub mod plan;
pub mod restore;
pub mod self_test;
pub mod status;
pub mod stop;
pub mod switch;
pub mod timers;
