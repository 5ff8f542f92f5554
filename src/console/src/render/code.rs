//! Texts as QR codes for a camera in front of a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Black on white whatever the terminal's own colours are: some cameras read no negative.
pub(super) const BLACK_ON_WHITE: &str = "\u{1b}[30;107m";
pub(super) const OWN_COLOURS: &str = "\u{1b}[0m";

/// Draws a text; `None` for one that is too long.
pub(super) fn draw_code(text: &str, colours: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let mut drawing = code.render::<Dense1x2>();
    if !colours {
        // Without colours of our own a dark background is the more likely one.
        drawing.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    }
    let drawn = drawing.build();
    let mut text = String::with_capacity(drawn.len() + 1024);
    for line in drawn.lines() {
        if colours {
            text.extend([BLACK_ON_WHITE, line, OWN_COLOURS]);
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    Some(text)
}
