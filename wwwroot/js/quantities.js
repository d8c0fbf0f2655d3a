// How the charts treat a number, from its series as the server describes it. Which series there are stands nowhere in the browser.

import { compact, finite, grouped, loss, perplexity } from "./figures.js";

const paletteSize = 10; // --series-0 to --series-9 of app.css; where they run out, they begin anew.

/** The chart that all losses of a run share; where runs are compared, each has its own. */
export const lossChart = "losses";

/** The line that others are compared with. */
export const referenceColour = "--series-teacher";

/** What a student's own line is drawn in, beside its teacher's. */
export const studentColour = "--student";

/** The line of the run that is pinned as the baseline: of no series, teacher or student. */
export const baselineColour = "--text-2";

export const seriesColours = [referenceColour, studentColour, ...Array.from({ length: paletteSize }, (_, i) => `--series-${i}`)];

export const formats = {
  Loss: { write: loss },
  Perplexity: { write: perplexity },
  Scientific: { write: finite(v => v.toExponential(2)) },
  Significant: { write: finite(v => v.toPrecision(4)) },
  Compact: { write: compact },
  Whole: { write: grouped },
};

/** A series with how it is written (`write` takes a number, and its logarithm where it is an exponential), its colour and its short name. */
export function quantity(series) {
  const format = formats[series.format];
  if (!format) throw new Error(`The series ${series.name} has the format ${series.format}, expected ${Object.keys(formats).join(", ")}.`);
  const isOnce = series.cadence === "Once";
  return {
    ...series, ...format, isOnce, isMeasured: series.cadence === "Measured", short: series.label ?? series.title,
    paint: isOnce ? referenceColour : `--series-${series.colour % paletteSize}`,
  };
}

/** The charts of some series, in their order: [{ id, drawn: quantities, references: quantities that a run has once }]. */
export function chartsOf(series) {
  const charts = new Map();
  for (const one of series.filter(s => s.chart).map(quantity)) {
    if (!charts.has(one.chart)) charts.set(one.chart, { id: one.chart, drawn: [], references: [] });
    charts.get(one.chart)[one.isOnce ? "references" : "drawn"].push(one);
  }
  return [...charts.values()].filter(chart => chart.drawn.length > 0);
}
