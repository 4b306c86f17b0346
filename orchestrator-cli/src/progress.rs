//! A bar per workload until all are ready.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::waiting::Progress;

/// The bars; on anything but a terminal, a line for each change.
pub struct Bars {
    group: MultiProgress,
    bars: BTreeMap<String, (ProgressBar, Option<Progress>)>,
    terminal: bool,
}

impl Bars {
    /// A bar for each of `titles`, which are as in `deployment/shop`.
    pub fn new(titles: &[String]) -> Self {
        let terminal = console_is_terminal();
        let group = MultiProgress::new();
        let width = titles.iter().map(String::len).max().unwrap_or(0);
        let template = format!("{{prefix:{width}}} [{{bar:30}}] {{pos}}/{{len}} {{msg}}");
        let style = ProgressStyle::with_template(&template).expect("the template is well formed");
        let bar = |title: &String| {
            let bar = group.add(ProgressBar::new(0));
            bar.set_style(style.clone().progress_chars("=> "));
            bar.set_prefix(title.clone());
            (title.clone(), (bar, None))
        };
        Self { bars: titles.iter().map(bar).collect(), group, terminal }
    }

    /// Shows how far a workload is.
    pub fn show(&mut self, title: &str, progress: &Progress) {
        let Some((bar, shown)) = self.bars.get_mut(title) else { return };
        if shown.as_ref() == Some(progress) {
            return;
        }
        let state = match (progress.failed.as_str(), progress.is_done()) {
            ("", true) => "ready",
            ("", false) => "",
            (why, _) => why,
        };
        if self.terminal {
            bar.set_length(progress.wanted);
            bar.set_position(progress.ready);
            bar.set_message(state.to_owned());
        } else {
            println!("{title} {}/{} {state}", progress.ready, progress.wanted);
        }
        *shown = Some(progress.clone());
    }

    /// Leaves the bars as they are.
    pub fn finish(self) {
        for (bar, _) in self.bars.values() {
            bar.abandon();
        }
        drop(self.group);
    }
}

fn console_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
