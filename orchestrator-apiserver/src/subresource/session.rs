//! `pods/exec`, `pods/attach` and `pods/portforward`: streams to a running pod.

use orchestrator_core::node::ExecOptions;
use orchestrator_core::object::Object;
use orchestrator_core::request::Options;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, ObjectKey, Status};

use super::container;
use crate::admission::Operation;
use crate::pipeline::Cx;
use crate::rest::admit;

/// Opens the stream.
pub(super) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let pod = container::pod(cx).await?;
    let key = ObjectKey::new(pod.namespace(), pod.name());
    let part = cx.request.subresource.as_str();
    admit::part(cx, Operation::Connect, described(cx)).await?;
    if part == "portforward" {
        let node = container::node(cx, &pod).await?;
        return node.port_forward(&key).await.map(ResponseBody::PortForward);
    }
    let mut options = options(&cx.request.options);
    options.container = container::choose(&pod, &options.container)?;
    check_ended(&pod)?;
    let node = container::node(cx, &pod).await?;
    let session = match part {
        "exec" => node.exec(&key, options).await?,
        _ => node.attach(&key, options).await?,
    };
    Ok(ResponseBody::Exec(session))
}

/// The options as an object, as admission sees them.
fn described(cx: &Cx<'_>) -> Object {
    let (kind, flags) = match cx.request.subresource.as_str() {
        "exec" => ("PodExecOptions", true),
        "attach" => ("PodAttachOptions", true),
        _ => ("PodPortForwardOptions", false),
    };
    let mut object = Object::new("v1", kind);
    let given = &cx.request.options;
    if flags {
        for name in ["stdin", "stdout", "stderr", "tty"].into_iter().filter(|n| given.rest_flag(n))
        {
            object.set(name, true);
        }
        if let Some(container) = given.rest("container").filter(|name| !name.is_empty()) {
            object.set("container", container);
        }
        let command: Vec<Json> = given.rest_all("command").map(Json::from).collect();
        if !command.is_empty() {
            object.set("command", command);
        }
    } else {
        let ports = given.rest_all("ports").filter_map(|port| port.parse::<u16>().ok());
        let ports: Vec<Json> = ports.map(Json::from).collect();
        if !ports.is_empty() {
            object.set("ports", ports);
        }
    }
    object
}

/// Nothing can be opened to a pod that has ended.
fn check_ended(pod: &Object) -> Result<(), Status> {
    match pod.text_at(&["status", "phase"]) {
        phase @ ("Succeeded" | "Failed") => Err(Status::bad_request(format!(
            "cannot exec into a container in a completed pod; current phase is {phase}"
        ))),
        _ => Ok(()),
    }
}

fn options(options: &Options) -> ExecOptions {
    let joins = |name: &str| options.rest_flag(name);
    ExecOptions {
        container: options.rest("container").unwrap_or_default().to_owned(),
        command: options.rest_all("command").map(str::to_owned).collect(),
        stdin: joins("stdin"),
        stdout: joins("stdout"),
        stderr: joins("stderr"),
        tty: joins("tty"),
    }
}
