//! Values to bytes.

use serde::Serialize;

use crate::EncodeError;

/// The bytes of `value` in `version`.
///
/// # Errors
/// [`EncodeError`], which a derived `Serialize` never causes.
pub fn encode<T: Serialize + ?Sized>(version: u8, value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode_into(version, value, &mut bytes)?;
    Ok(bytes)
}

/// Appends the bytes of `value` in `version` to `buffer`, which allocates only if its room does not
/// suffice.
///
/// # Errors
/// As [`encode`]; the buffer is then as long as it was.
pub fn encode_into<T: Serialize + ?Sized>(
    version: u8,
    value: &T,
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let before = buffer.len();
    buffer.push(version);
    match postcard::serialize_with_flavor(value, Append(buffer)) {
        Ok(()) => Ok(()),
        Err(error) => {
            buffer.truncate(before);
            let why = error.to_string();
            Err(EncodeError { why })
        }
    }
}

/// Writes to the end of a vector; whole slices at once, unlike postcard's own for `Extend`.
struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
