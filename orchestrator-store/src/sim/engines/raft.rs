//! The Raft engine on the stage: members with a disk each, on one network.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::durable::start_error;
use crate::operator::{MemberId, Operator};
use crate::planted::Planted;
use crate::raft::witness::{Sight, Witness};
use crate::raft::{self, InitialMember, RaftStore};
use crate::sim::network::Network;
use crate::sim::stage::{Applied, Engine, Happening, Site, StartError};

/// The size of a segment of the log: small, so that a run sees many.
const SEGMENT_BYTES: u64 = 16 << 10;

/// After how many entries an image is made, and how many stay: laggards are sent images.
const IMAGES: (u64, u64) = (60, 20);

/// How long a request is tried: shorter than the patience of clients, so that they see what it
/// says then.
const REQUEST: Duration = Duration::from_millis(1500);

/// Plays the Raft engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raft {
    /// The faults that its members have.
    pub planted: Planted,
}

#[async_trait]
impl Engine for Raft {
    async fn start(&self, site: Site) -> Result<Arc<dyn Operator>, StartError> {
        let builder = RaftStore::builder()
            .name(name(site.place))
            .segment_bytes(SEGMENT_BYTES)
            .images(IMAGES.0, IMAGES.1)
            .request_timeout(REQUEST)
            .planted(self.planted);
        let builder = match site.place < site.founders {
            true => builder.initial((0..site.founders).map(initial)),
            false => builder
                .join((0..site.founders).map(Network::address))
                .peer_url(Network::address(site.place))
                .learner(site.learner),
        };
        let inside = site.inside.clone();
        let builder = builder.witness(Witness::new(move |sight| inside.saw(told(sight))));
        let port = Arc::new(site.network.port(site.place, site.env.clone()));
        match builder.start(Arc::new(site.disk), port, site.env).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(why(&error)),
        }
    }

    fn is_cluster(&self) -> bool {
        true
    }
}

fn told(sight: Sight) -> Happening {
    match sight {
        Sight::Applied { index, term, digest } => {
            Happening::Applied(Applied { index, term, digest })
        }
        Sight::ImageBegun => Happening::ImageMade,
        Sight::ImageInstalled { next } => Happening::ImageInstalled { next },
        Sight::Purged => Happening::Purged,
    }
}

fn name(place: usize) -> String {
    format!("m{place}")
}

fn initial(place: usize) -> InitialMember {
    let id = MemberId::try_from(place + 1).expect("a small number");
    InitialMember::new(id, name(place), Network::address(place))
}

fn why(error: &raft::StartError) -> StartError {
    let message = format!("{error}: {:?}", std::error::Error::source(error));
    match error {
        raft::StartError::Log(error) => start_error(error),
        raft::StartError::Damaged(_) => StartError::Corrupt(message),
        raft::StartError::LostData => StartError::Lost(message),
        raft::StartError::Refused(_) | raft::StartError::NobodyAnswers => {
            StartError::Later(message)
        }
        _ => StartError::Other(message),
    }
}
