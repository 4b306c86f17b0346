//! Sessions: commands, the container's own streams, ports, logs.

use orchestrator_core::node::{ExecOptions, LogOptions, TerminalSize};
use orchestrator_core::runtime::{ContainerId, RuntimeError, RuntimeExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host::Host;

const FOREVER: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 3600 & wait; done";

fn options(words: &[&str]) -> ExecOptions {
    ExecOptions {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        stdout: true,
        stderr: true,
        ..ExecOptions::default()
    }
}

async fn run(
    host: &Host,
    id: &ContainerId,
    options: ExecOptions,
    input: &str,
) -> (i32, String, String) {
    let mut session = host.runtime.session(id.clone(), options).await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let stdin = session.stdin.take();
    let writing = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(input.as_bytes()).await.unwrap();
            stdin.shutdown().await.unwrap();
        }
    };
    let reading = async {
        if let Some(mut stdout) = session.stdout.take() {
            stdout.read_to_string(&mut out).await.unwrap();
        }
    };
    let complaints = async {
        if let Some(mut stderr) = session.stderr.take() {
            stderr.read_to_string(&mut err).await.unwrap();
        }
    };
    let (.., code) = futures::join!(writing, reading, complaints, session.exit);
    (code.unwrap(), out, err)
}

#[tokio::test]
async fn commands_have_input_output_errors_and_codes() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let id = host.sh(&sandbox, FOREVER, |config| {
        config.env = vec![("COLOUR".into(), "blue".into())];
    });
    let id = id.await;
    let script = "echo $COLOUR; echo oh >&2; exit 7";
    let ran = run(&host, &id, options(&["sh", "-c", script]), "").await;
    assert_eq!(ran, (7, "blue\n".into(), "oh\n".into()));

    let text = "what is said\n".repeat(20_000);
    let shout = ExecOptions { stdin: true, ..options(&["tr", "a-z", "A-Z"]) };
    let (code, out, _) = run(&host, &id, shout, &text).await;
    assert_eq!((code, out.len()), (0, text.len()));
    assert!(out == text.to_uppercase());

    let missing = host.runtime.session(id.clone(), options(&["no-such-program"])).await;
    let why = missing.expect_err("it does not run").chain();
    assert!(why.contains("no-such-program") && why.contains("not found"), "{why}");

    let mut terminal = ExecOptions { tty: true, stdin: true, ..options(&["sh"]) };
    terminal.stderr = false;
    let mut session = host.runtime.session(id.clone(), terminal).await.unwrap();
    let resize = session.resize.take().expect("a terminal has a size");
    resize.send(TerminalSize { width: 91, height: 17 }).await.unwrap();
    let mut stdin = session.stdin.take().unwrap();
    stdin.write_all(b"test -t 0 && echo a terminal; exit 3\n").await.unwrap();
    let mut out = String::new();
    session.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    assert!(out.contains("a terminal"), "{out:?}");
    assert_eq!(session.exit.await, Ok(3));
    host.close().await;
}

#[tokio::test]
async fn a_command_that_nobody_wants_any_more_is_killed() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let id = host.sh(&sandbox, FOREVER, |_| ()).await;
    let mut session = host
        .runtime
        .session(id.clone(), options(&["sh", "-c", "echo on; sleep 1234"]))
        .await
        .unwrap();
    let mut line = [0; 3];
    session.stdout.as_mut().unwrap().read_exact(&mut line).await.unwrap();
    drop(session);
    // The next command sees it go: a look that takes as long as it takes, and no time.
    let look = "while ps | grep -v grep | grep -q 'sleep 1234'; do sleep 0.1; done";
    let (code, ..) = run(&host, &id, options(&["sh", "-c", look]), "").await;
    assert_eq!(code, 0);
    host.close().await;
}

#[tokio::test]
async fn the_containers_own_streams_are_joined() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let id = host.sh(
        &sandbox,
        "while read word; do echo heard $word; done; echo end; exit 5",
        |config| {
            config.stdin = true;
            config.stdin_once = true;
        },
    );
    let id = id.await;
    let join = ExecOptions { stdin: true, stdout: true, ..ExecOptions::default() };
    let mut session = host.runtime.session(id.clone(), join).await.unwrap();
    let mut stdin = session.stdin.take().unwrap();
    let mut stdout = session.stdout.take().unwrap();
    stdin.write_all(b"one\n").await.unwrap();
    let mut line = vec![0; "heard one\n".len()];
    stdout.read_exact(&mut line).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&line), "heard one\n");
    drop(stdin);
    let state = host.exited(&id).await;
    assert_eq!(state.exit().unwrap().code, 5);
    assert_eq!(host.log(&id).await, "heard one\nend\n", "the log has it all the same");
    drop((session, stdout));
    host.close().await;
}

#[tokio::test]
async fn ports_are_reached_inside_the_pods_network() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let serve = "echo from inside >/tmp/index.html; httpd -f -p 127.0.0.1:8080 -h /tmp";
    host.sh(&sandbox, serve, |_| ()).await;
    // It may not listen yet: then it is asked again, as a client does.
    let mut answer = String::new();
    for _ in 0..200 {
        match host.runtime.connect(sandbox.clone(), 8080).await {
            Ok(mut connection) => {
                connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
                connection.read_to_string(&mut answer).await.unwrap();
                break;
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(25)).await,
        }
    }
    assert!(answer.ends_with("from inside\n"), "{answer}");
    let closed = host.runtime.connect(sandbox.clone(), 81).await.err().expect("nobody listens");
    assert!(closed.chain().contains("refused"), "{}", closed.chain());
    let missing = host.runtime.connect("no-such".into(), 80).await.err();
    assert!(matches!(missing, Some(RuntimeError::NotFound(_))));
    host.close().await;
}

#[tokio::test]
async fn logs_are_followed_filtered_and_rotated() {
    use futures::StreamExt;
    use orchestrator_core::runtime::Housekeeping;
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let script = "n=0; while [ $n -lt 40 ]; do n=$((n+1)); echo line $n; done; echo filled; \
                  while [ ! -e /tmp/go ]; do sleep 0.1; done; echo after; echo bad >&2";
    let id = host.sh(&sandbox, script, |_| ()).await;
    host.wrote(&id, "filled").await;
    let follow = LogOptions { follow: true, tail_lines: Some(1), ..LogOptions::default() };
    let mut lines = host.runtime.logs(id.clone(), follow).await.unwrap();
    assert_eq!(lines.next().await.as_deref(), Some(&b"filled\n"[..]));
    host.runtime.rotate_logs(100).await.unwrap();
    let (code, ..) = run(&host, &id, options(&["touch", "/tmp/go"]), "").await;
    assert_eq!(code, 0);
    // They come through two pipes, which are read in no order.
    let mut rest = lines.collect::<Vec<_>>().await;
    rest.sort();
    assert_eq!(rest.concat(), b"after\nbad\n");
    let errors = LogOptions { stream: "Stderr".into(), ..LogOptions::default() };
    let errors = host.runtime.logs(id.clone(), errors).await.unwrap();
    assert_eq!(errors.collect::<Vec<_>>().await.concat(), b"bad\n");
    host.exited(&id).await;
    assert_eq!(host.log(&id).await.lines().count(), 43, "no line is lost between the files");
    host.close().await;
}
