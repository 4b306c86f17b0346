//! Manifests: files of YAML documents, one object each, and how they get into a cluster.
//!
//! Parsing keeps the line of every field, so that an error, also one that the server finds, is
//! told with file, document, line and field. [`Manifest::apply`] first asks the server whether it
//! would take every document and changes nothing if it would not.

mod apply;
mod node;

pub use apply::{Applied, Mapping};

use std::fmt;

use orchestrator_core::{Object, Status};

use node::Node;

/// The longest manifest taken: far more than any that a person writes.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Some objects to be, from one file.
#[derive(Clone, Debug)]
pub struct Manifest {
    file: String,
    documents: Vec<Document>,
}

/// One object to be.
#[derive(Clone, Debug)]
pub struct Document {
    /// The object.
    pub object: Object,
    place: Place,
    root: Node,
}

/// Where something stands in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The document in the file, from 1; 0 where it is not known.
    pub document: usize,
    /// The line in the file, from 1; 0 where it is not known.
    pub line: u64,
    /// The field, as in `spec.replicas`; empty for the document as a whole.
    pub field: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.document > 0 {
            write!(f, ", document {}", self.document)?;
        }
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if !self.field.is_empty() {
            write!(f, ", field {}", self.field)?;
        }
        Ok(())
    }
}

/// Why a manifest is not in the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is no YAML, or a document is no object.
    #[error("{place}: {message}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// The server does not take a document; nothing was changed.
    #[error("{}; nothing was applied", refusals(.0))]
    Refused(Vec<(Place, String)>),
    /// The server took a document in the trial and then did not.
    #[error("{place}: {status}; applied before this: {}", list(.applied))]
    Interrupted {
        /// Which document.
        place: Place,
        /// What the server said.
        #[source]
        status: Box<Status>,
        /// The objects that are in the cluster now.
        applied: Vec<String>,
    },
}

fn refusals(refusals: &[(Place, String)]) -> String {
    let lines = refusals.iter().map(|(place, message)| format!("{place}: {message}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

impl Manifest {
    /// Parses `text`, which stands in `file`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let malformed = |line, message: String| {
            let place = Place { file: file.into(), line, ..Place::default() };
            ManifestError::Malformed { place, message }
        };
        if text.len() > MAX_BYTES {
            return Err(malformed(0, format!("longer than {MAX_BYTES} bytes")));
        }
        let roots: Vec<Node> = serde_saphyr::from_multiple(text).map_err(|error| {
            let line = error.location().map_or(0, |location| location.line());
            malformed(line, error.without_snippet().to_string())
        })?;
        let mut documents = Vec::with_capacity(roots.len());
        for (index, root) in roots.into_iter().enumerate() {
            documents.extend(Document::parse(file, index + 1, root)?);
        }
        Ok(Self { file: file.into(), documents })
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The objects, in the order of the file.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }
}

impl Document {
    /// The objects of one document: itself, or the items of a `List`.
    fn parse(file: &str, number: usize, root: Node) -> Result<Vec<Self>, ManifestError> {
        let place =
            Place { file: file.into(), document: number, line: root.line, field: String::new() };
        if root.text("kind") == Some("List") {
            let items = root.take("items").and_then(Node::into_items).unwrap_or_default();
            let parsed = items.into_iter().map(|item| Self::parse(file, number, item));
            return parsed.collect::<Result<Vec<_>, _>>().map(|lists| lists.concat());
        }
        let malformed = |field: &str, message: &str| ManifestError::Malformed {
            place: Place { field: field.into(), ..place.clone() },
            message: message.into(),
        };
        for field in ["apiVersion", "kind"] {
            if root.text(field).is_none_or(str::is_empty) {
                return Err(malformed(field, "required, and missing"));
            }
        }
        match root.to_json() {
            orchestrator_core::Json::Object(map) => {
                Ok(vec![Self { object: Object::from(map), place, root }])
            }
            _ => Err(malformed("", "a document must be an object")),
        }
    }

    /// The place of a field, or of the nearest that contains it.
    pub fn place(&self, field: &str) -> Place {
        let line = self.root.line_of(field);
        Place { line, field: field.into(), ..self.place.clone() }
    }

    /// `kind/name`, for people.
    pub fn title(&self) -> String {
        format!("{}/{}", self.object.kind().to_lowercase(), self.object.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: a
data:
  x: \"1\"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: b
spec:
  template:
    spec:
      containers:
      - name: c
        ports:
        - containerPort: 80
";

    #[test]
    fn every_field_knows_its_line() {
        let manifest = Manifest::parse("f.yaml", TWO).unwrap();
        let [config, deployment] = manifest.documents() else { panic!("two documents") };
        assert_eq!(
            (config.title(), deployment.title()),
            ("configmap/a".into(), "deployment/b".into())
        );
        assert_eq!(config.object.at(&["data", "x"]), Some(&"1".into()));
        let ports = "spec.template.spec.containers[0].ports[0].containerPort";
        assert_eq!(deployment.place(ports).line, 18);
        let missing = deployment.place("spec.template.spec.containers[0].image");
        assert_eq!(missing.line, 16);
        assert_eq!(
            missing.to_string(),
            "f.yaml, document 2, line 16, field spec.template.spec.containers[0].image"
        );
    }

    #[test]
    fn what_is_malformed_is_told_with_its_place() {
        let cases = [
            ("a: [", "f.yaml, line "),
            ("kind: Pod", "f.yaml, document 1, line 1, field apiVersion: required, and missing"),
            ("- a", "f.yaml, document 1, line 1, field apiVersion: required, and missing"),
        ];
        for (text, expected) in cases {
            let error = Manifest::parse("f.yaml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_list_is_its_items() {
        let text = "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n";
        let manifest = Manifest::parse("f.yaml", text).unwrap();
        assert_eq!(manifest.documents()[0].title(), "pod/a");
    }
}
