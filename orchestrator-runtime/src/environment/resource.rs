//! Requests and limits as text: `resourceFieldRef`.

use k8s_openapi::api::core::v1::{Container, ResourceFieldSelector};
use orchestrator_core::Quantity;

use super::Subject;
use crate::material::MaterialError;

/// The request or limit that `selector` names, in units of its divisor, rounded up.
///
/// # Errors
/// There is no such container or resource.
pub fn resource(
    subject: Subject<'_>,
    selector: &ResourceFieldSelector,
) -> Result<String, MaterialError> {
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let container = match named {
        Some(name) => find(subject, name)?,
        None => subject.container.clone(),
    };
    let (kind, name) = selector.resource.split_once('.').ok_or_else(|| unsupported(selector))?;
    let resources = container.resources.unwrap_or_default();
    let given = match kind {
        "limits" => resources.limits,
        "requests" => resources.requests,
        _ => return Err(unsupported(selector)),
    };
    let given = given.as_ref().and_then(|map| map.get(name));
    // Whoever has no limit may use the whole node.
    let whole = || subject.material.allocatable.get(name).filter(|_| kind == "limits");
    let amount = given.or_else(whole).map_or("0", |quantity| &quantity.0);
    let divisor = selector.divisor.as_ref().map_or("1", |divisor| &divisor.0);
    let parse = |text: &str| text.parse::<Quantity>().map_err(|_| unsupported(selector));
    let (amount, divisor) = (parse(amount)?.nano_value(), parse(divisor)?.nano_value());
    let divisor = if divisor <= 0 { parse("1")?.nano_value() } else { divisor };
    let rounded = amount / divisor + i128::from(amount % divisor > 0);
    Ok(rounded.to_string())
}

fn find(subject: Subject<'_>, name: &str) -> Result<Container, MaterialError> {
    let mut members = crate::plan::members(subject.pod);
    let found = members.find(|member| member.name() == name);
    let found = found.ok_or_else(|| MaterialError(format!("container {name} not found")))?;
    Ok(found.spec.into_owned())
}

fn unsupported(selector: &ResourceFieldSelector) -> MaterialError {
    MaterialError(format!("unsupported container resource : {}", selector.resource))
}
