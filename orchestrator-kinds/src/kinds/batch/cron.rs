//! Schedules of cron jobs: whether one can be read, and if not, why.

/// The fields of a schedule: the least value, the greatest, and names of values.
const FIELDS: [(u32, u32, &[&str]); 5] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    (0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];
const DESCRIPTORS: [&str; 7] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const UNITS: [&str; 8] = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];

/// Reads a schedule of five fields, or a word for one.
pub(super) fn check(schedule: &str) -> Result<(), String> {
    if schedule.is_empty() {
        return Err("empty spec string".into());
    }
    if schedule.starts_with('@') {
        return check_descriptor(schedule);
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let found = fields.len();
        return Err(format!("expected exactly 5 fields, found {found}: [{}]", fields.join(" ")));
    }
    for (field, bounds) in fields.iter().zip(&FIELDS) {
        field
            .split(',')
            .filter(|part| !part.is_empty())
            .try_for_each(|p| check_range(p, bounds))?;
    }
    Ok(())
}

fn check_descriptor(schedule: &str) -> Result<(), String> {
    if DESCRIPTORS.contains(&schedule) {
        return Ok(());
    }
    match schedule.strip_prefix("@every ") {
        None => Err(format!("unrecognized descriptor: {schedule}")),
        Some(text) => check_duration(text)
            .map_err(|fault| format!("failed to parse duration {schedule}: time: {fault}")),
    }
}

/// Reads a sum of numbers with units, such as `1h30m`.
fn check_duration(text: &str) -> Result<(), String> {
    let invalid = || format!("invalid duration {text:?}");
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(());
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if rest[..digits].trim_matches('.').is_empty() {
            return Err(invalid());
        }
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        match &rest[..unit] {
            "" => return Err(format!("missing unit in duration {text:?}")),
            known if UNITS.contains(&known) => {}
            other => return Err(format!("unknown unit {other:?} in duration {text:?}")),
        }
        rest = &rest[unit..];
    }
    Ok(())
}

/// Reads `*`, `N`, `N-M`, each with an optional `/step`.
fn check_range(text: &str, (min, max, names): &(u32, u32, &[&str])) -> Result<(), String> {
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((_, step)) if step.contains('/') => return Err(format!("too many slashes: {text}")),
        Some((range, step)) => (range, Some(step)),
    };
    let (low, high) = match range.split_once('-') {
        None => (range, None),
        Some((_, high)) if high.contains('-') => return Err(format!("too many hyphens: {text}")),
        Some((low, high)) => (low, Some(high)),
    };
    let (start, end) = match (low, high) {
        ("*" | "?", _) => (*min, *max),
        (low, None) => {
            let start = value(low, *min, names, text)?;
            (start, if step.is_some() { *max } else { start })
        }
        (low, Some(high)) => (value(low, *min, names, text)?, value(high, *min, names, text)?),
    };
    let step = step.map_or(Ok(1), |step| number(step, text))?;
    if start < *min {
        return Err(format!("beginning of range ({start}) below minimum ({min}): {text}"));
    }
    if end > *max {
        return Err(format!("end of range ({end}) above maximum ({max}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(())
}

fn value(word: &str, min: u32, names: &[&str], text: &str) -> Result<u32, String> {
    let lower = word.to_lowercase();
    match names.iter().position(|name| *name == lower) {
        Some(place) => Ok(min + place as u32),
        None => number(word, text),
    }
}

fn number(word: &str, text: &str) -> Result<u32, String> {
    match word.parse::<i64>() {
        Ok(negative) if negative < 0 => {
            Err(format!("negative number ({negative}) not allowed: {text}"))
        }
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        Err(_) => Err(format!(
            "failed to parse int from {word}: strconv.Atoi: parsing {word:?}: invalid syntax"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn schedules_are_read_as_cron_does() {
        let good = [
            "* * * * *",
            "*/5 0-6 1,15 jan-mar MON",
            "5/10 * ? * *",
            "@hourly",
            "@every 1h30m",
            "@every 1.5s",
        ];
        good.iter().for_each(|schedule| assert_eq!(check(schedule), Ok(()), "{schedule}"));
        for (schedule, fault) in [
            ("x", "expected exactly 5 fields, found 1: [x]"),
            ("61 * * * *", "end of range (61) above maximum (59): 61"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("@never", "unrecognized descriptor: @never"),
            ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
        ] {
            assert_eq!(check(schedule).unwrap_err(), fault);
        }
    }
}
