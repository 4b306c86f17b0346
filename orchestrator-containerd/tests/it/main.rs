//! Real containers: each test has a containerd of its own, and leaves the machine as it found it.

mod conformance;
mod faults;
mod host;
mod pods;
mod registry;
mod sessions;
mod traces;
