//! The controller runtime and the built-in controllers
