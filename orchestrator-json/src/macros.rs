//! Trees written down as JSON.

/// The tree of a piece of JSON, in which values may be any expressions of types that can be
/// written, and keys any that become a [`Key`](crate::Key).
///
/// # Examples
/// ```
/// use orchestrator_json::json;
///
/// let (name, key) = ("web", "b");
/// let tree = json!({"a": [1, null, {"name": name}], key: name.len(), format!("{key}c"): true});
/// assert_eq!(tree.to_string(), r#"{"a":[1,null,{"name":"web"}],"b":3,"bc":true}"#);
/// ```
#[macro_export]
macro_rules! json {
    (null) => {
        $crate::Value::Null
    };
    ([]) => {
        $crate::Value::Array(::std::vec::Vec::new())
    };
    ({}) => {
        $crate::Value::Object($crate::Map::new())
    };
    ([$($items:tt)+]) => {{
        let mut list = $crate::no_items();
        $crate::json_items!(list $($items)+);
        $crate::Value::Array(list)
    }};
    ({$($members:tt)+}) => {{
        let mut map = $crate::Map::new();
        $crate::json_members!(map $($members)+);
        $crate::Value::Object(map)
    }};
    ($value:expr) => {
        $crate::to_value(&$value).expect("the value can be written as JSON")
    };
}

/// An empty list; a part of [`json!`].
#[doc(hidden)]
pub fn no_items() -> Vec<crate::Value> {
    Vec::new()
}

/// Adds items to a list; a part of [`json!`].
#[doc(hidden)]
#[macro_export]
macro_rules! json_items {
    ($list:ident) => {};
    ($list:ident null $(, $($rest:tt)*)?) => {
        $list.push($crate::Value::Null);
        $crate::json_items!($list $($($rest)*)?);
    };
    ($list:ident [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $list.push($crate::json!([$($inner)*]));
        $crate::json_items!($list $($($rest)*)?);
    };
    ($list:ident {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $list.push($crate::json!({$($inner)*}));
        $crate::json_items!($list $($($rest)*)?);
    };
    ($list:ident $item:expr $(, $($rest:tt)*)?) => {
        $list.push($crate::json!($item));
        $crate::json_items!($list $($($rest)*)?);
    };
}

/// Adds members to a map; a part of [`json!`].
#[doc(hidden)]
#[macro_export]
macro_rules! json_members {
    ($map:ident) => {};
    ($map:ident $key:literal : $($rest:tt)+) => {
        $crate::json_member!($map ($key) $($rest)+);
    };
    ($map:ident $key:ident : $($rest:tt)+) => {
        $crate::json_member!($map ($key) $($rest)+);
    };
    ($map:ident $($rest:tt)+) => {
        $crate::json_key!($map () $($rest)+);
    };
}

/// Finds the end of a key of many words; a part of [`json!`].
#[doc(hidden)]
#[macro_export]
macro_rules! json_key {
    ($map:ident ($($key:tt)+) : $($rest:tt)+) => {
        $crate::json_member!($map ($($key)+) $($rest)+);
    };
    ($map:ident ($($key:tt)*) $next:tt $($rest:tt)+) => {
        $crate::json_key!($map ($($key)* $next) $($rest)+);
    };
}

/// Adds a member whose key is known, and then the others; a part of [`json!`].
#[doc(hidden)]
#[macro_export]
macro_rules! json_member {
    ($map:ident ($key:expr) null $(, $($rest:tt)*)?) => {
        $map.insert($crate::Key::from($key), $crate::Value::Null);
        $crate::json_members!($map $($($rest)*)?);
    };
    ($map:ident ($key:expr) [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $map.insert($crate::Key::from($key), $crate::json!([$($inner)*]));
        $crate::json_members!($map $($($rest)*)?);
    };
    ($map:ident ($key:expr) {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $map.insert($crate::Key::from($key), $crate::json!({$($inner)*}));
        $crate::json_members!($map $($($rest)*)?);
    };
    ($map:ident ($key:expr) $value:expr $(, $($rest:tt)*)?) => {
        $map.insert($crate::Key::from($key), $crate::json!($value));
        $crate::json_members!($map $($($rest)*)?);
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_says_what_the_macro_of_serde_json_says() {
        let (word, list) = ("w", vec![1, 2]);
        macro_rules! same {
            ($($tree:tt)+) => {
                assert_eq!(json!($($tree)+).to_string(), serde_json::json!($($tree)+).to_string())
            };
        }
        same!(null);
        same!([]);
        same!({});
        same!(-1.5);
        same!([null, true, [], {}, [1, [2,],], {"a": {}}, -1, word.len() + 1, list, list[0],]);
        same!({"b": null, "a": [word], "c": {"d": word}, word: if list.is_empty() { 1 } else { 2 },});
        same!({(format!("{word}x")): Some(1), word.trim(): 2, "e": None::<u8>});
    }
}
