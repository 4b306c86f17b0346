//! The signers that every cluster has, and what each of them signs.

use super::request::Wanted;

/// The client certificate of anybody.
pub(super) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// The client certificate of a node's agent.
pub(super) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// The server certificate of a node's agent.
pub(super) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// No promise about who trusts it.
pub(super) const LEGACY: &str = "kubernetes.io/legacy-unknown";

const NODE_GROUP: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";

/// Whether `signer` is one of ours.
pub(super) fn is_ours(signer: &str) -> bool {
    matches!(signer, CLIENT | KUBELET_CLIENT | KUBELET_SERVING | LEGACY)
}

/// Why a signer does not sign a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("subject organization is not system:nodes")]
    Organization,
    #[error("subject common name does not begin with system:node:")]
    CommonName,
    #[error("DNS subjectAltNames are not allowed")]
    Dns,
    #[error("Email subjectAltNames are not allowed")]
    Email,
    #[error("IP subjectAltNames are not allowed")]
    Address,
    #[error("URI subjectAltNames are not allowed")]
    Uri,
    #[error("DNS or IP subjectAltName is required")]
    NoName,
    #[error("usages did not match [{0}]")]
    Usages(String),
    #[error("invalid usage for client certificate: {0}")]
    Usage(String),
    #[error("missing required usage for client certificate: client auth")]
    NoClientAuth,
}

/// Checks a request by the rules of `signer`.
pub(super) fn check(signer: &str, wanted: &Wanted, usages: &[String]) -> Result<(), Refusal> {
    match signer {
        CLIENT => check_client(usages),
        KUBELET_CLIENT => check_kubelet_client(wanted, usages),
        KUBELET_SERVING => check_kubelet_serving(wanted, usages),
        _ => Ok(()),
    }
}

fn check_client(usages: &[String]) -> Result<(), Refusal> {
    const ALLOWED: [&str; 3] = ["client auth", "digital signature", "key encipherment"];
    if let Some(other) = usages.iter().find(|usage| !ALLOWED.contains(&usage.as_str())) {
        return Err(Refusal::Usage(other.clone()));
    }
    match usages.iter().any(|usage| usage == "client auth") {
        true => Ok(()),
        false => Err(Refusal::NoClientAuth),
    }
}

/// Checks a request for the client certificate of a node's agent.
pub(super) fn check_kubelet_client(wanted: &Wanted, usages: &[String]) -> Result<(), Refusal> {
    check_organization(wanted)?;
    let forbidden = [
        (wanted.dns.is_empty(), Refusal::Dns),
        (wanted.emails.is_empty(), Refusal::Email),
        (wanted.addresses.is_empty(), Refusal::Address),
        (wanted.uris.is_empty(), Refusal::Uri),
        (wanted.common_name.starts_with(NODE_PREFIX), Refusal::CommonName),
    ];
    first(forbidden)?;
    check_usages("client auth", usages)
}

fn check_kubelet_serving(wanted: &Wanted, usages: &[String]) -> Result<(), Refusal> {
    check_organization(wanted)?;
    first([
        (!wanted.dns.is_empty() || !wanted.addresses.is_empty(), Refusal::NoName),
        (wanted.emails.is_empty(), Refusal::Email),
        (wanted.uris.is_empty(), Refusal::Uri),
    ])?;
    check_usages("server auth", usages)?;
    first([(wanted.common_name.starts_with(NODE_PREFIX), Refusal::CommonName)])
}

fn check_organization(wanted: &Wanted) -> Result<(), Refusal> {
    first([(wanted.organizations == [NODE_GROUP], Refusal::Organization)])
}

/// The first refusal whose condition does not hold.
fn first<const N: usize>(conditions: [(bool, Refusal); N]) -> Result<(), Refusal> {
    match conditions.into_iter().find(|(holds, _)| !holds) {
        Some((_, refusal)) => Err(refusal),
        None => Ok(()),
    }
}

/// The usages are these, and none beside them: keys that cannot encipher need not ask for it.
fn check_usages(purpose: &str, usages: &[String]) -> Result<(), Refusal> {
    let mut required = ["digital signature", "key encipherment", purpose];
    required.sort_unstable();
    let mut given: Vec<&str> = usages.iter().map(String::as_str).collect();
    given.sort_unstable();
    given.dedup();
    let without = required.iter().filter(|usage| **usage != "key encipherment");
    match given == required || without.eq(given.iter()) {
        true => Ok(()),
        false => Err(Refusal::Usages(required.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Wanted {
        Wanted {
            common_name: "system:node:n".into(),
            organizations: vec!["system:nodes".into()],
            ..Wanted::default()
        }
    }

    fn told(signer: &str, wanted: &Wanted, usages: &str) -> String {
        let usages: Vec<String> =
            usages.split(',').filter(|u| !u.is_empty()).map(str::to_owned).collect();
        match check(signer, wanted, &usages) {
            Ok(()) => String::new(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn a_client_certificate_is_for_clients_only() {
        let cases = [
            ("client auth", ""),
            ("client auth,digital signature,key encipherment", ""),
            ("server auth", "invalid usage for client certificate: server auth"),
            ("digital signature", "missing required usage for client certificate: client auth"),
        ];
        for (usages, want) in cases {
            assert_eq!(told(CLIENT, &Wanted::default(), usages), want, "{usages}");
        }
        assert_eq!(told(LEGACY, &Wanted::default(), "server auth"), "");
    }

    #[test]
    fn a_node_asks_for_itself_alone() {
        let all = "client auth,digital signature,key encipherment";
        type Change = fn(&mut Wanted);
        let cases: [(Change, &str, &str); 7] = [
            (|_| {}, all, ""),
            (|_| {}, "client auth,digital signature", ""),
            (
                |_| {},
                "client auth",
                "usages did not match [client auth digital signature key encipherment]",
            ),
            (|w| w.organizations.push("x".into()), all, "subject organization is not system:nodes"),
            (|w| w.dns.push("x".into()), all, "DNS subjectAltNames are not allowed"),
            (|w| w.uris.push("x".into()), all, "URI subjectAltNames are not allowed"),
            (
                |w| w.common_name = "x".into(),
                all,
                "subject common name does not begin with system:node:",
            ),
        ];
        for (change, usages, want) in cases {
            let mut wanted = node();
            change(&mut wanted);
            assert_eq!(told(KUBELET_CLIENT, &wanted, usages), want, "{usages}");
        }
    }

    #[test]
    fn a_node_serves_under_a_name() {
        let all = "server auth,digital signature,key encipherment";
        assert_eq!(told(KUBELET_SERVING, &node(), all), "DNS or IP subjectAltName is required");
        let named = Wanted { dns: vec!["n".into()], ..node() };
        assert_eq!(told(KUBELET_SERVING, &named, all), "");
        let want = "usages did not match [digital signature key encipherment server auth]";
        assert_eq!(told(KUBELET_SERVING, &named, "client auth"), want);
    }
}
