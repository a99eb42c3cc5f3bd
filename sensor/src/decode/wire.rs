//! Reading numbers and names out of a message, without ever going past its end.

use crate::defect::Defect;
use crate::name::Name;

/// Compression pointers followed in one name before it counts as a loop.
///
/// A legal name has at most 127 labels, so at most that many pointers can be of use.
const MAX_POINTERS: usize = 127;

/// Reads the two octets at `at`.
pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    match data.get(at..at.checked_add(2)?) {
        Some(&[a, b]) => Some(u16::from_be_bytes([a, b])),
        _ => None,
    }
}

/// Reads the four octets at `at`.
pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    match data.get(at..at.checked_add(4)?) {
        Some(&[a, b, c, d]) => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

/// Reads the name at `at` into `name` and returns where the message goes on (RFC 1035 section 4.1.4).
///
/// What was read before a fault stays in `name`.
///
/// # Errors
/// The defect that stopped the reading.
pub(crate) fn read_name(data: &[u8], at: usize, name: &mut Name) -> Result<usize, Defect> {
    name.clear();
    let mut position = at;
    let mut barrier = at;
    let mut behind = None;
    let mut pointers = 0;
    loop {
        let length = *data.get(position).ok_or(Defect::NameCut)?;
        match length >> 6 {
            0 if length == 0 => return Ok(behind.unwrap_or(position + 1)),
            0 => {
                let end = position + 1 + usize::from(length);
                let label = data.get(position + 1..end).ok_or(Defect::NameCut)?;
                if !name.push(label) {
                    return Err(Defect::NameTooLong);
                }
                position = end;
            }
            3 => {
                let pointer = u16_at(data, position).ok_or(Defect::NameCut)? & 0x3fff;
                behind.get_or_insert(position + 2);
                position = usize::from(pointer);
                pointers += 1;
                if position >= barrier || pointers > MAX_POINTERS {
                    return Err(Defect::CompressionForward);
                }
                barrier = position;
            }
            _ => return Err(Defect::LabelReserved),
        }
    }
}

/// Steps over the name at `at` without reading what pointers point to.
///
/// # Errors
/// The defect that stopped the stepping.
pub(crate) fn skip_name(data: &[u8], at: usize) -> Result<usize, Defect> {
    let mut position = at;
    loop {
        let length = *data.get(position).ok_or(Defect::NameCut)?;
        match length >> 6 {
            0 if length == 0 => return Ok(position + 1),
            0 => position += 1 + usize::from(length),
            3 if position + 2 <= data.len() => return Ok(position + 2),
            3 => return Err(Defect::NameCut),
            _ => return Err(Defect::LabelReserved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8], at: usize) -> (Result<usize, Defect>, String) {
        let mut name = Name::default();
        (read_name(data, at, &mut name), name.to_string())
    }

    #[test]
    fn pointers_lead_back_only() {
        let data = b"\x03com\x00\x07example\xc0\x00\xc0\x05\xc0\x11";
        assert_eq!(read(data, 5), (Ok(15), "example.com".to_owned()));
        assert_eq!(read(data, 15), (Ok(17), "example.com".to_owned()));
        assert_eq!(read(data, 17), (Err(Defect::CompressionForward), ".".to_owned()));
        assert_eq!(skip_name(data, 17), Ok(19));
    }

    #[test]
    fn what_stands_before_a_fault_is_kept() {
        assert_eq!(read(b"\x01a\x05bc", 0), (Err(Defect::NameCut), "a".to_owned()));
        assert_eq!(read(b"\x01a\x41b", 0), (Err(Defect::LabelReserved), "a".to_owned()));
        assert_eq!(read(&[1; 300], 0).0, Err(Defect::NameTooLong));
    }
}
