//! Resources that are served and should not be used any more.

use crate::pipeline::Cx;

/// Group, version and plural, with what their users are told.
const DEPRECATED: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "componentstatuses", "v1 ComponentStatus is deprecated in v1.19+"),
    (
        "",
        "v1",
        "endpoints",
        "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
];

/// Tells the client where the resource is on its way out.
pub(crate) fn warn(cx: &Cx<'_>) {
    let gvr = &cx.resource.def.gvr;
    let is = |(group, version, resource, _): &&(&str, &str, &str, &str)| {
        gvr.resource == *resource && gvr.group == *group && gvr.version == *version
    };
    if let Some((.., why)) = DEPRECATED.iter().find(is) {
        cx.warn(*why);
    }
}
