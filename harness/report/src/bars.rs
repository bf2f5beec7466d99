//! Stacked bars, one below the other, drawn as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::plot::{Axis, Chart, Drawn, GRID, INK, PALETTE, linear_axis, text};
use crate::units::duration;

const WIDTH: u32 = 980;
const LEGEND_X: u32 = 760;
const LEGEND_Y: i32 = 60;
const LEGEND_STEP: i32 = 24;
const BAR_HEIGHT: u32 = 44;
/// Title, axis and margins.
const AROUND: u32 = 130;
const LEAST_HEIGHT: u32 = 260;
const NS_PER_MS: f64 = 1e6;

/// What to draw, from the top to the bottom.
#[derive(Debug)]
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) parts: Vec<Part>,
    /// Of the whole, which the parts need not add up to.
    pub(crate) median_ms: f64,
    pub(crate) interval_ms: Option<(f64, f64)>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) label: String,
    /// Its place in the palette.
    pub(crate) color: usize,
    pub(crate) pale: bool,
    pub(crate) ms: f64,
}

impl Bars {
    /// The SVG, or what the drawing library says.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| error.to_string())?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Drawn {
        let count = u32::try_from(self.bars.len())?;
        let height = (AROUND + BAR_HEIGHT * count).max(LEAST_HEIGHT);
        let whole = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
        whole.fill(&WHITE)?;
        let (area, legend) = whole.split_horizontally(LEGEND_X);
        let ends = self.bars.iter().map(|bar| {
            let parts: f64 = bar.parts.iter().map(|part| part.ms).sum();
            let high = bar.interval_ms.map_or(bar.median_ms, |(_, high)| high);
            parts.max(high)
        });
        // Room for the figure at the end of the longest bar.
        let x = linear_axis(ends.fold(0.0, f64::max) * 1.2, |ms| match ms {
            0.0 => "0".to_owned(),
            ms => duration(ms * NS_PER_MS),
        });
        let labels = self.bars.iter().rev().enumerate();
        let y = Axis {
            range: 0.0..f64::from(count),
            ticks: labels
                .map(|(place, bar)| (place as f64 + 0.5, bar.label.clone()))
                .collect(),
        };
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, text(22))
            .margin(14)
            .x_label_area_size(50)
            .y_label_area_size(170)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_desc("medians of the phases, and the median of the whole with its interval")
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(text(15))
            .axis_desc_style(text(16))
            .draw()?;
        for (place, bar) in self.bars.iter().rev().enumerate() {
            bar.draw(&mut chart, place as f64)?;
        }
        self.draw_legend(&legend)?;
        drop(chart);
        whole.present()?;
        Ok(())
    }

    /// Every kind of part once, in the order of the bars.
    fn draw_legend(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
        let mut seen: Vec<&Part> = Vec::new();
        for part in self.bars.iter().flat_map(|bar| &bar.parts) {
            if !seen.iter().any(|known| known.label == part.label) {
                seen.push(part);
            }
        }
        seen.sort_by_key(|part| (part.color, part.pale));
        let mut y = LEGEND_Y;
        for part in seen {
            area.draw(&Rectangle::new([(0, y - 7), (24, y + 7)], part.style()))?;
            let middle = text(14).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(part.label.as_str(), (32, y), middle))?;
            y += LEGEND_STEP;
        }
        Ok(())
    }
}

impl Part {
    fn style(&self) -> ShapeStyle {
        let color = PALETTE[self.color % PALETTE.len()];
        color.mix(if self.pale { 0.45 } else { 0.9 }).filled()
    }
}

impl Bar {
    fn draw<'a, 'b: 'a>(&self, chart: &mut Chart<'a, 'b>, place: f64) -> Drawn {
        let mut from = 0.0;
        for part in &self.parts {
            let corners = [(from, place + 0.2), (from + part.ms, place + 0.8)];
            chart.draw_series([Rectangle::new(corners, part.style())])?;
            from += part.ms;
        }
        let middle = place + 0.5;
        let (low, high) = self.interval_ms.unwrap_or((self.median_ms, self.median_ms));
        let line = |points: Vec<(f64, f64)>| PathElement::new(points, INK.stroke_width(2));
        let tick = |at: f64| line(vec![(at, place + 0.35), (at, place + 0.65)]);
        let interval = line(vec![(low, middle), (high, middle)]);
        chart.draw_series([interval, tick(low), tick(self.median_ms), tick(high)])?;
        let end = from.max(high);
        let style = text(14).pos(Pos::new(HPos::Left, VPos::Center));
        let label = duration(self.median_ms * NS_PER_MS);
        let beside = chart.x_range().end * 0.012;
        chart.draw_series([Text::new(label, (end + beside, middle), style)])?;
        Ok(())
    }
}
