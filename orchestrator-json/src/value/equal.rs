//! Values beside what Rust has.

use super::Value;

macro_rules! equal_to {
    ($($other:ty: $value:ident, $theirs:ident => $test:expr;)*) => {$(
        impl PartialEq<$other> for Value {
            fn eq(&self, $theirs: &$other) -> bool {
                let $value = self;
                $test
            }
        }

        impl PartialEq<Value> for $other {
            fn eq(&self, other: &Value) -> bool {
                other == self
            }
        }
    )*};
}

macro_rules! numbers {
    ($($number:ty),*) => {
        equal_to!($($number: value, other => {
            i128::try_from(*other).is_ok_and(|other| {
                let number = value.as_number();
                number.is_some_and(|number| !number.is_f64() && number.as_i128() == Some(other))
            })
        };)*);
    };
}

macro_rules! through_reference {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for &Value {
            fn eq(&self, other: &$other) -> bool {
                **self == *other
            }
        }
    )*};
}

through_reference!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool, f64, String);
numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

equal_to! {
    str: value, other => value.as_str() == Some(other);
    &str: value, other => value.as_str() == Some(*other);
    String: value, other => value.as_str() == Some(other.as_str());
    bool: value, other => value.as_bool() == Some(*other);
    f64: value, other => value.as_f64() == Some(*other);
}
