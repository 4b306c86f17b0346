//! Sessions: a command beside a container's own, the streams of its own, a port of its pod.

mod attach;
mod exec;
mod pipes;
mod port;

pub(crate) use attach::attach;
pub(crate) use exec::exec;
pub(crate) use port::connect;
