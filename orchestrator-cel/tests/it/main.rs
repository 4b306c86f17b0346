//! Expressions and what becomes of them.

mod costs;
mod errors;
mod hostile;
mod values;
