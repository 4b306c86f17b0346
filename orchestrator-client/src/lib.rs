//! Typed clients and shared informers, in process or remote
