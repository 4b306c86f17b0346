//! Machines of a test: network namespaces with cables between them.
//!
//! A [`Machine`] is a thread in a network namespace of its own; what runs on it ([`Machine::run`])
//! sees only its interfaces, rules and connections, and so do the threads and programs that this
//! starts. Nothing outside is touched, and the kernel takes a machine apart with its last thread and
//! socket: tests leave nothing behind, even when they fail. Making one needs `CAP_SYS_ADMIN`;
//! [`machines`] says aloud that a test is skipped where that is missing. Cables are made with `ip`.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

/// How long a machine waits for an answer over the network.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a connection may take that tests expect not to come about.
const SOON: Duration = Duration::from_millis(400);

type Job = Box<dyn FnOnce() + Send>;

/// A machine with a network of its own.
pub struct Machine {
    name: String,
    jobs: Sender<Job>,
    namespace: PathBuf,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Machines of these names; `None`, said aloud, where this process may not make any.
///
/// # Panics
/// Making them fails for another reason than a missing permission.
pub fn machines<const N: usize>(names: [&str; N]) -> Option<[Machine; N]> {
    let made: Result<Vec<_>, io::Error> = names.into_iter().map(Machine::start).collect();
    match made {
        Ok(made) => Some(made.try_into().expect("as many as there are names")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("SKIPPED: needs root, for network namespaces");
            None
        }
        Err(error) => panic!("no network namespace: {error}"),
    }
}

impl Machine {
    fn start(name: &str) -> io::Result<Self> {
        let (jobs, inbox) = channel::<Job>();
        let (ready, is_ready) = channel();
        let work = move || {
            let made = unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from);
            let path = format!("/proc/{}/task/{}/ns/net", std::process::id(), gettid());
            let made = made.map(|()| PathBuf::from(path));
            if ready.send(made).is_ok() {
                for job in inbox {
                    job();
                }
            }
        };
        thread::Builder::new().name(format!("machine {name}")).spawn(work)?;
        let namespace = is_ready.recv().expect("the thread says how it went")?;
        let machine = Self { name: name.to_owned(), jobs, namespace };
        machine.ip("link set dev lo up");
        // Without the wait for duplicates, IPv6 addresses can be used at once.
        for scope in ["all", "default"] {
            machine.sysctl(&format!("net/ipv6/conf/{scope}/accept_dad"), "0");
        }
        Ok(machine)
    }

    /// Runs `job` on the machine and waits for it.
    ///
    /// # Panics
    /// The job does.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, is_done) = channel();
        let job = move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            let _ = done.send(result);
        };
        self.jobs.send(Box::new(job)).expect("the machine is on");
        match is_done.recv().expect("the machine answers") {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Runs `future` on the machine, on a runtime of its own, and waits for it.
    ///
    /// # Panics
    /// The future does.
    pub fn block_on<F>(&self, future: impl FnOnce() -> F + Send + 'static) -> F::Output
    where
        F: Future,
        F::Output: Send + 'static,
    {
        self.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().expect("a runtime").block_on(future())
        })
    }

    /// Runs a program with arguments parted by spaces; returns what it printed.
    ///
    /// # Panics
    /// It is not there or fails.
    pub fn command(&self, line: &str) -> String {
        let (name, line) = (self.name.clone(), line.to_owned());
        self.run(move || {
            let mut words = line.split_whitespace();
            let program = words.next().expect("a program");
            let output = Command::new(program).args(words).output();
            let output = output.unwrap_or_else(|why| panic!("{program}: {why}"));
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "on {name}: {line}: {errors}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
    }

    /// Runs `ip` with arguments parted by spaces.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    pub fn ip(&self, arguments: &str) {
        self.command(&format!("ip {arguments}"));
    }

    /// Sets a value below `/proc/sys`.
    ///
    /// # Panics
    /// The kernel does not take it.
    pub fn sysctl(&self, path: &str, value: &str) {
        let (path, value) = (format!("/proc/sys/{path}"), value.to_owned());
        self.run(move || std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path}: {e}")));
    }

    /// Lets packets pass through the machine.
    pub fn forward(&self) {
        self.sysctl("net/ipv4/ip_forward", "1");
        self.sysctl("net/ipv6/conf/all/forwarding", "1");
    }

    /// Lays a cable to `other`: an interface at each end, with an address and prefix length.
    ///
    /// # Panics
    /// An interface is there already, or an address is none.
    pub fn cable(&self, end: (&str, &str), other: &Self, far: (&str, &str)) {
        let path = other.namespace.display();
        self.ip(&format!("link add {} type veth peer name {} netns {path}", end.0, far.0));
        self.address(end.0, end.1);
        other.address(far.0, far.1);
    }

    /// Gives an interface an address and turns it on.
    ///
    /// # Panics
    /// The interface is not there.
    pub fn address(&self, interface: &str, address: &str) {
        // Nor does one wait for the other end to be on.
        let at_once = if address.contains(':') { " nodad" } else { "" };
        self.ip(&format!("address add {address} dev {interface}{at_once}"));
        self.ip(&format!("link set dev {interface} up"));
    }

    /// Serves TCP at `address`: each connection gets `name` and the client's address, and is closed.
    ///
    /// # Panics
    /// The address is taken.
    pub fn serve(&self, name: &str, address: SocketAddr) {
        let name = name.to_owned();
        self.run(move || {
            let listener = TcpListener::bind(address).expect("a free address");
            // It serves until the test's process ends.
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let _ = answer(stream, &name);
                }
            });
        });
    }

    /// Serves UDP at `address`: each datagram is answered with `name`.
    ///
    /// # Panics
    /// The address is taken.
    pub fn serve_datagrams(&self, name: &str, address: SocketAddr) {
        let name = name.to_owned();
        self.run(move || {
            let socket = UdpSocket::bind(address).expect("a free address");
            thread::spawn(move || {
                let mut buffer = [0; 64];
                while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(name.as_bytes(), from);
                }
            });
        });
    }

    /// Whether a connection to `to` comes about soon.
    pub fn reaches(&self, to: SocketAddr) -> bool {
        self.run(move || TcpStream::connect_timeout(&to, SOON).is_ok())
    }

    /// Connects to `to`; returns the name of who answers and the client address that it saw.
    ///
    /// # Errors
    /// Nobody answers, or the connection is refused.
    pub fn ask(&self, to: SocketAddr) -> io::Result<(String, String)> {
        self.run(move || {
            let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            let (name, from) = text.split_once(' ').ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok((name.to_owned(), from.to_owned()))
        })
    }

    /// Sends a datagram from `from` to `to`; returns the answer.
    ///
    /// # Errors
    /// No answer comes in time, or the datagram is refused.
    pub fn ask_datagram(&self, from: SocketAddr, to: SocketAddr) -> io::Result<String> {
        self.run(move || {
            let socket = UdpSocket::bind(from)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect(to)?;
            socket.send(b"?")?;
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer)?;
            Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
        })
    }
}

fn answer(mut stream: TcpStream, name: &str) -> io::Result<()> {
    let from = stream.peer_addr()?.ip();
    write!(stream, "{name} {from}")
}
