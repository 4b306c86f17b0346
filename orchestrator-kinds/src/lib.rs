//! The built-in kinds: defaulting, validation, table columns and versions of each
