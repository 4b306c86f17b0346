//! Plans from seeds.

use std::time::Duration;

use fastrand::Rng;

use super::{Action, Clock, Fault, Plan, Step, Weather};
use crate::sim::disk::DiskFault;

/// How many plain keys clients fight over: few, so that they meet.
const KEYS: u8 = 5;

/// By how many thousandths a clock may be too fast or too slow.
const CLOCK_RATE: i32 = 200;

/// What kind of runs are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How many members, drawn from these.
    pub places: &'static [usize],
    /// How many clients.
    pub clients: usize,
    /// How long clients and faults act.
    pub lasting: Duration,
    /// The longest that a client thinks between two steps.
    pub pause: Duration,
    /// The most faults.
    pub faults: usize,
    /// Whether bits of disks may change behind the engine's back.
    pub rot: bool,
    /// Whether members come and go.
    pub membership: bool,
}

impl Profile {
    /// Runs of one member with a disk.
    pub const fn single() -> Self {
        Self {
            places: &[1],
            clients: 4,
            lasting: Duration::from_secs(4),
            pause: Duration::from_millis(60),
            faults: 6,
            rot: true,
            membership: false,
        }
    }

    /// Runs of several members.
    pub const fn several() -> Self {
        Self {
            places: &[3, 3, 3, 5],
            clients: 5,
            lasting: Duration::from_secs(8),
            pause: Duration::from_millis(300),
            faults: 6,
            rot: true,
            membership: true,
        }
    }

    /// The plan that follows from `seed`.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut draw = Draw { random: Rng::with_seed(seed), profile: self, places: 1 };
        draw.places = draw.one_of(self.places);
        let clients = (0..self.clients).map(|_| draw.client()).collect();
        let count = draw.random.usize(self.faults.min(1)..=self.faults);
        let mut faults: Vec<_> = (0..count).map(|_| draw.fault()).collect();
        faults.sort_by_key(|(at, _)| *at);
        let clocks = draw.clocks();
        Plan { seed, places: draw.places, clocks, lasting: self.lasting, clients, faults }
    }
}

struct Draw<'a> {
    random: Rng,
    profile: &'a Profile,
    places: usize,
}

impl Draw<'_> {
    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }

    /// From nothing to `most`, and more often little.
    fn time(&mut self, most: Duration) -> Duration {
        let part = self.random.f64();
        most.mul_f64(part * part)
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(self.random.u64(least_ms..=most_ms))
    }

    fn place(&mut self) -> usize {
        self.random.usize(..self.places)
    }

    fn key(&mut self) -> u8 {
        self.random.u8(..KEYS)
    }

    /// In half of the runs all clocks are right, as far as a member can tell.
    fn clocks(&mut self) -> Vec<Clock> {
        if self.random.bool() {
            return Vec::new();
        }
        let clock = |draw: &mut Self| Clock {
            ahead: draw.between(0, 100_000),
            rate_permille: draw.random.i32(-CLOCK_RATE..=CLOCK_RATE),
        };
        (0..self.places).map(|_| clock(self)).collect()
    }

    fn client(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut time = Duration::ZERO;
        let mut place = self.place();
        while time < self.profile.lasting {
            let pause = self.time(self.profile.pause);
            if self.random.u8(..5) == 0 {
                place = self.place();
            }
            let number = u32::try_from(steps.len()).expect("a client has few steps");
            steps.push(Step { pause, place, number, action: self.action() });
            // A call takes some milliseconds.
            time += pause + Duration::from_millis(4);
        }
        steps
    }

    fn action(&mut self) -> Action {
        let key = self.key();
        let serializable = self.random.u8(..4) == 0;
        match self.random.u8(..100) {
            0..30 => Action::Put { key, swap: self.random.bool(), size: self.size() },
            30..38 => Action::PutMany { first: key, count: self.random.u8(2..5) },
            38..43 => Action::Delete { key },
            43..45 => Action::Clear { key },
            45..66 => Action::Get { key, serializable },
            66..76 => Action::List { back: self.random.u8(..8), serializable },
            76..84 => self.watch(),
            84..87 => Action::Grant { ttl: self.between(300, 1500) },
            87..91 => Action::PutLeased { key },
            91..94 => Action::KeepAlive,
            94..95 => Action::Revoke,
            95..97 => Action::Describe,
            _ => Action::Compact { back: self.random.u8(2..40) },
        }
    }

    /// Mostly small; sometimes more than a sector, a page, or several.
    fn size(&mut self) -> u16 {
        match self.random.u8(..20) {
            0 => self.random.u16(4000..9000),
            1..4 => self.random.u16(400..1200),
            _ => self.random.u16(16..80),
        }
    }

    fn watch(&mut self) -> Action {
        let key = self.random.bool().then(|| self.key());
        let progress = self.random.bool().then(|| self.between(20, 300));
        let back = self.random.u8(..10);
        Action::Watch { key, back, lasting: self.between(10, 1500), progress }
    }

    fn fault(&mut self) -> (Duration, Fault) {
        let at = self.profile.lasting.mul_f64(self.random.f64());
        let fault = match (self.places, self.random.u8(..100)) {
            (1, _) | (_, 0..45) => self.member_fault(),
            (_, 45..80) => self.network_fault(),
            _ => self.leader_fault(),
        };
        (at, fault)
    }

    /// One member, most, or all.
    fn some_places(&mut self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.places).collect();
        self.random.shuffle(&mut places);
        let count = match self.random.u8(..10) {
            0..6 => 1,
            6..8 => self.places / 2 + 1,
            _ => self.places,
        };
        places.truncate(count);
        places
    }

    fn member_fault(&mut self) -> Fault {
        let place = self.place();
        let down = self.between(1, 800);
        let calls = self.random.u64(1..60);
        let disk = |fault| Fault::Disk { place, fault, down };
        match self.random.u8(..100) {
            0..10 => Fault::Crash { places: self.some_places(), down },
            10..22 => Fault::Kill { places: self.some_places(), down },
            22..34 => Fault::CrashAtAnswer { place, answers: self.random.u32(1..30), down },
            34..50 => Fault::CrashAtStep { place, steps: self.steps(), down },
            50..63 => disk(DiskFault::Crash(calls)),
            63..70 => Fault::Stop { place, lasting: self.between(20, 2000) },
            70..77 => disk(DiskFault::FailSync(calls)),
            77..81 => disk(DiskFault::FailWrite(calls)),
            81..83 => disk(DiskFault::FailRead(calls.min(12))),
            83..90 => {
                let room = self.random.u64(0..20_000);
                Fault::Full { place, room, lasting: self.between(50, 1500) }
            }
            90..96 if self.profile.rot => Fault::Rot { place, down },
            _ => Fault::Progress { place },
        }
    }

    /// Some steps of tasks: of one poll, of one request, or of many.
    fn steps(&mut self) -> u64 {
        let most = [10, 200, 3000][self.random.usize(..3)];
        self.random.u64(1..=most)
    }

    fn network_fault(&mut self) -> Fault {
        let lasting = self.between(50, 2500);
        match self.random.u8(..100) {
            0..40 => {
                let mut side = self.some_places();
                side.truncate(self.places / 2);
                Fault::Partition { side, lasting }
            }
            40..65 => Fault::Cut { from: self.place(), to: self.place(), lasting },
            65..85 => Fault::Weather { weather: self.weather(), lasting },
            85..93 => Fault::Hold { place: self.place(), lasting },
            _ => Fault::Stop { place: self.place(), lasting },
        }
    }

    fn weather(&mut self) -> Weather {
        let least = self.between(0, 20);
        Weather {
            loss_permille: self.random.u32(..300),
            double_permille: self.random.u32(..200),
            least,
            most: least + self.between(1, 120),
        }
    }

    fn leader_fault(&mut self) -> Fault {
        let place = self.place();
        match self.random.u8(..100) {
            0..50 => Fault::Transfer { to: place },
            50..58 if self.profile.membership => Fault::Join,
            58..66 if self.profile.membership => {
                let after = self.between(100, 1500);
                Fault::Follow { promoted: (self.random.u8(..3) > 0).then_some(after) }
            }
            66..80 if self.profile.membership => {
                Fault::Replace { place, down: self.between(1, 600) }
            }
            80..90 if self.profile.membership => Fault::Leave { place },
            _ => Fault::Progress { place },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_plan() {
        for profile in [Profile::single(), Profile::several()] {
            assert_eq!(profile.plan(7), profile.plan(7));
            assert_ne!(profile.plan(7), profile.plan(8));
            let plan = profile.plan(7);
            assert!(plan.faults.iter().all(|(at, _)| *at < plan.lasting));
            assert!(plan.clients.iter().all(|steps| steps.len() > 10));
        }
    }
}
