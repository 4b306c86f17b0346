//! What a node tells its kernel about packets: rules, connections, links and routes.
//!
//! Rules are data ([`nft`]): whoever wants some computes a ruleset, and a batch of changes leads
//! from one to the next. [`Nftables`](nft::Nftables) takes batches: [`nft::Kernel`] by netlink,
//! [`nft::Memory`] in this process, where [`nft::Memory::packet`] shows what the rules do to a
//! packet without a kernel. [`conntrack`] forgets connections that go to places that are gone, and
//! [`links`] joins a node to others.
//! Nothing here knows of pods or services.

pub mod conntrack;
pub mod links;
pub mod nft;
