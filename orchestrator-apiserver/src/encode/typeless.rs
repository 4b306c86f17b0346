//! Items of a list without their `apiVersion` and `kind`.
//!
//! The built-in kinds' lists say both once, for the list; the items come without. The shared
//! bytes of an item are cut, not decoded: the scanner looks for the two keys at the top level.

/// Appends the JSON object `wire` to `out`, less its top-level `apiVersion` and `kind`.
///
/// Bytes that do not look like a JSON object are appended as they are.
pub(crate) fn append(out: &mut Vec<u8>, wire: &[u8]) {
    let Some(cuts) = cuts(wire) else {
        out.extend_from_slice(wire);
        return;
    };
    let mut from = 0;
    for (start, end) in cuts {
        out.extend_from_slice(&wire[from..start]);
        from = end;
    }
    // A cut takes the comma behind the entry; where it was the last one, the comma before it is
    // left over.
    if wire[from..].starts_with(b"}") && out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(&wire[from..]);
}

/// The ranges of the two entries, each with the comma that follows it.
fn cuts(wire: &[u8]) -> Option<impl Iterator<Item = (usize, usize)>> {
    let mut cuts: [(usize, usize); 2] = [(0, 0); 2];
    let mut found = 0;
    let mut at = 1;
    if wire.first() != Some(&b'{') || wire.last() != Some(&b'}') {
        return None;
    }
    while found < 2 && wire.get(at) == Some(&b'"') {
        let key_end = text_end(wire, at)?;
        let value_end = value_end(wire, key_end + 1)?;
        let comma = usize::from(wire.get(value_end) == Some(&b','));
        if matches!(&wire[at..key_end], b"\"apiVersion\"" | b"\"kind\"") {
            cuts[found] = (at, value_end + comma);
            found += 1;
        }
        at = value_end + comma;
    }
    Some(cuts.into_iter().take(found))
}

/// The place after the string that begins at `start`.
fn text_end(wire: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match wire.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The place after the value that begins at `start`: the comma or bracket that follows it.
fn value_end(wire: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match wire.get(at)? {
            b'"' => at = text_end(wire, at)? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Json;
    use proptest::prelude::*;

    fn cut(text: &str) -> String {
        let mut out = Vec::new();
        append(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_two_keys_at_the_top_go() {
        let cases = [
            (
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"kind":"x"}}"#,
                r#"{"metadata":{"kind":"x"}}"#,
            ),
            (r#"{"a":[{"kind":"\"}"}],"apiVersion":"v1","kind":"A"}"#, r#"{"a":[{"kind":"\"}"}]}"#),
            (r#"{"a":1,"kind":"A","z":[1,2]}"#, r#"{"a":1,"z":[1,2]}"#),
            (r#"{"apiVersion":"v1","kind":"A"}"#, "{}"),
            ("{}", "{}"),
            ("[1]", "[1]"),
            (r#"{"kind":"#, r#"{"kind":"#),
        ];
        for (text, expected) in cases {
            assert_eq!(cut(text), expected);
        }
    }

    proptest! {
        #[test]
        fn cutting_is_removing_the_two_keys(
            map in prop::collection::btree_map("[a-z\"\\\\{}]{0,6}|kind|apiVersion", "\\PC{0,8}", 0..6)
        ) {
            let mut json = serde_json::to_value(map).unwrap();
            let text = json.to_string();
            let object = json.as_object_mut().unwrap();
            object.remove("kind");
            object.remove("apiVersion");
            prop_assert_eq!(serde_json::from_str::<Json>(&cut(&text)).unwrap(), json);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            append(&mut Vec::new(), &bytes);
        }
    }
}
