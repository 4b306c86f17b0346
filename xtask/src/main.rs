//! The checks of the house: tidy, and the one command that passes all tests
fn main() {}
