//! Paths and queries in the kubelet's words.

use orchestrator_core::ObjectKey;
use orchestrator_core::node::{ExecOptions, LogOptions};
use orchestrator_wire::percent;

/// A path and query in the making.
pub(super) struct Target {
    text: String,
    separator: char,
}

impl Target {
    /// What of a pod, and of a container where one is named.
    fn new(what: &str, pod: &ObjectKey, container: Option<&str>) -> Self {
        let mut text = format!("/{what}");
        for segment in [&*pod.namespace, &*pod.name].into_iter().chain(container) {
            text.push('/');
            percent::push(&mut text, segment);
        }
        Self { text, separator: '?' }
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.text.push(self.separator);
        self.separator = '&';
        self.text.push_str(key);
        self.text.push('=');
        percent::push(&mut self.text, value);
    }

    fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.pair(key, "true");
        }
    }

    fn optional(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.pair(key, &value.to_string());
        }
    }
}

/// The log of a container.
pub(super) fn logs(pod: &ObjectKey, options: &LogOptions) -> String {
    let mut target = Target::new("containerLogs", pod, Some(&options.container));
    target.flag("follow", options.follow);
    target.flag("previous", options.previous);
    target.flag("timestamps", options.timestamps);
    target.optional("sinceSeconds", options.since_seconds);
    target.optional("sinceTime", options.since_time);
    target.optional("tailLines", options.tail_lines);
    target.optional("limitBytes", options.limit_bytes);
    target.optional("stream", Some(&options.stream).filter(|stream| !stream.is_empty()));
    target.text
}

/// A command, or the process of a container: `what` is `exec` or `attach`.
pub(super) fn command(what: &str, pod: &ObjectKey, options: &ExecOptions) -> String {
    let mut target = Target::new(what, pod, Some(&options.container));
    for word in &options.command {
        target.pair("command", word);
    }
    target.flag("input", options.stdin);
    target.flag("output", options.stdout);
    target.flag("error", options.stderr);
    target.flag("tty", options.tty);
    target.text
}

/// A port.
pub(super) fn port(pod: &ObjectKey, port: u16) -> String {
    let mut target = Target::new("portForward", pod, None);
    target.pair("port", &port.to_string());
    target.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_the_kubelets() {
        let pod = ObjectKey::new("a", "b");
        let log = LogOptions {
            container: "c".into(),
            follow: true,
            tail_lines: Some(5),
            since_time: "2026-01-01T00:00:00Z".parse().ok(),
            ..LogOptions::default()
        };
        assert_eq!(
            logs(&pod, &log),
            "/containerLogs/a/b/c?follow=true&sinceTime=2026-01-01T00%3A00%3A00Z&tailLines=5"
        );
        let exec = ExecOptions {
            container: "c".into(),
            command: vec!["echo".into(), "a b".into()],
            stdin: true,
            stdout: true,
            ..ExecOptions::default()
        };
        assert_eq!(
            command("exec", &pod, &exec),
            "/exec/a/b/c?command=echo&command=a%20b&input=true&output=true"
        );
        assert_eq!(port(&pod, 80), "/portForward/a/b?port=80");
    }
}
