//! What a path is: made absolute, links followed, and held against what is protected.
