//! The link to containerd: one connection, and a client of each of its services.

use std::path::Path;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::wire::containers::containers_client::ContainersClient;
use crate::wire::content::content_client::ContentClient;
use crate::wire::cri::image_service_client::ImageServiceClient;
use crate::wire::cri::runtime_service_client::RuntimeServiceClient;
use crate::wire::events::events_client::EventsClient;
use crate::wire::images::images_client::ImagesClient;
use crate::wire::leases::leases_client::LeasesClient;
use crate::wire::tasks::tasks_client::TasksClient;

/// The namespace of containerd in which its CRI keeps everything.
const NAMESPACE: &str = "k8s.io";

/// The longest answer that is taken; containerd itself sends none longer than this.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A connection to containerd, which is made when it is first needed, and again after it broke.
#[derive(Clone, Debug)]
pub struct Link {
    channel: Channel,
}

/// A connection that names the namespace with each request.
pub(crate) type Named = InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>;

fn name(mut request: Request<()>) -> Result<Request<()>, Status> {
    let namespace = NAMESPACE.parse().expect("the name is plain");
    request.metadata_mut().insert("containerd-namespace", namespace);
    Ok(request)
}

impl Link {
    /// A link to the containerd at `socket`.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or where the path is no text.
    pub fn new(socket: &Path) -> Self {
        let address = format!("unix://{}", socket.display());
        let endpoint = Endpoint::from_shared(address).expect("a path makes an address");
        Self { channel: endpoint.connect_lazy() }
    }

    fn named(&self) -> Named {
        InterceptedService::new(self.channel.clone(), name)
    }

    pub(crate) fn runtime(&self) -> RuntimeServiceClient<Channel> {
        let client = RuntimeServiceClient::new(self.channel.clone());
        client.max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn cri_images(&self) -> ImageServiceClient<Channel> {
        let client = ImageServiceClient::new(self.channel.clone());
        client.max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn containers(&self) -> ContainersClient<Named> {
        ContainersClient::new(self.named()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn content(&self) -> ContentClient<Named> {
        ContentClient::new(self.named())
    }

    pub(crate) fn events(&self) -> EventsClient<Named> {
        EventsClient::new(self.named())
    }

    pub(crate) fn images(&self) -> ImagesClient<Named> {
        ImagesClient::new(self.named())
    }

    pub(crate) fn leases(&self) -> LeasesClient<Named> {
        LeasesClient::new(self.named())
    }

    pub(crate) fn tasks(&self) -> TasksClient<Named> {
        TasksClient::new(self.named())
    }
}
