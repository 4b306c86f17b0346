//! The node agent against a real API server: simulated under virtual time, and with processes.

mod crash;
mod kubelet;
mod lifecycle;
mod node;
mod plane;
mod probes;
mod process;
mod scale;
