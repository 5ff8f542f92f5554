//! The names of the codings, and which of them somebody takes.

/// A way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which is what RFC 9110 calls `deflate`.
    Deflate,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The coding that a `Content-Encoding` names; `None` for any other.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "zstd" => Some(Self::Zstd),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// The coding for whoever sends this `Accept-Encoding`: of those that are liked best zstd before
    /// gzip before deflate. zstd has to be named, since `*` is also said by those who never heard of it.
    pub fn accepted(accepted: &str) -> Option<Self> {
        let quality = |name: &str| {
            let named = accepted.split(',').find_map(|item| {
                let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
                coding.trim().eq_ignore_ascii_case(name).then_some(parameters)
            });
            named.map(|parameters| {
                let quality = parameters.trim().strip_prefix("q=");
                quality.and_then(|text| text.trim().parse::<f32>().ok()).unwrap_or(1.0)
            })
        };
        let others = quality("*").unwrap_or(0.0);
        let choices = [
            (Self::Zstd, quality("zstd").unwrap_or(0.0)),
            (Self::Gzip, quality("gzip").or(quality("x-gzip")).unwrap_or(others)),
            (Self::Deflate, quality("deflate").unwrap_or(others)),
        ];
        let mut chosen = None;
        let mut best = 0.0;
        for (coding, quality) in choices {
            if quality > best {
                (chosen, best) = (Some(coding), quality);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_chosen_by_its_quality() {
        assert_eq!(Coding::accepted("gzip, deflate, br"), Some(Coding::Gzip));
        assert_eq!(Coding::accepted("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        assert_eq!(Coding::accepted("zstd;q=0.3, gzip"), Some(Coding::Gzip));
        assert_eq!(Coding::accepted("deflate, br"), Some(Coding::Deflate));
        assert_eq!(Coding::accepted("gzip;q=0.2, deflate;q=0.5"), Some(Coding::Deflate));
        assert_eq!(Coding::accepted("gzip;q=0, *;q=0.1"), Some(Coding::Deflate));
        assert_eq!(Coding::accepted("*"), Some(Coding::Gzip));
        assert_eq!(Coding::accepted("identity"), None);
        assert_eq!(Coding::accepted("gzip;q=0"), None);
        assert_eq!(Coding::accepted("br"), None);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for coding in [Coding::Zstd, Coding::Gzip, Coding::Deflate] {
            assert_eq!(Coding::named(coding.name()), Some(coding));
        }
        assert_eq!(Coding::named("X-GZIP"), Some(Coding::Gzip));
        assert_eq!(Coding::named("br"), None);
    }
}
