//! What the pictures of the benches are drawn with: text, bars and a legend, in pixels from the top left.

use std::path::Path;

use orchestrator::core::BoxError;
use plotters::coord::Shift;
use plotters::prelude::*;

/// What was measured here.
pub const OURS: RGBColor = RGBColor(38, 96, 164);
/// What it is compared with.
pub const OTHERS: RGBColor = RGBColor(190, 190, 190);

/// An SVG file that is being drawn.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

impl<'a> Canvas<'a> {
    /// A white picture in `file`, `width` by `height`.
    pub fn new(file: &'a Path, width: u32, height: i32) -> Result<Self, BoxError> {
        let area = SVGBackend::new(file, (width, u32::try_from(height)?)).into_drawing_area();
        area.fill(&WHITE)?;
        Ok(Self { area })
    }

    /// `text` in letters of `size`, its top left at (`x`, `y`).
    pub fn text(&self, text: &str, (x, y): (i32, i32), size: u32) -> Result<(), BoxError> {
        Ok(self.area.draw(&Text::new(text, (x, y), ("sans-serif", size)))?)
    }

    /// A filled rectangle between two corners.
    pub fn bar(&self, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Result<(), BoxError> {
        Ok(self.area.draw(&Rectangle::new([from, to], color.filled()))?)
    }

    /// A bar that lies, `length` long and `height` high, with `label` at its end.
    pub fn labelled(
        &self,
        (x, y): (i32, i32),
        (length, height): (f64, i32),
        color: RGBColor,
        label: &str,
    ) -> Result<(), BoxError> {
        let end = x + length as i32;
        self.bar((x, y), (end, y + height), color)?;
        self.text(label, (end + 6, y + (height - 12) / 2), 13)
    }

    /// What the colours mean: a square and a name, at (`x`, `y`).
    pub fn legend(&self, name: &str, (x, y): (i32, i32), color: RGBColor) -> Result<(), BoxError> {
        self.bar((x, y), (x + 14, y + 14), color)?;
        self.text(name, (x + 20, y), 15)
    }

    /// Writes the file.
    pub fn finish(self) -> Result<(), BoxError> {
        Ok(self.area.present()?)
    }
}
