//! The pod network with real packets, on machines of each test alone.

mod nodes;
mod policies;
