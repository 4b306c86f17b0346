//! `pods/exec`, `pods/attach` and `pods/portforward`: streams to a running pod.

use orchestrator_core::ObjectKey;
use orchestrator_core::Status;
use orchestrator_core::node::ExecOptions;
use orchestrator_core::object::Object;
use orchestrator_core::request::Options;
use orchestrator_core::service::ResponseBody;

use super::container;
use crate::pipeline::Cx;

/// Opens the stream.
pub(super) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let pod = container::pod(cx).await?;
    let key = ObjectKey::new(pod.namespace(), pod.name());
    let part = cx.request.subresource.as_str();
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
