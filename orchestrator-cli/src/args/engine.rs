//! Which engine keeps the data of `up`, `server` and `etcd`, and its options.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The engine of the store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store")]
pub struct Engine {
    /// What keeps the data.
    #[arg(long = "store", value_enum, default_value_t = EngineKind::Durable, value_name = "ENGINE")]
    pub kind: EngineKind,

    /// The most bytes of keys and values; writes beyond it are refused until space is made.
    #[arg(long, value_name = "BYTES")]
    pub quota_bytes: Option<u64>,

    #[command(flatten)]
    pub raft: Raft,

    #[command(flatten)]
    pub etcd: Etcd,
}

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// This process; everything is forgotten when it ends.
    Memory,
    /// Files below the data directory; what was acknowledged survives power loss.
    Durable,
    /// This process and its like on other hosts, which agree; files below the data directory.
    Raft,
    /// An etcd that runs elsewhere.
    Etcd,
}

/// A member of a store of several.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store of several members (--store raft)")]
pub struct Raft {
    #[command(flatten)]
    pub founding: Founding,

    /// Join the store of the member that listens here for others; once for each that may be asked.
    #[arg(long, value_name = "URL", value_delimiter = ',', conflicts_with = "members")]
    pub join: Vec<String>,

    /// Where to listen for other members.
    #[arg(long, default_value = "127.0.0.1:2380", value_name = "ADDRESS")]
    pub peer_listen: SocketAddr,

    /// Where the others reach this member; otherwise what `--member` says, or where it listens.
    #[arg(long, value_name = "URL")]
    pub peer_url: Option<String>,

    /// Where clients of the etcd API reach this member, told to those who ask who the members are;
    /// otherwise where it serves them.
    #[arg(long, value_name = "URL")]
    pub client_url: Option<String>,

    /// Join without a vote.
    #[arg(long, requires = "join")]
    pub learner: bool,

    /// The certificate of this member, for TLS between members.
    #[arg(long, value_name = "FILE", requires_all = ["peer_key", "peer_ca"])]
    pub peer_cert: Option<PathBuf>,

    /// Its key.
    #[arg(long, value_name = "FILE", requires_all = ["peer_cert", "peer_ca"])]
    pub peer_key: Option<PathBuf>,

    /// The authority that signed the certificates of all members.
    #[arg(long, value_name = "FILE", requires_all = ["peer_cert", "peer_key"])]
    pub peer_ca: Option<PathBuf>,
}

/// Who a member is, and with whom it begins.
#[derive(Args, Clone, Debug)]
pub struct Founding {
    /// This member's name.
    #[arg(long, value_name = "NAME")]
    pub member_name: Option<String>,

    /// A member of a new store, and where the others reach it, as in `a=http://10.0.0.1:2380`; once
    /// for each, this one included. Ignored once there are data.
    #[arg(long = "member", value_name = "NAME=URL", value_delimiter = ',')]
    pub members: Vec<Peer>,
}

/// A member of a new store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where the others reach it.
    pub url: String,
}

impl std::str::FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, url)) if !name.is_empty() && url.contains("://") => {
                Ok(Self { name: name.to_owned(), url: url.to_owned() })
            }
            _ => Err("must be like a=http://10.0.0.1:2380".to_owned()),
        }
    }
}

/// How to reach a running etcd.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Running etcd (--store etcd, etcd:// and etcds:// URLs)")]
pub struct Etcd {
    /// Its members, as in `https://10.0.0.1:2379`.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub etcd_endpoints: Vec<String>,

    /// The authority that signed its certificates.
    #[arg(long, value_name = "FILE")]
    pub etcd_ca: Option<PathBuf>,

    /// The certificate that we show.
    #[arg(long, value_name = "FILE", requires = "etcd_key")]
    pub etcd_cert: Option<PathBuf>,

    /// Its key.
    #[arg(long, value_name = "FILE", requires = "etcd_cert")]
    pub etcd_key: Option<PathBuf>,

    /// The user that we are there.
    #[arg(long, value_name = "NAME", requires = "etcd_password")]
    pub etcd_user: Option<String>,

    /// The user's password.
    #[arg(long, value_name = "PASSWORD", env = "ETCD_PASSWORD", hide_env_values = true)]
    pub etcd_password: Option<String>,
}
