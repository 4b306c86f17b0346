//! Images: looked for, pulled, removed.

use orchestrator_core::runtime::{ImageState, RuntimeError};

use super::Core;
use super::registry;
use super::translate::ImageUser;
use crate::error::{failed, gone, told};
use crate::wire::cri;

impl Core {
    /// The image of this name or id, if it is there.
    pub(super) async fn find_image(&self, image: &str) -> Result<Option<cri::Image>, RuntimeError> {
        let request = cri::ImageStatusRequest { image: Some(spec(image)) };
        let answer = self.link.cri_images().image_status(request).await;
        match answer {
            Ok(answer) => Ok(answer.into_inner().image),
            Err(status) => match failed("", &status) {
                error @ RuntimeError::Unavailable(_) => Err(error),
                _ => Err(RuntimeError::InvalidImage(told(&status))),
            },
        }
    }

    pub(super) async fn image_status(
        &self,
        image: &str,
    ) -> Result<Option<ImageState>, RuntimeError> {
        let found = self.find_image(image).await?;
        Ok(found.map(|image| ImageState { id: image.id, bytes: image.size }))
    }

    /// Gets an image, with the first of the credentials that its registry takes.
    pub(super) async fn pull(
        &self,
        image: &str,
        secrets: &[String],
    ) -> Result<ImageState, RuntimeError> {
        let mut credentials: Vec<Option<cri::AuthConfig>> =
            registry::credentials(image, secrets).into_iter().map(Some).collect();
        if credentials.is_empty() {
            credentials.push(None);
        }
        let mut refused = RuntimeError::Image(String::new());
        for auth in credentials {
            let request =
                cri::PullImageRequest { image: Some(spec(image)), auth, sandbox_config: None };
            match self.link.cri_images().pull_image(request).await {
                Ok(_) => {
                    let found = self.image_status(image).await?;
                    let gone = || RuntimeError::Image(format!("image {image:?} is gone again"));
                    return found.ok_or_else(gone);
                }
                Err(status) => {
                    refused = match failed("", &status) {
                        error @ RuntimeError::Unavailable(_) => return Err(error),
                        _ => RuntimeError::Image(told(&status)),
                    };
                }
            }
        }
        Err(refused)
    }

    pub(super) async fn remove_image(&self, image: &str) -> Result<(), RuntimeError> {
        let request = cri::RemoveImageRequest { image: Some(spec(image)) };
        gone(self.link.cri_images().remove_image(request).await, "cannot remove the image")
    }
}

fn spec(image: &str) -> cri::ImageSpec {
    cri::ImageSpec { image: image.to_owned() }
}

/// Who runs in containers of the image.
pub(super) fn user(image: &cri::Image) -> ImageUser {
    ImageUser { uid: image.uid.map(|uid| uid.value), name: image.username.clone() }
}
