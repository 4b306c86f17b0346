//! Tables of custom resources: the columns that a definition names by their paths.

use jiff::Timestamp;
use orchestrator_core::Json;
use orchestrator_core::object::Object;
use orchestrator_core::resource::{Column, TableRows};
use orchestrator_custom::path::JsonPath;
use orchestrator_kinds::fields::Fields;

/// The columns of one version.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<(Column, JsonPath)>,
}

impl Columns {
    /// Reads the columns of a version; without any, the age is shown.
    pub(super) fn read(version: &Json) -> Self {
        let declared = version.list("additionalPrinterColumns").iter();
        let mut columns: Vec<_> = declared.filter_map(column).collect();
        if version.list("additionalPrinterColumns").is_empty() {
            const PATH: &str = ".metadata.creationTimestamp";
            let path = JsonPath::parse(PATH).expect("the path is sound");
            let age = Column { description: described(PATH).into(), ..Column::new("Age", "date") };
            columns.push((age, path));
        }
        Self { columns }
    }
}

fn described(path: &str) -> String {
    format!("Custom resource definition column (in JSONPath format): {path}")
}

fn column(declared: &Json) -> Option<(Column, JsonPath)> {
    let text = |name: &str| declared.text(name).to_owned();
    let path = JsonPath::parse(declared.text("jsonPath")).ok()?;
    let description = match declared.text("description") {
        "" => described(declared.text("jsonPath")),
        words => words.to_owned(),
    };
    let column = Column {
        format: text("format").into(),
        description: description.into(),
        priority: i32::try_from(declared.int("priority").unwrap_or_default()).unwrap_or_default(),
        ..Column::new(text("name"), text("type"))
    };
    Some((column, path))
}

impl TableRows for Columns {
    fn columns(&self) -> Vec<Column> {
        let description = "Name must be unique within a namespace.".into();
        let name = Column { format: "name".into(), description, ..Column::new("Name", "string") };
        let others = self.columns.iter().map(|(column, _)| column.clone());
        std::iter::once(name).chain(others).collect()
    }

    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Json> {
        let cell = |(column, path): &(Column, JsonPath)| {
            let found = path.find(object.as_map()).into_iter().next();
            found.map_or(Json::Null, |value| cell(&column.r#type, value, now))
        };
        let name = Json::from(object.name());
        std::iter::once(name).chain(self.columns.iter().map(cell)).collect()
    }
}

/// A value as a column of the type `ty` shows it.
fn cell(ty: &str, value: &Json, now: Timestamp) -> Json {
    match (ty, value) {
        (_, Json::Null) => Json::Null,
        ("string", Json::String(text)) => text.as_str().into(),
        ("string", other) => other.to_string().into(),
        ("integer", Json::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) => (float as i64).into(),
            _ => Json::Null,
        },
        ("number", Json::Number(_)) | ("boolean", Json::Bool(_)) => value.clone(),
        ("date", Json::String(text)) => match text.parse::<Timestamp>() {
            Ok(_) => orchestrator_kinds::since(text, now).into(),
            Err(_) => "<invalid>".into(),
        },
        _ => Json::Null,
    }
}
