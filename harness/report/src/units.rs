//! Figures as people read them: three digits and a unit.

/// A duration of so many nanoseconds.
pub(crate) fn duration(ns: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "us")];
    // What would round up to a thousand belongs to the next unit.
    let fits = UNITS.iter().find(|(size, _)| ns >= size * 0.999_5);
    let (size, unit) = fits.copied().unwrap_or((1.0, "ns"));
    format!("{} {unit}", digits(ns / size))
}

/// So many bytes.
pub(crate) fn bytes(bytes: f64) -> String {
    const UNITS: [(f64, &str); 3] = [
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1_024.0, "KiB"),
    ];
    let fits = UNITS.iter().find(|(size, _)| bytes >= *size);
    match fits {
        Some((size, unit)) => format!("{} {unit}", digits(bytes / size)),
        None => format!("{} B", digits(bytes)),
    }
}

/// A number with three digits that count: `4.21`, `62.3`, `105`.
pub(crate) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// A count with its thousands apart: `12,800`.
pub(crate) fn count(n: u64) -> String {
    let text = n.to_string();
    let mut grouped = String::with_capacity(text.len() + text.len() / 3);
    for (i, digit) in text.chars().enumerate() {
        if i > 0 && (text.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `one node`, `3 nodes`.
pub(crate) fn nodes(n: usize) -> String {
    if n == 1 {
        "one node".to_owned()
    } else {
        format!("{n} nodes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let expected = [
            (0.0, "0.00 ns"),
            (4.213, "4.21 ns"),
            (62.34, "62.3 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 us"),
            (105_349.0, "105 us"),
            (4_021_000.0, "4.02 ms"),
            (1_500_000_000.0, "1.50 s"),
        ];
        for (ns, text) in expected {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        assert_eq!(bytes(0.0), "0.00 B");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(bytes(1_536.0), "1.50 KiB");
        assert_eq!(bytes(24.0 * 1_048_576.0), "24.0 MiB");
        assert_eq!(bytes(3.5e9), "3.26 GiB");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_800), "12,800");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
