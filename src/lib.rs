//! Kubernetes as a Rust library.
