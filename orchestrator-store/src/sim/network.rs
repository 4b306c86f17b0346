//! A network in memory that delays, loses, doubles, reorders and cuts.
//!
//! A call is two messages, there and back, each with a fate of its own drawn from the seed. What
//! arrives is mostly handled in the caller's task; what comes twice or outlives its sender in a task
//! of the network. A member that is unplugged neither speaks nor hears until it serves again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fastrand::Rng;
use orchestrator_core::Env;
use orchestrator_core::env::Tasks;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::coverage::{Coverage, Thing};
use super::plan::Weather;
use crate::raft::network::{Call, CallError, Inbox, Peer, Serving, Transport};

/// How long a caller waits in vain for a message that was lost.
const VAIN: Duration = Duration::from_millis(400);

/// How much later than the first a doubled message comes, at the most.
const DOUBLE_LATE_MS: u64 = 200;

/// One message in so many outlives a sender that goes down or is stopped.
const OUTLIVES: u8 = 8;

/// What a call answers.
type Answered = Result<Bytes, CallError>;

/// A simulated network; clones are the same network.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    state: Mutex<State>,
    /// Wakes those who wait for held messages to go on, or for a member to be unplugged.
    changed: Notify,
}

struct State {
    random: Rng,
    weather: Weather,
    ears: BTreeMap<usize, Ear>,
    /// How often each place was unplugged: a port of before is dead.
    lives: BTreeMap<usize, u64>,
    cuts: BTreeMap<u64, BTreeSet<(usize, usize)>>,
    last_cut: u64,
    /// Whose messages wait.
    held: BTreeSet<usize>,
    /// Messages that do not depend on their sender any more.
    on_their_way: Tasks,
    /// When the last message so far arrives, by way.
    last: BTreeMap<(usize, usize), Instant>,
    coverage: Coverage,
}

#[derive(Clone)]
struct Ear {
    inbox: Arc<dyn Inbox>,
    life: u64,
    /// Where it listens: what it does with a message is a part of that process.
    env: Env,
}

/// A cut that can be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut(u64);

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// What becomes of a message.
enum Fate {
    Arrives(Duration),
    Lost,
}

impl Network {
    /// A network without members, whose fates follow from `seed`.
    pub fn new(env: Env, seed: u64) -> Self {
        let state = State {
            random: Rng::with_seed(seed ^ 0x6e65_7477_6f72_6b00),
            weather: Weather::default(),
            ears: BTreeMap::new(),
            lives: BTreeMap::new(),
            cuts: BTreeMap::new(),
            last_cut: 0,
            held: BTreeSet::new(),
            on_their_way: Tasks::new(),
            last: BTreeMap::new(),
            coverage: Coverage::default(),
        };
        let inner = Inner { env, state: Mutex::new(state), changed: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// The way of the member at `place`, which runs in `env`, to the others, until it is unplugged.
    pub fn port(&self, place: usize, env: Env) -> Port {
        let life = self.inner.state.lock().life(place);
        Port { network: self.clone(), place, life, env }
    }

    /// What has happened to messages so far.
    pub fn coverage(&self) -> Coverage {
        self.inner.state.lock().coverage.clone()
    }

    /// The address of the member at `place`.
    pub fn address(place: usize) -> String {
        format!("place-{place}")
    }

    /// Ends the ports of the member at `place`, and what it is handling.
    pub fn unplug(&self, place: usize) {
        let mut state = self.inner.state.lock();
        *state.lives.entry(place).or_default() += 1;
        let ear = state.ears.remove(&place);
        drop(state);
        drop(ear);
        self.inner.changed.notify_waiters();
    }

    /// Cuts the members of `side` off from all others.
    pub fn partition(&self, side: &[usize]) -> Cut {
        let mut state = self.inner.state.lock();
        let others: Vec<usize> =
            state.lives.keys().copied().filter(|place| !side.contains(place)).collect();
        let pairs = side
            .iter()
            .flat_map(|one| others.iter().flat_map(move |other| [(*one, *other), (*other, *one)]));
        let pairs = pairs.collect();
        state.coverage.saw(Thing::Partition);
        state.cut(pairs)
    }

    /// Lets nothing pass from one member to another.
    pub fn cut(&self, from: usize, to: usize) -> Cut {
        let mut state = self.inner.state.lock();
        state.coverage.saw(Thing::OneWayCut);
        state.cut(BTreeSet::from([(from, to)]))
    }

    /// Ends a cut.
    pub fn mend(&self, cut: Cut) {
        self.inner.state.lock().cuts.remove(&cut.0);
    }

    /// Changes what becomes of messages.
    pub fn set_weather(&self, weather: Weather) {
        self.inner.state.lock().weather = weather;
    }

    /// Holds back all messages to and from the member at `place`.
    pub fn hold(&self, place: usize) {
        let mut state = self.inner.state.lock();
        state.held.insert(place);
        state.coverage.saw(Thing::Stalled);
    }

    /// Lets the held messages go on.
    pub fn let_go(&self, place: usize) {
        self.inner.state.lock().held.remove(&place);
        self.inner.changed.notify_waiters();
    }

    /// Ends all that is wrong with the network.
    pub fn heal(&self) {
        let mut state = self.inner.state.lock();
        state.cuts.clear();
        state.held.clear();
        state.weather = Weather::default();
        drop(state);
        self.inner.changed.notify_waiters();
    }

    /// Carries one message; false where it is lost.
    async fn carry(&self, from: usize, to: usize) -> bool {
        let fate = self.inner.state.lock().fate(from, to);
        let Fate::Arrives(delay) = fate else { return false };
        let arrives = self.inner.env.instant() + delay;
        self.inner.state.lock().note_arrival((from, to), arrives);
        self.inner.env.sleep_until(arrives).await;
        loop {
            let changed = self.inner.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.inner.state.lock();
                if !state.held.contains(&from) && !state.held.contains(&to) {
                    return !state.is_cut(from, to);
                }
            }
            changed.await;
        }
    }

    /// Lets the member at `to` handle `call`, unless it is unplugged first.
    async fn handle(&self, to: usize, call: Call) -> Result<Bytes, CallError> {
        let ear = self.inner.state.lock().ears.get(&to).cloned();
        let Some(ear) = ear else { return Err(CallError::Unreached("nobody listens".into())) };
        let answer = ear.env.hosted(ear.inbox.answer(call));
        tokio::select! {
            biased;
            () = self.unplugged(to, ear.life) => Err(CallError::Lost("it went down".into())),
            answer = answer => answer.map_err(CallError::Refused),
        }
    }

    async fn unplugged(&self, place: usize, life: u64) {
        loop {
            let changed = self.inner.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.inner.state.lock().life(place) != life {
                return;
            }
            changed.await;
        }
    }

    /// Has `call` come once more, later.
    fn double(&self, from: usize, to: usize, call: Call) {
        let network = self.clone();
        let late = Duration::from_millis(self.inner.state.lock().random.u64(1..DOUBLE_LATE_MS));
        let double = self.inner.env.spawn("doubled message", async move {
            network.inner.env.sleep(late).await;
            if network.carry(from, to).await {
                let _ = network.handle(to, call).await;
            }
        });
        self.inner.state.lock().on_their_way.push(double);
    }

    /// Carries `call` and has it handled; `None` where it is lost on its way.
    async fn deliver(&self, from: usize, to: usize, call: Call) -> Option<Answered> {
        if self.inner.state.lock().random.u8(..OUTLIVES) > 0 {
            return if self.carry(from, to).await {
                Some(self.handle(to, call).await)
            } else {
                None
            };
        }
        let (sender, receiver) = oneshot::channel();
        let network = self.clone();
        let delivery = self.inner.env.spawn("message", async move {
            let carried = network.carry(from, to).await;
            let answer = if carried { Some(network.handle(to, call).await) } else { None };
            // The caller may be gone.
            let _ = sender.send(answer);
        });
        self.inner.state.lock().on_their_way.push(delivery);
        receiver.await.ok().flatten()
    }

    async fn call(&self, from: usize, to: usize, call: Call) -> Answered {
        let doubled = self.inner.state.lock().doubles(from, to);
        if doubled {
            self.double(from, to, call.clone());
        }
        let Some(answer) = self.deliver(from, to, call).await else {
            // Some systems tell at once that nobody is there, others let one wait.
            let told = self.inner.state.lock().random.bool() && !doubled;
            if told {
                return Err(CallError::Unreached("no way there".into()));
            }
            self.inner.env.sleep(VAIN).await;
            return Err(CallError::Lost("no answer".into()));
        };
        if !self.carry(to, from).await {
            self.inner.env.sleep(VAIN).await;
            return Err(CallError::Lost("no answer".into()));
        }
        answer
    }
}

impl State {
    fn life(&mut self, place: usize) -> u64 {
        *self.lives.entry(place).or_default()
    }

    fn cut(&mut self, pairs: BTreeSet<(usize, usize)>) -> Cut {
        self.last_cut += 1;
        self.cuts.insert(self.last_cut, pairs);
        Cut(self.last_cut)
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.values().any(|pairs| pairs.contains(&(from, to)))
    }

    fn fate(&mut self, from: usize, to: usize) -> Fate {
        let Weather { loss_permille, least, most, .. } = self.weather;
        if self.is_cut(from, to) || self.random.u32(..1000) < loss_permille {
            self.coverage.saw(Thing::Lost);
            return Fate::Lost;
        }
        self.coverage.saw(Thing::Carried);
        Fate::Arrives(least + (most - least).mul_f64(self.random.f64()))
    }

    fn doubles(&mut self, from: usize, to: usize) -> bool {
        let permille = self.weather.double_permille;
        let doubles = permille > 0 && !self.is_cut(from, to) && self.random.u32(..1000) < permille;
        self.coverage.saw_many(Thing::Doubled, u64::from(doubles));
        doubles
    }

    fn note_arrival(&mut self, way: (usize, usize), at: Instant) {
        let last = self.last.entry(way).or_insert(at);
        self.coverage.saw_many(Thing::Overtaken, u64::from(at < *last));
        *last = at.max(*last);
    }
}

/// The way of one member to the others, for one life.
#[derive(Clone, Debug)]
pub struct Port {
    network: Network,
    place: usize,
    life: u64,
    env: Env,
}

#[async_trait]
impl Transport for Port {
    async fn serve(&self, inbox: Arc<dyn Inbox>) -> io::Result<Serving> {
        let mut state = self.network.inner.state.lock();
        if state.life(self.place) != self.life {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let ear = Ear { inbox, life: self.life, env: self.env.clone() };
        state.ears.insert(self.place, ear);
        let held = Unplug { network: self.network.clone(), place: self.place, life: self.life };
        Ok(Serving::new(Network::address(self.place), held))
    }

    async fn call(&self, peer: &Peer, call: Call) -> Result<Bytes, CallError> {
        let place = peer.address.strip_prefix("place-").and_then(|place| place.parse().ok());
        let Some(to) = place else {
            return Err(CallError::Unreached("no such address".into()));
        };
        if self.network.inner.state.lock().life(self.place) != self.life {
            return Err(CallError::Unreached("unplugged".into()));
        }
        tokio::select! {
            biased;
            () = self.network.unplugged(self.place, self.life) => {
                Err(CallError::Lost("unplugged".into()))
            }
            answer = self.network.call(self.place, to, call) => answer,
        }
    }
}

/// Takes the ear away when a member stops to serve.
struct Unplug {
    network: Network,
    place: usize,
    life: u64,
}

impl Drop for Unplug {
    fn drop(&mut self) {
        let mut state = self.network.inner.state.lock();
        let ours = state.ears.get(&self.place).is_some_and(|ear| ear.life == self.life);
        let ear = ours.then(|| state.ears.remove(&self.place));
        drop(state);
        drop(ear);
    }
}
