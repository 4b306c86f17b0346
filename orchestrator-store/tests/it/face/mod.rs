//! The etcd face through its sockets: with a client of our own, with `etcdctl`, beside a real etcd.

mod clients;
mod ctl;
mod differential;
mod engines;
mod kubernetes;
mod real;
mod served;
mod texts;
mod watches;
