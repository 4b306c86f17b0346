//! Defaults of containers.

use orchestrator_core::object::Map;

use super::round_resources;
use crate::fields::{Fields, Fill};

/// Fills in a container of any sort.
pub fn fill_container(container: &mut Map) {
    let policy = pull_policy(container.text("image"));
    container.fill_text("imagePullPolicy", policy);
    container.fill_text("terminationMessagePath", "/dev/termination-log");
    container.fill_text("terminationMessagePolicy", "File");
    for port in container.maps_of("ports") {
        port.fill_text("protocol", "TCP");
    }
    for variable in container.maps_of("env") {
        fill_source(variable);
    }
    round_resources(container.map_made("resources"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.map_at(probe) {
            fill_probe(probe);
        }
    }
    if let Some(lifecycle) = container.map_at("lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.map_at(hook) {
                fill_handler(hook);
            }
        }
    }
}

/// An image without a tag, or with `latest`, moves: it is pulled each time.
pub fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        _ if image.is_empty() => "IfNotPresent",
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn fill_source(variable: &mut Map) {
    let Some(source) = variable.map_at("valueFrom") else { return };
    if let Some(field) = source.map_at("fieldRef") {
        field.fill_text("apiVersion", "v1");
    }
    if let Some(resource) = source.map_at("resourceFieldRef") {
        resource.fill("divisor", "0");
    }
    if let Some(file) = source.map_at("fileKeyRef") {
        file.fill("optional", false);
    }
}

fn fill_probe(probe: &mut Map) {
    fill_handler(probe);
    probe.fill_number("timeoutSeconds", 1);
    probe.fill_number("periodSeconds", 10);
    probe.fill_number("successThreshold", 1);
    probe.fill_number("failureThreshold", 3);
    if let Some(grpc) = probe.map_at("grpc") {
        grpc.fill("service", "");
    }
}

fn fill_handler(handler: &mut Map) {
    if let Some(request) = handler.map_at("httpGet") {
        request.fill_text("path", "/");
        request.fill_text("scheme", "HTTP");
    }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn an_image_that_moves_is_always_pulled() {
        for (image, wanted) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1", "IfNotPresent"),
            ("reg.example:5000/x", "Always"),
            ("reg.example:5000/x:2", "IfNotPresent"),
            ("nginx@sha256:ab", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), wanted, "{image}");
        }
    }
}
