//! The options that engines have in common, and the methods of their builders that set them.
//!
//! A builder has the field `common`, and `logged` where the engine writes a log of its own. The
//! two macros give it the methods, so that an option is called, explained and kept alike in all
//! engines.

use std::time::Duration;

use crate::mvcc::Limits;
#[cfg(feature = "durable")]
use crate::planted::Planted;

/// The options of every engine that holds the state itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    pub(crate) keep_history: Option<Duration>,
}

/// The options of every engine that writes a log.
#[cfg(feature = "durable")]
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) name: String,
    pub(crate) segment_bytes: Option<u64>,
    pub(crate) planted: Planted,
}

#[cfg(feature = "durable")]
impl Default for Logged {
    fn default() -> Self {
        Self { name: "default".into(), segment_bytes: None, planted: Planted::NONE }
    }
}

/// The methods of a builder that set [`Common`].
macro_rules! common_options {
    () => {
        /// Bounds the store by `limits`; an existing one that is this process's alone from now on.
        pub fn limits(mut self, limits: $crate::Limits) -> Self {
            self.common.limits = limits;
            self
        }

        /// Compacts what is older than `age`, give or take an eighth, or as much again where
        /// several members agree; otherwise only the [`Limits`](crate::Limits) and
        /// [`Store::compact`](orchestrator_core::Store::compact) do. Writes then need a tokio
        /// runtime.
        pub fn keep_history(mut self, age: std::time::Duration) -> Self {
            self.common.keep_history = Some(age);
            self
        }
    };
}

/// The methods of a builder that set [`Logged`].
#[cfg(feature = "durable")]
macro_rules! logged_options {
    () => {
        /// What the member is called; unique among members of one store.
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.logged.name = name.into();
            self
        }

        /// The size of the log's files, of which two are there at least; otherwise 64 MiB.
        pub fn segment_bytes(mut self, bytes: u64) -> Self {
            self.logged.segment_bytes = Some(bytes);
            self
        }

        /// Plants faults, for the test of the tests.
        #[doc(hidden)]
        pub fn planted(mut self, planted: $crate::planted::Planted) -> Self {
            self.logged.planted = planted;
            self
        }
    };
}

pub(crate) use common_options;
#[cfg(feature = "durable")]
pub(crate) use logged_options;
