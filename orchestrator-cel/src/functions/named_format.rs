//! Named formats of texts: `format.dns1123Label().validate(text)`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Cost, Function, Overload, Sig, function, global, member};
use crate::EvalError;
use crate::types::Opaque;
use crate::value::{Url, Value, parse_timestamp};

const F: Sig = Sig::Opaque(Opaque::Format);
const MAKE: &[Overload] = &[global(&[], F)];

/// A named format.
#[derive(Debug)]
pub struct NamedFormat {
    /// Its name.
    pub name: &'static str,
    check: fn(&str) -> Vec<String>,
}

static FORMATS: [NamedFormat; 13] = [
    NamedFormat { name: "dns1123Label", check: |text| label(text, false) },
    NamedFormat { name: "dns1123Subdomain", check: |text| subdomain(text, false) },
    NamedFormat { name: "dns1035Label", check: |text| label_1035(text, false) },
    NamedFormat { name: "qualifiedName", check: qualified },
    NamedFormat { name: "dns1123LabelPrefix", check: |text| label(text, true) },
    NamedFormat { name: "dns1123SubdomainPrefix", check: |text| subdomain(text, true) },
    NamedFormat { name: "dns1035LabelPrefix", check: |text| label_1035(text, true) },
    NamedFormat { name: "labelValue", check: label_value },
    NamedFormat { name: "uri", check: |text| unless(Url::parse(text).is_some(), "invalid URI") },
    NamedFormat {
        name: "uuid",
        check: |text| unless(is_uuid(text), "does not match the UUID format"),
    },
    NamedFormat {
        name: "byte",
        check: |text| unless(STANDARD.decode(text).is_ok(), "invalid base64"),
    },
    NamedFormat {
        name: "date",
        check: |text| {
            let good = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
            unless(good, "invalid date")
        },
    },
    NamedFormat {
        name: "datetime",
        check: |text| unless(parse_timestamp(text).is_some(), "invalid datetime"),
    },
];

pub(super) static TABLE: &[Function] = &[
    function("format.dns1123Label", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[0]))),
    function("format.dns1123Subdomain", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[1]))),
    function("format.dns1035Label", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[2]))),
    function("format.qualifiedName", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[3]))),
    function("format.dns1123LabelPrefix", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[4]))),
    function("format.dns1123SubdomainPrefix", Cost::One, MAKE, |_, _| {
        Ok(Value::Format(&FORMATS[5]))
    }),
    function("format.dns1035LabelPrefix", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[6]))),
    function("format.labelValue", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[7]))),
    function("format.uri", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[8]))),
    function("format.uuid", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[9]))),
    function("format.byte", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[10]))),
    function("format.date", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[11]))),
    function("format.datetime", Cost::One, MAKE, |_, _| Ok(Value::Format(&FORMATS[12]))),
    function("format.named", Cost::One, &[global(&[Sig::String], Sig::Optional(&F))], |_, args| {
        let name = args[0].as_str().ok_or_else(EvalError::overload)?;
        let found = FORMATS.iter().find(|format| format.name == name);
        Ok(found.map_or(Value::none(), |format| Value::some(Value::Format(format))))
    }),
    function(
        "validate",
        Cost::Search,
        &[member(&[F, Sig::String], Sig::Optional(&Sig::List(&Sig::String)))],
        |_, args| {
            let [Value::Format(format), Value::String(text)] = args else {
                return Err(EvalError::overload());
            };
            let faults = (format.check)(text);
            if faults.is_empty() {
                return Ok(Value::none());
            }
            Ok(Value::some(Value::list(faults.into_iter().map(Value::text).collect())))
        },
    ),
];

fn unless(good: bool, fault: &str) -> Vec<String> {
    if good { Vec::new() } else { vec![fault.to_owned()] }
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Whether a text is one label; one that others are made of may end in a hyphen or be empty.
fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.iter().all(|b| is_lower(*b) || *b == b'-')
        && is_lower(bytes[0])
        && is_lower(bytes[bytes.len() - 1])
}

/// What stands for the whole where only the begin is given.
fn completed(text: &str, prefix: bool) -> String {
    match text.strip_suffix('-') {
        Some(rest) if prefix => format!("{rest}a"),
        _ if prefix && text.is_empty() => String::from("a"),
        _ => text.to_owned(),
    }
}

fn checked(text: &str, max: usize, good: bool, fault: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > max {
        faults.push(format!("must be no more than {max} characters"));
    }
    faults.extend(unless(good, fault));
    faults
}

fn label(text: &str, prefix: bool) -> Vec<String> {
    let fault = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
                 '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    checked(text, 63, is_label(&completed(text, prefix)), fault)
}

fn label_1035(text: &str, prefix: bool) -> Vec<String> {
    let whole = completed(text, prefix);
    let good = is_label(&whole) && whole.as_bytes()[0].is_ascii_lowercase();
    let fault = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
                 with an alphabetic character, and end with an alphanumeric character (e.g. \
                 'my-name',  or 'abc-123', regex used for validation is \
                 '[a-z]([-a-z0-9]*[a-z0-9])?')";
    checked(text, 63, good, fault)
}

fn subdomain(text: &str, prefix: bool) -> Vec<String> {
    let good = completed(text, prefix).split('.').all(is_label);
    let fault = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                 characters, '-' or '.', and must start and end with an alphanumeric character \
                 (e.g. 'example.com', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    checked(text, 253, good, fault)
}

/// Whether a text is made of letters, digits and `-_.`, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && bytes[0].is_ascii_alphanumeric()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
}

fn qualified(text: &str) -> Vec<String> {
    let parts: Vec<_> = text.split('/').collect();
    let (faults, name) = match parts[..] {
        [name] => (Vec::new(), name),
        ["", _] => return vec![String::from("prefix part must be non-empty")],
        [prefix, name] => {
            let faults = subdomain(prefix, false);
            (faults.into_iter().map(|fault| format!("prefix part {fault}")).collect(), name)
        }
        _ => {
            let fault = "a qualified name must consist of alphanumeric characters, '-', '_' or \
                         '.', and must start and end with an alphanumeric character (e.g. \
                         'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS \
                         subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![fault.to_owned()];
        }
    };
    let fault = "name part must consist of alphanumeric characters, '-', '_' or '.', and must \
                 start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
                 '123-abc', regex used for validation is \
                 '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    faults.into_iter().chain(checked(name, 63, is_name(name), fault)).collect()
}

fn label_value(text: &str) -> Vec<String> {
    let fault = "a valid label must be an empty string or consist of alphanumeric characters, \
                 '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
                 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
                 '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    checked(text, 63, text.is_empty() || is_name(text), fault)
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The hyphens may be left out.
    let bare: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'-').collect();
    let placed = bytes.len() == 32
        || (bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-'));
    placed && bare.len() == 32 && bare.iter().all(u8::is_ascii_hexdigit)
}
