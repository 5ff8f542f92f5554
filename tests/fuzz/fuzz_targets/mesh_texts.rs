//! What nodes send each other as text: frames with statements, invitations, ids. What was read is
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_mesh::{Frame, FrameReader, Invitation, NodeId, Statement};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    while let Ok(Some(frame)) = reader.next() {
        let mut again = FrameReader::new();
        again.push(&frame.encode());
        if frame != Frame::Unknown {
            assert_eq!(again.next(), Ok(Some(frame)));
        }
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes)
        && let Ok(statement) = Statement::from_json(&value)
    {
        assert_eq!(Statement::from_json(&statement.to_json()), Ok(statement));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(invitation) = text.parse::<Invitation>() {
        assert_eq!(invitation.to_string().parse(), Ok(invitation));
    }
    if let Ok(id) = text.parse::<NodeId>() {
        assert_eq!(id.for_people().parse(), Ok(id));
        assert_eq!(NodeId::from_canonical(&id.to_string()), Ok(id));
    }
});
