//! Volumes: which claim gets which volume, and what happens to both when they end.
//!
//! ```text
//! claim ──▶ claim plan ─┐  (pure: a claim, what it could have, its class)
//!                       ├─▶ Binder: writes, events
//! volume ─▶ volume plan ┘  (pure: a volume, the claim that it names)
//! ```
//!
//! A volume names its claim and a claim its volume; the two sides are written one after the
//! other, the volume first, and a reconcile of either finishes what was begun. `matching` picks
//! a volume, `provision` makes one where none fits, [`protection`](VolumeProtection) keeps both
//! while they are in use, [`expansion`](ExpansionController) lets claims grow, and
//! [`ephemeral`](EphemeralVolumeController) makes the claims that pods carry in their own text, and
//! [`attach`](AttachDetachController) has drivers bring volumes to nodes.

mod attach;
mod binder;
mod binding;
mod claim_plan;
mod ephemeral;
mod expansion;
mod matching;
mod protection;
mod provision;
mod volume_plan;
mod words;

pub use attach::AttachDetachController;
pub use binder::VolumeBinder;
pub use ephemeral::EphemeralVolumeController;
pub use expansion::ExpansionController;
pub use protection::{ClaimProtection, VolumeProtection};
pub use provision::{DirectoryProvisioner, ProvisionError, ProvisionRequest, Provisioner};
