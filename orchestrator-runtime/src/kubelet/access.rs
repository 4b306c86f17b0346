//! Who may ask a node: the API server, and those who may do everything.

use http::StatusCode;
use orchestrator_core::{Status, UserInfo};

/// The user that an API server is to its nodes.
const API_SERVER: &str = "kube-apiserver-kubelet-client";

/// Lets a caller in; `peer` is whom the verified client certificate names.
///
/// # Errors
/// 401 without a certificate, 403 for anybody else.
pub(super) fn check(peer: Option<&UserInfo>) -> Result<(), Status> {
    let Some(user) = peer else { return Err(Status::unauthorized()) };
    let master = user.groups.iter().any(|group| group == UserInfo::MASTERS);
    if master || user.name == API_SERVER {
        return Ok(());
    }
    let why = format!("Forbidden (user={}, resource=nodes, subresource=proxy)", user.name);
    Err(Status::new(StatusCode::FORBIDDEN.as_u16(), "Forbidden", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_server_and_masters_are_let_in() {
        let code = |user: Option<UserInfo>| check(user.as_ref()).map_or_else(|s| s.code, |()| 200);
        assert_eq!(code(None), 401);
        assert_eq!(code(Some(UserInfo::new("jane", ["dev"]))), 403);
        assert_eq!(code(Some(UserInfo::new("system:node:a", ["system:nodes"]))), 403);
        assert_eq!(code(Some(UserInfo::new(API_SERVER, ["kubeadm"]))), 200);
        assert_eq!(code(Some(UserInfo::new("admin", [UserInfo::MASTERS]))), 200);
    }
}
