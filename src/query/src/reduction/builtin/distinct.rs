//! `_approx_count_distinct`: how many different keys rows have, by a HyperLogLog of 2^11 registers
//! (a relative error of about 2 %, as in CouchDB). Keys that collate equal are one key.
//!
//! Sources: Flajolet and others, "HyperLogLog" (2007); the estimator is Ertl, "New cardinality
//! estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, which needs no tables.
//!
//! A sketch is its registers that are not zero, each as number (2 bytes) and value, while that takes
//! less than all of them; else all registers.

use xxhash_rust::xxh3::xxh3_64;

use super::Failure;
use crate::reduction::store::ReduceRow;
use crate::view::RowKey;

/// Bits of a hash that choose a register: CouchDB's precision.
const PRECISION: u32 = 11;
const REGISTERS: usize = 1 << PRECISION;

/// The other bits.
const REST: u32 = u64::BITS - PRECISION;

const SPARSE_BYTES: usize = 3;

/// The sketch of rows' keys.
pub(super) fn of_rows(rows: &[ReduceRow<'_>]) -> Result<Vec<u8>, Failure> {
    let mut registers = vec![0; REGISTERS];
    for row in rows {
        let key = RowKey::parse(row.row_key);
        let key =
            key.map_err(|error| Failure { error: "invalid_key", reason: error.to_string() })?;
        let hash = xxh3_64(key.sort_key);
        let register = (hash >> REST) as usize;
        // The first of the other bits that is one, counted from 1.
        let place = ((hash << PRECISION).leading_zeros().min(REST) + 1) as u8;
        raise(&mut registers, register, place);
    }
    Ok(encode(&registers))
}

/// The sketch of all that some sketches saw.
pub(super) fn union<'a>(sketches: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Failure> {
    let mut registers = vec![0; REGISTERS];
    for sketch in sketches {
        add(&mut registers, sketch);
    }
    Ok(encode(&registers))
}

fn raise(registers: &mut [u8], register: usize, value: u8) {
    if let Some(found) = registers.get_mut(register) {
        *found = value.max(*found);
    }
}

fn add(registers: &mut [u8], sketch: &[u8]) {
    if sketch.len() == REGISTERS {
        sketch.iter().enumerate().for_each(|(register, value)| raise(registers, register, *value));
        return;
    }
    for entry in sketch.chunks_exact(SPARSE_BYTES) {
        if let [high, low, value] = *entry {
            raise(registers, usize::from(u16::from_be_bytes([high, low])), value);
        }
    }
}

fn encode(registers: &[u8]) -> Vec<u8> {
    let filled = registers.iter().filter(|value| **value > 0).count();
    if filled * SPARSE_BYTES >= REGISTERS {
        return registers.to_vec();
    }
    let mut out = Vec::with_capacity(filled * SPARSE_BYTES);
    for (register, value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
        out.extend_from_slice(&(register as u16).to_be_bytes());
        out.push(*value);
    }
    out
}

/// About how many different keys a sketch has seen.
pub(super) fn estimate(sketch: &[u8]) -> u64 {
    let mut registers = vec![0; REGISTERS];
    add(&mut registers, sketch);
    let mut histogram = [0.0; REST as usize + 2];
    for value in registers {
        if let Some(count) = histogram.get_mut(usize::from(value)) {
            *count += 1.0;
        }
    }
    let all = REGISTERS as f64;
    let [none, between @ .., full] = histogram;
    let mut sum = all * tau(1.0 - full / all);
    for count in between.iter().rev() {
        sum = 0.5 * (sum + count);
    }
    sum += all * sigma(none / all);
    let alpha = 0.5 / std::f64::consts::LN_2;
    (alpha * all * all / sum).round() as u64
}

/// Corrects for registers that are zero.
fn sigma(mut share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, share);
    loop {
        share *= share;
        let before = sum;
        sum += share * power;
        power += power;
        if sum == before {
            return sum;
        }
    }
}

/// Corrects for registers that are full.
fn tau(mut share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - share);
    loop {
        share = share.sqrt();
        let before = sum;
        power *= 0.5;
        sum -= (1.0 - share) * (1.0 - share) * power;
        if sum == before {
            return sum / 3.0;
        }
    }
}
