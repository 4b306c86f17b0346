//! Questions to the authorizer, and its answers.

/// May somebody do something?
///
/// An expression puts it piece by piece; what it has not said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The service account that is meant, as namespace and name; `None` for who makes the request.
    pub service_account: Option<(String, String)>,
    /// The path that is meant, where it is about no resource.
    pub path: Option<String>,
    /// The API group.
    pub group: String,
    /// The resource.
    pub resource: String,
    /// The part of it.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object.
    pub name: String,
    /// Which objects, by their fields.
    pub field_selector: String,
    /// Which objects, by their labels.
    pub label_selector: String,
    /// To do what.
    pub verb: String,
}

/// What the authorizer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, or why not.
    pub reason: String,
    /// What kept the authorizer from finding out.
    pub error: Option<String>,
}
