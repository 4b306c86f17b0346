use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    match text.parse::<Quantity>() {
        Ok(quantity) => quantity.to_string(),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn texts_read_and_print_in_canonical_form() {
    let cases = [
        ("0", "0"),
        ("0.0Gi", "0"),
        ("1", "1"),
        ("+2", "2"),
        ("-2", "-2"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Ki", "102400m"),
        ("0.5Ki", "512"),
        ("1023", "1023"),
        ("1023Ki", "1023Ki"),
        ("1000000", "1M"),
        ("0.5M", "500k"),
        ("1e-1", "100e-3"),
        ("1E3", "1e3"),
        ("12e4", "120e3"),
        ("1e0", "1"),
        ("1E", "1E"),
        ("1.", "1"),
        (".5", "500m"),
        ("m", "0"),
        (".", "0"),
        ("123456789n", "123456789n"),
        ("1.1n", "2n"),
        ("-1.1n", "-2n"),
        ("0.0000000000000000000000000001", "1n"),
        ("100000Ei", "9223372036854775807"),
        ("1000E", "1000E"),
        ("1e30", "170141183460469231731687303715884105727e-9"),
    ];
    for (text, wanted) in cases {
        assert_eq!(canonical(text), wanted, "{text:?}");
    }
}

#[test]
fn what_is_no_quantity_says_why() {
    let format = ["", "abc", "1GB", "1GiB", " 1", "1 ", "1.2.3", "1e1e", "é", "1µ", "1K1x"];
    for text in format {
        assert_eq!(text.parse::<Quantity>(), Err(QuantityError::Format), "{text:?}");
    }
    for text in ["e", "--1", "1e", "1K", "1mi", "1Kii", "1k3", "1e99999999999999999999"] {
        assert_eq!(text.parse::<Quantity>(), Err(QuantityError::Suffix), "{text:?}");
    }
    assert_eq!("Ei".parse::<Quantity>(), Err(QuantityError::Number));
    assert!(QuantityError::Format.to_string().ends_with("[-+]?[0-9]*)$'"));
}

#[test]
fn whole_and_milli_values_round_away_from_zero() {
    let values = |text: &str| {
        let quantity: Quantity = text.parse().unwrap();
        (quantity.value(), quantity.milli_value())
    };
    assert_eq!(values("1500m"), (2, 1500));
    assert_eq!(values("0.1m"), (1, 1));
    assert_eq!(values("-1500m"), (-2, -1500));
    assert_eq!(values("1Gi"), (1 << 30, 1000 << 30));
    assert_eq!(values("1e25"), (i64::MAX, i64::MAX));
}

#[test]
fn a_sum_takes_the_format_of_its_first_part_unless_that_is_zero() {
    let sum = |a: &str, b: &str| {
        (a.parse::<Quantity>().unwrap() + b.parse::<Quantity>().unwrap()).to_string()
    };
    assert_eq!(sum("1Gi", "1G"), "2073741824");
    assert_eq!(sum("0", "1Gi"), "1Gi");
    assert_eq!(sum("1k", "1Ki"), "2024");
    assert_eq!(sum("100m", "900m"), "1");
}

#[test]
fn json_holds_a_text_or_a_number() {
    for (json, wanted) in [("\" 1Gi \"", "1Gi"), ("5", "5"), ("0.25", "250m"), ("-3", "-3")] {
        let quantity: Quantity = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&quantity).unwrap(), format!("{wanted:?}"));
    }
    assert!(serde_json::from_str::<Quantity>("true").is_err());
}

fn any_quantity() -> impl Strategy<Value = Quantity> {
    let format =
        prop_oneof![Just(Format::DecimalSi), Just(Format::BinarySi), Just(Format::DecimalExponent)];
    let nano = prop_oneof![any::<i64>().prop_map(i128::from), -(1_i128 << 90)..(1_i128 << 90)];
    (nano, format).prop_map(|(nano, format)| Quantity { nano, format })
}

proptest! {
    #[test]
    fn the_canonical_form_reads_back_as_the_same_amount(quantity in any_quantity()) {
        // Binary amounts are cut off at 64 bits; larger ones are never made by reading.
        prop_assume!(quantity.format != Format::BinarySi || quantity.nano.abs() < (1 << 92));
        let text = quantity.to_string();
        let read: Quantity = text.parse().unwrap();
        prop_assert_eq!(read, quantity);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn adding_and_subtracting_undo_each_other(a in any_quantity(), b in any_quantity()) {
        prop_assert_eq!(a + b - b, a);
        prop_assert_eq!(a + b, b + a);
        prop_assert_eq!(a.cmp(&b), (a - b).signum().cmp(&0));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+]?[0-9.]{0,40}[eEinumkKMGTP]{0,3}[-+]?[0-9]{0,5}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }
    }
}
