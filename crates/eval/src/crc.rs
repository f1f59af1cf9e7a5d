//! Cyclic redundancy checks of 32 bits, bits reversed: a polynomial each.

/// A check, by what each single byte comes to.
pub(crate) struct Crc32([u32; 256]);

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
pub(crate) const CRC_32C: Crc32 = Crc32::of(0x82f6_3b78);

/// CRC-32 of zip archives (ISO 3309).
pub(crate) const CRC_32: Crc32 = Crc32::of(0xedb8_8320);

impl Crc32 {
    /// That of a polynomial, bits reversed.
    const fn of(polynomial: u32) -> Self {
        let mut table = [0; 256];
        let mut crc: u32 = 0;
        while crc < 256 {
            let (mut value, mut bit) = (crc, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ polynomial } else { value >> 1 };
                bit += 1;
            }
            table[crc as usize] = value;
            crc += 1;
        }
        Self(table)
    }

    /// The checksum of some bytes.
    pub(crate) fn checksum(&self, bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| (crc >> 8) ^ self.0[usize::from(crc.to_le_bytes()[0] ^ byte)];
        !bytes.iter().fold(u32::MAX, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_the_standard() {
        // RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        for (data, expected) in [
            (vec![0_u8; 32], 0x8a91_36aa),
            (vec![0xff; 32], 0x62a8_ab43),
            (rising, 0x46dd_794e),
            (falling, 0x113f_db5c),
            (b"123456789".to_vec(), 0xe306_9283),
            (Vec::new(), 0),
        ] {
            assert_eq!(CRC_32C.checksum(&data), expected, "{data:?}");
        }
    }

    #[test]
    fn checksums_are_those_of_archives() {
        assert_eq!(CRC_32.checksum(b"123456789"), 0xcbf4_3926);
    }
}
