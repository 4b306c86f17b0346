//! The group `batch`: work that comes to an end.

mod cron;
pub mod cronjob;
pub mod job;
