//! Lines over two axes, drawn as SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (980, 460);
/// Where the legend begins, beside the plot.
const LEGEND_X: u32 = 780;
const LEGEND_Y: i32 = 60;
const LEGEND_STEP: i32 = 24;
const FONT: &str = "sans-serif";
pub(crate) const GRID: RGBColor = RGBColor(225, 225, 225);
pub(crate) const INK: RGBColor = RGBColor(60, 60, 60);

/// Colours that also those tell apart who do not see all of them.
pub(crate) const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

/// What to draw.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x_title: &'static str,
    pub(crate) y_title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

/// A range of coordinates, and what is written where.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) range: Range<f64>,
    pub(crate) ticks: Vec<(f64, String)>,
}

/// A line, coloured by its subject; points that are few are marked.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) subject: usize,
    pub(crate) dashed: bool,
    pub(crate) pale: bool,
    pub(crate) marked: bool,
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

pub(crate) type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let inside = self.ticks.iter().map(|(at, _)| *at);
        inside.filter(|at| *at <= self.range.end).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

impl Plot {
    /// The SVG, or what the drawing library says.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| error.to_string())?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Drawn {
        let whole = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        whole.fill(&WHITE)?;
        let (area, legend) = whole.split_horizontally(LEGEND_X);
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, text(22))
            .margin(14)
            .margin_right(28)
            .x_label_area_size(50)
            .y_label_area_size(74)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .x_desc(self.x_title)
            .y_desc(self.y_title)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(text(15))
            .axis_desc_style(text(16))
            .draw()?;
        let mut y = LEGEND_Y;
        for line in &self.lines {
            line.draw(&mut chart)?;
            line.draw_legend(&legend, y)?;
            y += LEGEND_STEP;
        }
        drop(chart);
        whole.present()?;
        Ok(())
    }
}

pub(crate) fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

impl Line {
    fn style(&self) -> ShapeStyle {
        let color = PALETTE[self.subject % PALETTE.len()];
        ShapeStyle {
            color: color.mix(if self.pale { 0.45 } else { 1.0 }),
            filled: true,
            stroke_width: 2,
        }
    }

    fn draw<'a, 'b: 'a>(&self, chart: &mut Chart<'a, 'b>) -> Drawn {
        let (style, points) = (self.style(), self.points.iter().copied());
        if self.dashed {
            chart.draw_series(DashedLineSeries::new(points.clone(), 7, 5, style))?;
        } else {
            chart.draw_series(LineSeries::new(points.clone(), style))?;
        }
        if self.marked {
            chart.draw_series(points.map(|at| Circle::new(at, 4, style)))?;
        }
        Ok(())
    }

    fn draw_legend(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, y: i32) -> Drawn {
        let (first_end, second_end) = if self.dashed { (8, 20) } else { (12, 24) };
        for (from, to) in [(0, first_end), (12, second_end), (24, 32)] {
            area.draw(&PathElement::new([(from, y), (to, y)], self.style()))?;
        }
        let middle = text(15).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(self.label.as_str(), (42, y), middle))?;
        Ok(())
    }
}

/// An axis from zero, with four to eight ticks at round values.
pub(crate) fn linear_axis(to: f64, label: impl Fn(f64) -> String) -> Axis {
    const TICKS_MAX: f64 = 8.0;
    let to = to.max(1e-3);
    let power = 10_f64.powf((to / TICKS_MAX).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| to / step <= TICKS_MAX);
    let step = step.unwrap_or(to);
    let ticks = (0..=8).map(|at| f64::from(at) * step);
    let ticks = ticks.filter(|at| *at <= to);
    Axis {
        ticks: ticks.map(|at| (at, label(at))).collect(),
        range: 0.0..to,
    }
}

/// Where to write on an axis of logarithms to base 10: powers of ten and, as room allows, steps
/// between them.
pub(crate) fn log_axis(from: f64, to: f64, label: impl Fn(f64) -> String) -> Axis {
    const NARROW: [f64; 8] = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    const MIDDLE: [f64; 3] = [1.0, 2.0, 5.0];
    const WIDE: [f64; 1] = [1.0];
    let range = from.max(1e-3).log10() - 0.08..to.max(1e-3).log10() + 0.08;
    let decades = range.end - range.start;
    let steps: &[f64] = match decades {
        few if few < 1.2 => &NARROW,
        some if some < 3.5 => &MIDDLE,
        _ => &WIDE,
    };
    let first = range.start.floor();
    let powers = (0..32).map(|power| first + f64::from(power));
    let values = powers.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powf(power)));
    let ticks = values
        .map(|value| (value.log10(), label(value)))
        .filter(|(at, _)| range.contains(at));
    Axis {
        ticks: ticks.collect(),
        range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: f64, to: f64) -> Vec<String> {
        let axis = log_axis(from, to, |value| format!("{value}"));
        axis.ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn an_axis_has_as_many_ticks_as_there_is_room() {
        assert_eq!(
            labels(90.0, 400.0),
            ["80", "100", "150", "200", "300", "400"]
        );
        assert_eq!(
            labels(10.0, 2_000.0),
            ["10", "20", "50", "100", "200", "500", "1000", "2000"]
        );
        assert_eq!(labels(1.0, 1e6).len(), 7);
    }

    #[test]
    fn a_plot_without_lines_is_still_a_picture() {
        let axis = || log_axis(1.0, 10.0, |value| format!("{value}"));
        let plot = Plot {
            title: "nothing <here>".into(),
            x_title: "x",
            y_title: "y",
            x: axis(),
            y: axis(),
            lines: Vec::new(),
        };
        let svg = plot.svg().unwrap();
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
            "{svg}"
        );
        assert!(svg.contains("nothing &lt;here&gt;"), "{svg}");
    }
}
