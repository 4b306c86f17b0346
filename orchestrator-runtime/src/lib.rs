//! The node agent and its runtimes: simulated and process
