//! Rows of figures as one Markdown table.
//!
//! Must never show a figure without the failures that came with it.

use serde_json::{Value, json};

use super::rounds::Figure;
use super::server::Kind;

/// The middle of some figures; the mean of the two middle ones of an even number.
pub(super) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// What Billet should reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    /// Nothing is asked.
    None,
    /// So many times the figure of another.
    Times(f64, Kind),
    /// Twice MinIO's and above versitygw's.
    Peers,
    /// Above every other one that has a figure.
    Best,
    /// Below this figure.
    Below(f64),
}

/// One server's figure.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) kind: Kind,
    /// One a round.
    pub(super) figures: Vec<f64>,
    /// The same in the worst seconds of a round: the 5th percentile of one-second windows. None
    /// for what is no rate.
    pub(super) worst: Vec<f64>,
    /// Requests that failed, or were due and never sent, in all rounds.
    pub(super) failures: u64,
}

impl Cell {
    /// Without a figure yet.
    pub(super) fn new(kind: Kind) -> Self {
        Self::of(kind, vec![])
    }

    /// With figures that no load generator reported.
    pub(super) fn of(kind: Kind, figures: Vec<f64>) -> Self {
        Self {
            kind,
            figures,
            worst: vec![],
            failures: 0,
        }
    }

    /// Adds what the load generator reported of one round.
    pub(super) fn add(&mut self, report: &Value, figure: &Figure) {
        let number = |field: &str| report.pointer(field).and_then(Value::as_f64);
        let measured = number(figure.field).unwrap_or(0.0);
        self.figures.push(measured);
        // Windows count requests; a request is so many bytes or keys.
        let (done, worst) = (number("/done_per_s"), number("/window_p5_per_s"));
        if let (Some(done), Some(worst), true) = (done, worst, figure.is_rate) {
            self.worst.push(measured * worst / done.max(1.0));
        }
        let failures = report["failures"].as_object().into_iter().flatten();
        self.failures += failures
            .filter_map(|(_, count)| count.as_u64())
            .sum::<u64>();
        self.failures += report["unsent"].as_u64().unwrap_or(0);
    }

    /// The figure, the worst seconds and the failures.
    fn text(&self) -> Option<String> {
        let mut text = figure_text(median(&self.figures)?);
        if let Some(worst) = median(&self.worst) {
            text += &format!(", p5 {}", figure_text(worst));
        }
        if self.failures > 0 {
            text += &format!(" ({} failed)", self.failures);
        }
        Some(text)
    }
}

/// One measurement of all servers.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) cells: Vec<Cell>,
    pub(super) aim: Aim,
}

impl Row {
    fn cell(&self, kind: Kind) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.kind == kind)
    }

    /// Billet's figure over another's: the middle of the rounds' ratios, as a slow minute of the
    /// machine hits the neighbours of one round alike.
    fn over(&self, other: Kind) -> Option<f64> {
        let (billet, other) = (self.cell(Kind::Billet)?, self.cell(other)?);
        let rounds = billet.figures.iter().zip(&other.figures);
        let ratios: Vec<f64> = rounds
            .filter(|(_, other)| **other > 0.0)
            .map(|(billet, other)| billet / other)
            .collect();
        median(&ratios)
    }

    /// What is aimed at, and whether it was reached; `None` where there is nothing to compare.
    fn verdict(&self) -> (String, Option<bool>) {
        let times = |factor: f64, other: Kind| Some(self.over(other)? >= factor);
        match self.aim {
            Aim::None => (String::new(), None),
            Aim::Times(factor, kind) => (
                format!(">= {factor} of {}", kind.name()),
                times(factor, kind),
            ),
            Aim::Below(limit) => {
                let figure = self
                    .cell(Kind::Billet)
                    .and_then(|cell| median(&cell.figures));
                (format!("< {limit}"), figure.map(|figure| figure < limit))
            }
            Aim::Peers => {
                let (minio, versitygw) = (times(2.0, Kind::Minio), times(1.0, Kind::Versitygw));
                let both = minio
                    .zip(versitygw)
                    .map(|(minio, versitygw)| minio && versitygw);
                ("2 x MinIO, > versitygw".to_owned(), both)
            }
            Aim::Best => {
                let peers = [Kind::Minio, Kind::Versitygw].map(|kind| times(1.0, kind));
                let all = peers.into_iter().flatten().reduce(|all, one| all && one);
                ("above the peers".to_owned(), all)
            }
        }
    }

    /// Billet's figure over the others'.
    fn ratios(&self) -> String {
        let others = self.cells.iter().filter(|cell| cell.kind != Kind::Billet);
        others
            .filter_map(|cell| Some(format!("{:.2} {}", self.over(cell.kind)?, cell.kind.name())))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The row for programs.
    pub(super) fn json(&self) -> Value {
        let cells = self.cells.iter().map(|cell| {
            let (name, median) = (cell.kind.name(), median(&cell.figures));
            json!({ "server": name, "median": median, "rounds": cell.figures,
                "window_p5": cell.worst, "failures": cell.failures })
        });
        let (aim, met) = self.verdict();
        let cells: Vec<Value> = cells.collect();
        json!({ "what": self.what, "unit": self.unit, "cells": cells, "aim": aim, "met": met })
    }
}

/// All rows.
pub(super) fn markdown(rows: &[Row]) -> String {
    let names = Kind::ALL.map(Kind::name).join(" | ");
    let mut text = format!("| what | unit | {names} | Billet over | aim | met |\n");
    text.push_str(&"|---".repeat(Kind::ALL.len() + 5));
    text.push_str("|\n");
    for row in rows {
        let cells = Kind::ALL.map(|kind| {
            let cell = row.cells.iter().find(|cell| cell.kind == kind);
            cell.and_then(Cell::text).unwrap_or_else(|| "–".to_owned())
        });
        let (aim, met) = row.verdict();
        let met = met.map_or("", |met| if met { "yes" } else { "no" });
        let (what, unit, cells) = (&row.what, row.unit, cells.join(" | "));
        text.push_str(&format!(
            "| {what} | {unit} | {cells} | {} | {aim} | {met} |\n",
            row.ratios()
        ));
    }
    text
}

/// Three digits that matter.
fn figure_text(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rounds::MIB;

    fn row(figures: &[(Kind, &[f64])], aim: Aim) -> Row {
        let cell = |(kind, figures): &(Kind, &[f64])| Cell::of(*kind, figures.to_vec());
        Row {
            what: "w".to_owned(),
            unit: "u",
            cells: figures.iter().map(cell).collect(),
            aim,
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 9.0, 2.0]), Some(3.0));
    }

    #[test]
    fn aims_are_judged_round_by_round_and_not_at_all_without_figures() {
        use Kind::{Baseline, Billet, Minio, Versitygw};
        let native = Aim::Times(0.9, Baseline);
        for (figures, aim, expected) in [
            (
                &[(Billet, &[90.0][..]), (Baseline, &[100.0][..])][..],
                native,
                Some(true),
            ),
            (
                &[
                    (Billet, &[89.0, 30.0, 95.0]),
                    (Baseline, &[100.0, 50.0, 50.0]),
                ],
                native,
                Some(false),
            ),
            (
                &[
                    (Billet, &[95.0, 47.0, 30.0]),
                    (Baseline, &[100.0, 50.0, 50.0]),
                ],
                native,
                Some(true),
            ),
            (&[(Billet, &[90.0])], native, None),
            (
                &[(Billet, &[20.0]), (Minio, &[10.0]), (Versitygw, &[15.0])],
                Aim::Peers,
                Some(true),
            ),
            (
                &[(Billet, &[20.0]), (Minio, &[10.0]), (Versitygw, &[25.0])],
                Aim::Peers,
                Some(false),
            ),
            (
                &[(Billet, &[20.0]), (Minio, &[11.0]), (Versitygw, &[15.0])],
                Aim::Peers,
                Some(false),
            ),
            (&[(Billet, &[20.0]), (Minio, &[10.0])], Aim::Peers, None),
            (
                &[(Billet, &[20.0]), (Minio, &[30.0]), (Baseline, &[9.0])],
                Aim::Best,
                Some(false),
            ),
            (
                &[(Billet, &[20.0]), (Minio, &[3.0]), (Baseline, &[90.0])],
                Aim::Best,
                Some(true),
            ),
            (&[(Billet, &[0.2])], Aim::Below(0.2), Some(false)),
            (&[(Billet, &[0.1])], Aim::Below(0.2), Some(true)),
            (&[(Billet, &[0.1])], Aim::None, None),
        ] {
            assert_eq!(
                row(figures, aim).verdict().1,
                expected,
                "{figures:?} {aim:?}"
            );
        }
    }

    #[test]
    fn failures_stand_beside_their_figure() {
        let mut row = row(
            &[(Kind::Billet, &[50.0]), (Kind::Minio, &[100.0])],
            Aim::None,
        );
        let report = json!({ "mib_per_s": 400.0, "done_per_s": 50.0, "window_p5_per_s": 25,
            "failures": { "503": 2 }, "unsent": 1 });
        row.cells[0] = Cell::new(Kind::Billet);
        row.cells[0].add(&report, &MIB);
        let table = markdown(&[row]);
        let line = table.lines().nth(2).unwrap();
        assert_eq!(
            line,
            "| w | u | – | – | 400, p5 200 (3 failed) | 100 | – | 4.00 MinIO |  |  |"
        );
        let bars = |line: &str| line.matches('|').count();
        assert!(table.lines().all(|other| bars(other) == bars(line)));
    }
}
