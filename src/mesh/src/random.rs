//! Numbers that look random, from a seed that the caller passes in: SplitMix64 (Steele, Lea, Flood
//! 2014). For spreading attempts over time and telling lives of a node apart; never for secrets.

#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 up to and with `most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.number() % most.saturating_add(1)
    }
}
