//! Encoded objects, looked at and put together without decoding them.
//!
//! What clients are sent differs from what is stored by one field, `metadata.resourceVersion`,
//! and what a typed reader wants by one more, `metadata.managedFields`, which is as large as the
//! rest. Both are a copy of bytes here, where a tree would be hundreds of allocations.

use std::ops::Range;

use crate::scan::{self, Member, Members};
use crate::store::Revision;

/// The text without its revision, with another put in, and with a field left out.
#[derive(Clone, Copy)]
pub(super) struct Text<'b> {
    bytes: &'b [u8],
    /// Where the members of the metadata begin.
    metadata: usize,
}

impl<'b> Text<'b> {
    /// The text of an object; `None` where it has no metadata, or is no object at all.
    pub(super) fn new(bytes: &'b [u8]) -> Option<Self> {
        let metadata = Members::new(bytes, 0)?.find(b"metadata")?.value;
        Some(Self { bytes, metadata: Members::new(bytes, metadata.start)?.place() })
    }

    /// The text in the field `name` of the metadata, empty where it is missing; `None` where the
    /// bytes do not say it as it is.
    pub(super) fn plain(self, name: &[u8]) -> Option<&'b str> {
        let Some(member) = self.find(name) else { return Some("") };
        let text = self.bytes[member.value].strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        std::str::from_utf8(text).ok().filter(|text| !text.contains('\\'))
    }

    /// The text with `metadata.resourceVersion`, which it must not have yet.
    pub(super) fn append(self, revision: Revision, out: &mut Vec<u8>) {
        self.append_head(revision, out);
        out.extend_from_slice(&self.bytes[self.metadata..]);
    }

    /// The same without `metadata.managedFields`.
    pub(super) fn append_unmanaged(self, revision: Revision, out: &mut Vec<u8>) {
        let Some(managed) = self.find(b"managedFields") else {
            return self.append(revision, out);
        };
        self.append_head(revision, out);
        let cut = self.with_comma(managed.whole);
        out.extend_from_slice(&self.bytes[self.metadata..cut.start]);
        out.extend_from_slice(&self.bytes[cut.end..]);
    }

    /// The revision in `metadata.resourceVersion`, and the text without that field.
    pub(super) fn split_revision(self) -> Option<(Revision, Vec<u8>)> {
        let member = self.find(b"resourceVersion")?;
        let digits = self.bytes[member.value].strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let revision = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let cut = self.with_comma(member.whole);
        Some((Revision::new(revision), [&self.bytes[..cut.start], &self.bytes[cut.end..]].concat()))
    }

    /// A field of the metadata, whose name is spelt without escapes wherever it matters.
    fn find(self, name: &[u8]) -> Option<Member<'b>> {
        Members::inside(self.bytes, self.metadata).find(name)
    }

    /// Everything before the first member of the metadata, and the revision as the first.
    fn append_head(self, revision: Revision, out: &mut Vec<u8>) {
        use std::io::Write as _;
        out.reserve(self.bytes.len() + REVISION_BYTES);
        out.extend_from_slice(&self.bytes[..self.metadata]);
        if revision.is_zero() {
            return;
        }
        let comma = match self.bytes.get(scan::blank(self.bytes, self.metadata)) {
            Some(b'}') => "",
            _ => ",",
        };
        write!(out, "\"resourceVersion\":\"{revision}\"{comma}").expect("memory takes all");
    }

    /// The member at `whole` with the comma that goes with it: that behind it, or before the last.
    fn with_comma(self, whole: Range<usize>) -> Range<usize> {
        let after = scan::blank(self.bytes, whole.end);
        if self.bytes.get(after) == Some(&b',') {
            return whole.start..after + 1;
        }
        let before = self.bytes[self.metadata..whole.start].trim_ascii_end();
        match before.ends_with(b",") {
            true => self.metadata + before.len() - 1..whole.end,
            false => whole,
        }
    }
}

/// Room for the name and the digits of a revision.
const REVISION_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Json;

    fn sent(text: &str, revision: u64) -> Option<String> {
        let mut out = Vec::new();
        Text::new(text.as_bytes())?.append(Revision::new(revision), &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    fn unmanaged(text: &str) -> Json {
        let mut out = Vec::new();
        Text::new(text.as_bytes()).unwrap().append_unmanaged(Revision::ZERO, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_revision_is_put_in_and_taken_out() {
        let cases = [
            (r#"{"a":"}\"","metadata":{}}"#, r#"{"a":"}\"","metadata":{"resourceVersion":"7"}}"#),
            (
                r#"{"data":{"metadata":{"x":[{}]}}, "metadata" : { "name":"a"},"z":1}"#,
                r#"{"data":{"metadata":{"x":[{}]}}, "metadata" : {"resourceVersion":"7", "name":"a"},"z":1}"#,
            ),
        ];
        for (stored, wire) in cases {
            assert_eq!(sent(stored, 7).as_deref(), Some(wire));
            assert_eq!(sent(stored, 0).as_deref(), Some(stored));
            let (revision, rest) = Text::new(wire.as_bytes()).unwrap().split_revision().unwrap();
            let json = |text: &[u8]| serde_json::from_slice::<Json>(text).unwrap();
            assert_eq!((revision.get(), json(&rest)), (7, json(stored.as_bytes())));
        }
        for bad in ["", "[]", "{", r#"{"metadata":1}"#, r#"{"metadata""#, r#"{"spec":{}}"#, "\"\\"]
        {
            assert_eq!(sent(bad, 7), None, "{bad}");
        }
    }

    #[test]
    fn managed_fields_are_left_out_wherever_they_stand() {
        for text in [
            r#"{"metadata":{"managedFields":[{"a":"]"}]}}"#,
            r#"{"metadata":{"managedFields":[1] , "name":"a"}}"#,
            r#"{"metadata":{"name":"a", "managedFields":[1]}}"#,
            r#"{"metadata":{"name":"a","managedFields":null,"uid":"u"}}"#,
        ] {
            let mut wanted: Json = serde_json::from_str(text).unwrap();
            wanted["metadata"].as_object_mut().unwrap().remove("managedFields");
            assert_eq!(unmanaged(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_text_of_the_metadata_is_read_where_it_has_no_escapes() {
        let text = Text::new(br#"{"metadata":{"name":"a","uid":"\u0061","n":1}}"#).unwrap();
        let plain = |name: &str| text.plain(name.as_bytes());
        assert_eq!((plain("name"), plain("namespace")), (Some("a"), Some("")));
        assert_eq!((plain("uid"), plain("n")), (None, None));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_makes_it_panic(text in r#"[{}\[\]",:\\metadata1 ]{0,40}"#) {
            let _ = sent(&text, 1);
            let _ = Text::new(text.as_bytes()).and_then(Text::split_revision);
        }

        #[test]
        fn any_object_keeps_its_other_fields(name in ".*", other in ".*", number in any::<i64>()) {
            let object = json!({"a": other, "metadata": {"name": name, "n": number}, "z": [other]});
            let text = object.to_string();
            let mut wanted = object;
            wanted["metadata"]["resourceVersion"] = json!("3");
            let wire: Json = serde_json::from_str(&sent(&text, 3).unwrap()).unwrap();
            prop_assert_eq!(wire, wanted);
        }
    }
}
