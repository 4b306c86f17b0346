//! A bar for work on a store.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressStyle};

/// On anything but a terminal, a line at the end of each step.
pub struct Bar {
    bar: ProgressBar,
    step: &'static str,
    /// How far the step is, as a line would tell it.
    line: String,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Keys.
    Keys,
    /// Bytes.
    Bytes,
}

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::new(0), step: "", line: String::new() }
    }

    /// Shows how far `step` is; `total` is 0 where nobody knows.
    pub fn show(&mut self, step: &'static str, unit: Unit, done: u64, total: u64) {
        if self.step != step {
            self.end_step();
            self.step = step;
            self.bar = ProgressBar::new(total).with_style(style(unit, total > 0));
            self.bar.set_message(Cow::Borrowed(step));
        }
        // What is written meanwhile is copied too, so that there may be more than was counted.
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
        self.line = match unit {
            Unit::Keys => format!("{step}: {done} keys"),
            Unit::Bytes => format!("{step}: {}", indicatif::HumanBytes(done)),
        };
    }

    /// Leaves the bar as it is.
    pub fn finish(mut self) {
        self.end_step();
    }

    fn end_step(&mut self) {
        self.bar.abandon();
        if self.bar.is_hidden() && !self.line.is_empty() {
            eprintln!("{}", self.line);
        }
        self.line.clear();
    }
}

fn style(unit: Unit, bounded: bool) -> ProgressStyle {
    let template = match (unit, bounded) {
        (Unit::Keys, true) => "{msg:12} [{bar:30}] {human_pos}/{human_len} keys  {eta}",
        (Unit::Keys, false) => "{msg:12} {spinner} {human_pos} keys  {per_sec}",
        (Unit::Bytes, true) => "{msg:12} [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}",
        (Unit::Bytes, false) => "{msg:12} {spinner} {bytes}  {bytes_per_sec}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    style.progress_chars("=> ")
}
