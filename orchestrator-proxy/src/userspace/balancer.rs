//! Which endpoint a client gets: round robin, or the one it had before.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How many clients of a route keep their endpoint; of more, those that were away longest lose
/// it. About 1 MiB.
const MAX_PINS: usize = 16_384;

/// Shares the traffic of one route out among its endpoints.
#[derive(Debug)]
pub(super) struct Balancer {
    env: Env,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    endpoints: Arc<[SocketAddr]>,
    /// Where the rotation stands.
    next: usize,
    affinity: Option<Duration>,
    pins: BTreeMap<IpAddr, Pin>,
    /// The pins by the time of their last use.
    ages: BTreeSet<(Instant, IpAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Pin {
    endpoint: SocketAddr,
    used: Instant,
}

impl Balancer {
    /// No endpoints yet.
    pub fn new(env: Env) -> Self {
        Self { env, state: Mutex::default() }
    }

    /// Sets the endpoints, and how long a client keeps its own.
    pub fn set(&self, endpoints: &[SocketAddr], affinity: Option<Duration>) {
        let mut state = self.state.lock();
        if *state.endpoints != *endpoints {
            state.endpoints = Arc::from(endpoints);
            // Not the first: else each change of a service would send the next client there.
            state.next = self.env.random_below(endpoints.len() as u64) as usize;
        }
        state.affinity = affinity;
        if affinity.is_none() {
            state.pins.clear();
            state.ages.clear();
        }
    }

    /// The endpoints in the order in which `client` shall try them.
    pub fn candidates(&self, client: IpAddr) -> Vec<SocketAddr> {
        let now = self.env.instant();
        let mut state = self.state.lock();
        let pinned = state.pinned(client, now);
        let endpoints = Arc::clone(&state.endpoints);
        let rotated = (0..endpoints.len()).map(|at| endpoints[(state.next + at) % endpoints.len()]);
        let rest = rotated.filter(|endpoint| Some(*endpoint) != pinned);
        let candidates = pinned.into_iter().chain(rest).collect();
        if pinned.is_none() {
            state.next = state.next.wrapping_add(1) % endpoints.len().max(1);
        }
        candidates
    }

    /// Takes note that `client` uses `endpoint`.
    pub fn used(&self, client: IpAddr, endpoint: SocketAddr) {
        let now = self.env.instant();
        let mut state = self.state.lock();
        if state.affinity.is_none() {
            return;
        }
        if let Some(old) = state.pins.insert(client, Pin { endpoint, used: now }) {
            state.ages.remove(&(old.used, client));
        }
        state.ages.insert((now, client));
        if state.pins.len() > MAX_PINS
            && let Some((_, oldest)) = state.ages.pop_first()
        {
            state.pins.remove(&oldest);
        }
    }

    /// Whether there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.state.lock().endpoints.is_empty()
    }

    /// Whether `endpoint` may still be used.
    pub fn contains(&self, endpoint: SocketAddr) -> bool {
        self.state.lock().endpoints.contains(&endpoint)
    }
}

impl State {
    /// The endpoint that `client` keeps: used not too long ago, and still there.
    fn pinned(&self, client: IpAddr, now: Instant) -> Option<SocketAddr> {
        let pin = self.pins.get(&client)?;
        let fresh = now.duration_since(pin.used) < self.affinity?;
        (fresh && self.endpoints.contains(&pin.endpoint)).then_some(pin.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn client(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 1, last])
    }

    fn balancer(affinity: Option<Duration>) -> Balancer {
        let balancer = Balancer::new(Env::simulated(1));
        balancer.set(&[endpoint(1), endpoint(2), endpoint(3)], affinity);
        balancer
    }

    #[tokio::test(start_paused = true)]
    async fn endpoints_take_turns_and_all_are_candidates() {
        let balancer = balancer(None);
        let mut firsts: Vec<_> = (0..3).map(|_| balancer.candidates(client(1))[0]).collect();
        firsts.sort();
        assert_eq!(firsts, [endpoint(1), endpoint(2), endpoint(3)]);
        assert_eq!(balancer.candidates(client(1)).len(), 3);
        balancer.set(&[], None);
        assert!(balancer.candidates(client(1)).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_keeps_its_endpoint_until_it_was_away_too_long() {
        let balancer = balancer(Some(Duration::from_secs(10)));
        balancer.used(client(1), endpoint(2));
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(9)).await;
            assert_eq!(balancer.candidates(client(1))[0], endpoint(2));
            balancer.used(client(1), endpoint(2));
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(balancer.state.lock().pinned(client(1), balancer.env.instant()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_endpoint_is_gone_gets_another() {
        let balancer = balancer(Some(Duration::from_secs(10)));
        balancer.used(client(1), endpoint(2));
        balancer.set(&[endpoint(1), endpoint(3)], Some(Duration::from_secs(10)));
        assert!(!balancer.candidates(client(1)).contains(&endpoint(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_clients_that_are_remembered_is_bounded() {
        let balancer = balancer(Some(Duration::from_secs(1000)));
        for n in 0..MAX_PINS as u32 + 10 {
            tokio::time::advance(Duration::from_millis(1)).await;
            balancer.used(IpAddr::from(n.to_be_bytes()), endpoint(1));
        }
        let state = balancer.state.lock();
        assert_eq!((state.pins.len(), state.ages.len()), (MAX_PINS, MAX_PINS));
        assert!(!state.pins.contains_key(&IpAddr::from(0u32.to_be_bytes())));
    }
}
