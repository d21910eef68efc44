//! Memory that is used again, piece after piece of a stream.

use bytes::{Bytes, BytesMut};

/// Room for so many bytes, full of whatever: that of the last piece where whoever took it is done with it, so
/// that a stream neither asks for memory nor clears any after its first piece.
pub(crate) fn again(last: Bytes, len: usize) -> BytesMut {
    match last.try_into_mut() {
        Ok(mut room) if room.len() >= len => {
            room.truncate(len);
            room
        }
        _ => BytesMut::zeroed(len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_any_more_is_used_again() {
        let first = again(Bytes::new(), 8).freeze();
        let (at, held) = (first.as_ptr(), first.clone());
        let second = again(first, 4);
        assert_ne!(second.as_ptr(), at, "somebody still reads the first");
        assert_eq!((&held[..], &second[..]), (&[0; 8][..], &[0; 4][..]));
        let third = again(held, 5);
        assert_eq!((third.as_ptr(), third.len()), (at, 5));
        assert_eq!(again(third.freeze(), 9).len(), 9);
    }
}
