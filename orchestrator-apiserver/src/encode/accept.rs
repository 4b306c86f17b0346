//! Negotiation: which form of an answer a client accepts.
//!
//! An `Accept` header is a list of clauses, each a media type with parameters. The first clause,
//! by descending `q`, that can be served decides; `as`, `g` and `v` ask for another shape of the
//! same data. JSON is what the server holds ready, so protobuf is served only to those who accept
//! nothing else.

use orchestrator_core::Status;

use super::protobuf;

/// The form in which an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The encoding.
    pub encoding: Encoding,
    /// The shape.
    pub shape: Shape,
    /// Whether JSON is indented.
    pub pretty: bool,
}

/// How an answer is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Protobuf, for the built-in kinds.
    Protobuf,
}

/// Which shape of the data is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The objects themselves.
    Object,
    /// A `Table`, for people to read.
    Table(MetaVersion),
    /// The metadata of one object, or of each object of a watch.
    Metadata(MetaVersion),
    /// The metadata of each object of a list.
    MetadataList(MetaVersion),
}

/// The version of the kinds in `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaVersion {
    /// `v1`.
    V1,
    /// `v1beta1`.
    V1beta1,
}

impl MetaVersion {
    /// `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

impl Form {
    /// JSON as it is, for answers that nothing was negotiated for.
    pub const PLAIN: Self = Self { encoding: Encoding::Json, shape: Shape::Object, pretty: false };

    /// The `Content-Type` of an answer in this form.
    pub fn content_type(self) -> &'static str {
        match self.encoding {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => protobuf::MEDIA_TYPE,
        }
    }

    /// The same encoding without another shape: what errors are sent in.
    #[must_use]
    pub fn as_object(self) -> Self {
        Self { shape: Shape::Object, ..self }
    }
}

/// One clause of an `Accept` header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause<'a> {
    pub(crate) media: &'a str,
    pub(crate) params: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Clause<'_> {
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }
}

/// The most clauses that are looked at; clients send at most three.
const MAX_CLAUSES: usize = 32;

/// The clauses of an `Accept` header, best first.
pub(crate) fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<_> = accept.split(',').filter_map(clause).take(MAX_CLAUSES).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    clauses
}

fn clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let pairs = parts.filter_map(|part| part.split_once('='));
    let params: Vec<_> =
        pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"'))).collect();
    let quality = params.iter().find(|(key, _)| *key == "q").and_then(|(_, q)| q.parse().ok());
    Some(Clause { media, params, quality: quality.unwrap_or(1.0) })
}

/// What a request says about the form of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The `Accept` header; empty where there is none.
    pub accept: &'a str,
    /// The `pretty` parameter of the query.
    pub pretty: Option<bool>,
    /// The `User-Agent` header: tools that people read the output of get indented JSON.
    pub agent: &'a str,
    /// Whether the answer is a watch.
    pub watch: bool,
}

const MEDIA_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl Wish<'_> {
    /// The form to answer in.
    ///
    /// # Errors
    /// 406 where no clause can be served.
    pub fn negotiate(self) -> Result<Form, Status> {
        let pretty = self.pretty.unwrap_or_else(|| {
            ["curl", "Wget", "Mozilla/5.0"].iter().any(|tool| self.agent.starts_with(tool))
        });
        if self.accept.trim().is_empty() {
            return Ok(Form { pretty, ..Form::PLAIN });
        }
        let clauses = clauses(self.accept);
        if let Some((encoding, shape)) = clauses.iter().find_map(|clause| self.serve(clause)) {
            return Ok(Form { encoding, shape, pretty });
        }
        let protobuf = |clause: &&Clause<'_>| {
            clause.media == protobuf::MEDIA_TYPE
                && clause.param("as").is_empty()
                && self.takes_stream(clause)
        };
        match clauses.iter().find(protobuf) {
            Some(_) => Ok(Form { encoding: Encoding::Protobuf, ..Form::PLAIN }),
            None => Err(self.refuse(&clauses)),
        }
    }

    /// Whether the clause's `stream` parameter goes with the kind of answer.
    fn takes_stream(self, clause: &Clause<'_>) -> bool {
        match clause.param("stream") {
            "" => true,
            "watch" => self.watch,
            _ => false,
        }
    }

    fn serve(self, clause: &Clause<'_>) -> Option<(Encoding, Shape)> {
        let encoding = match clause.media {
            "application/json" | "application/*" | "*/*" => Encoding::Json,
            "application/yaml" if !self.watch => Encoding::Yaml,
            _ => return None,
        };
        if !self.takes_stream(clause) {
            return None;
        }
        let shape = match clause.param("as") {
            "" => return Some((encoding, Shape::Object)),
            shape => shape,
        };
        let version = match (clause.param("g"), clause.param("v")) {
            ("meta.k8s.io", "v1") => MetaVersion::V1,
            ("meta.k8s.io", "v1beta1") => MetaVersion::V1beta1,
            _ => return None,
        };
        let shape = match shape {
            "Table" => Shape::Table(version),
            "PartialObjectMetadata" => Shape::Metadata(version),
            "PartialObjectMetadataList" if !self.watch => Shape::MetadataList(version),
            _ => return None,
        };
        Some((encoding, shape))
    }

    /// The words tell the clauses of which nothing can be written from those whose parameters
    /// are the trouble.
    fn refuse(self, clauses: &[Clause<'_>]) -> Status {
        const KNOWN: [&str; 5] =
            ["application/json", "application/yaml", "application/*", "*/*", protobuf::MEDIA_TYPE];
        if clauses.iter().any(|clause| KNOWN.contains(&clause.media)) {
            return Status::not_acceptable(MEDIA_TYPES);
        }
        let streams = match self.watch {
            true => {
                ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
            }
            false => "",
        };
        let message =
            format!("406: Not Acceptable\n\nAvailable representations: {MEDIA_TYPES}{streams}");
        Status::generic(406, "NotAcceptable", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn negotiate(accept: &str, watch: bool) -> Result<Form, Status> {
        Wish { accept, pretty: None, agent: "", watch }.negotiate()
    }

    #[test]
    fn the_first_clause_that_can_be_served_decides() {
        use Encoding::{Json, Yaml};
        let table = Shape::Table(MetaVersion::V1);
        let metadata = Shape::Metadata(MetaVersion::V1);
        let cases = [
            ("", Json, Shape::Object),
            ("*/*", Json, Shape::Object),
            ("application/yaml", Yaml, Shape::Object),
            ("application/json;q=0.5, application/yaml", Yaml, Shape::Object),
            ("application/vnd.kubernetes.protobuf,application/json", Json, Shape::Object),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Json, table),
            ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Json, Shape::Object),
            ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", Json, metadata),
            ("text/html, */*;q=0.1", Json, Shape::Object),
            ("application/vnd.kubernetes.protobuf", Encoding::Protobuf, Shape::Object),
        ];
        for (accept, encoding, shape) in cases {
            let form = negotiate(accept, false).unwrap();
            assert_eq!((form.encoding, form.shape), (encoding, shape), "{accept}");
        }
        assert!(negotiate("application/json;stream=watch", true).is_ok());
        assert!(negotiate("application/json;stream=watch", false).is_err());
    }

    #[test]
    fn what_cannot_be_served_is_refused_in_the_words_of_the_server() {
        let message = |accept: &str, watch| negotiate(accept, watch).unwrap_err().message;
        assert_eq!(
            message("application/json;as=Frob;v=v1;g=meta.k8s.io", false),
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf"
        );
        assert!(
            message("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", false)
                .starts_with("only the following")
        );
        assert!(message("application/xml", true).ends_with("protobuf;stream=watch"));
        assert!(message("application/xml", false).ends_with("kubernetes.protobuf"));
    }

    #[test]
    fn people_get_indented_json() {
        let pretty = |pretty, agent| {
            Wish { accept: "", pretty, agent, watch: false }.negotiate().unwrap().pretty
        };
        assert!(pretty(None, "curl/8.5.0") && pretty(Some(true), "kubectl"));
        assert!(!pretty(None, "kubectl") && !pretty(Some(false), "curl/8"));
    }

    proptest! {
        #[test]
        fn any_header_is_served_or_refused(accept in "\\PC{0,200}", watch: bool) {
            let _ = negotiate(&accept, watch);
        }
    }
}
