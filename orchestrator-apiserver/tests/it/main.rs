//! The API server as clients see it, over HTTP without a socket.

mod cluster;
mod http_discovery;
mod http_hostile;
mod http_rest;
mod http_streams;
mod http_tls;
mod http_watch;
