//! Queries as options: the kubelet's names for what the API calls `stdin` and `ports`.

use orchestrator_core::Status;
use orchestrator_core::node::{ExecOptions, LogOptions};
use orchestrator_wire::{percent, session};

/// A query, read once.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URI after the question mark.
    pub(super) fn parse(query: &str) -> Self {
        let pairs = percent::pairs(query);
        Self(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn get<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.all(key).next().filter(|value| !value.is_empty())
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE"))
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, Status> {
        let broken = |text: &str| Status::bad_request(format!("{key} cannot be {text:?}"));
        self.get(key).map(|text| text.parse().map_err(|_| broken(text))).transpose()
    }

    /// Which part of a log is wanted.
    ///
    /// # Errors
    /// 400 where a number or a time is none.
    pub(super) fn log(&self, container: &str) -> Result<LogOptions, Status> {
        Ok(LogOptions {
            container: container.to_owned(),
            follow: self.flag("follow"),
            previous: self.flag("previous"),
            since_seconds: self.parsed::<u32>("sinceSeconds")?.map(i64::from),
            since_time: self.parsed("sinceTime")?,
            timestamps: self.flag("timestamps"),
            tail_lines: self.parsed("tailLines")?,
            limit_bytes: self.parsed("limitBytes")?,
            stream: match self.get("stream") {
                Some(name @ ("Stdout" | "Stderr")) => name.to_owned(),
                _ => String::new(),
            },
        })
    }

    /// What is to run, with which streams.
    ///
    /// # Errors
    /// 400 where no stream is joined.
    pub(super) fn command(&self, container: &str) -> Result<ExecOptions, Status> {
        let tty = self.flag("tty");
        let options = ExecOptions {
            container: container.to_owned(),
            command: self.all("command").map(str::to_owned).collect(),
            stdin: self.flag("input"),
            stdout: self.flag("output"),
            // A terminal has one output.
            stderr: self.flag("error") && !tty,
            tty,
        };
        match options.stdin || options.stdout || options.stderr {
            true => Ok(options),
            false => {
                let why = "you must specify at least 1 of stdin, stdout, stderr";
                Err(Status::bad_request(why))
            }
        }
    }

    /// Which ports are wanted.
    ///
    /// # Errors
    /// 400 where one is no port.
    pub(super) fn ports(&self) -> Result<Vec<u16>, Status> {
        session::ports(self.all("port").chain(self.all("ports")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_kubelet_are_understood() {
        let query = Query::parse("command=sh&command=-c&command=a%20b&input=1&output=true&tty=0");
        let command = query.command("c").unwrap();
        assert_eq!(command.command, ["sh", "-c", "a b"]);
        assert_eq!(
            (command.stdin, command.stdout, command.stderr, command.tty),
            (true, true, false, false)
        );
        assert_eq!(Query::parse("command=sh").command("c").unwrap_err().code, 400);
        assert_eq!(Query::parse("port=80&port=443").ports(), Ok(vec![80, 443]));
    }

    #[test]
    fn numbers_and_times_of_logs_are_read_or_refused() {
        let query = "follow=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z&sinceSeconds=7";
        let log = Query::parse(query).log("c").unwrap();
        assert_eq!((log.follow, log.tail_lines, log.since_seconds), (true, Some(5), Some(7)));
        assert!(log.since_time.is_some() && !log.previous);
        for broken in ["tailLines=x", "sinceSeconds=-1", "sinceTime=now", "limitBytes=1e3"] {
            assert_eq!(Query::parse(broken).log("c").unwrap_err().code, 400, "{broken}");
        }
    }
}
