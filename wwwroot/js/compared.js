// One of several runs that are compared: its colour and line, its numbers, and where they stand along each axis.

import { wholeSteps } from "./chart.js";
import { RunFeed } from "./feed.js";
import { compact, duration, grouped } from "./figures.js";
import { Smoothing } from "./steps.js";

const timeTick = s => s >= 3600 ? `${+(s / 3600).toFixed(2)} h` : s >= 60 ? `${+(s / 60).toFixed(2)} min` : `${+s.toFixed(2)} s`;
export const places = {
  step: {
    label: "Step", axis: "updates", of: run => run.table.step, at: v => `Step ${grouped(v)}`, incrs: wholeSteps,
  },
  tokens: { label: "Tokens", axis: "tokens", of: run => run.table.columns.tokensSeen, at: v => `${compact(v)} tokens` },
  time: {
    label: "Time", axis: "time trained", of: run => run.seconds, at: v => duration(v), write: ticks => ticks.map(timeTick),
    // Seconds: round ones of a clock.
    incrs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
      172800, 432000, 864000],
  },
};

// One colour per run, told apart without colour vision; where they run out, the pattern of the line changes.
const dashes = [null, [9, 4], [3, 3], [12, 4, 3, 4]];
export const colourOf = slot => `--run-${slot % 8}`;
export const dashOf = slot => dashes[Math.floor(slot / 8) % dashes.length];
export const runColours = Array.from({ length: 8 }, (_, i) => colourOf(i));

export function swatch(slot) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "swatch"); svg.setAttribute("viewBox", "0 0 28 6"); svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M0 3h28"); line.setAttribute("style", `stroke: var(${colourOf(slot)})`);
  if (dashOf(slot)) line.setAttribute("stroke-dasharray", dashOf(slot).join(" "));
  svg.append(line);
  return svg;
}
/** One run: its steps, and what is worked out from them as they arrive. */
export class ComparedRun {
  constructor(compare, { id, name, label, slot }) {
    this.compare = compare; this.id = id; this.name = name; this.label = label; this.slot = slot;
    this.hidden = false;
    this.problem = null;
    this.feed = new RunFeed(compare.wire, id, [], {
      described: () => {},
      took: () => { this.problem = null; this.derive(); compare.took(); },
      restarted: () => this.restart(),
      ended: () => compare.tell(),
      broke: e => { this.problem = e.message; compare.tell(); },
    });
    this.restart();
  }

  get table() { return this.feed.table; }
  get colour() { return this.compare.colours[colourOf(this.slot)]; }

  restart() {
    this.seconds = new Float64Array(0);
    this.scanned = 0;
    this.smoothings = new Map();
    this.measured = new Map(); // By series: the rows at which it was measured, and its curves by axis.
  }

  derive() {
    const { table } = this, { stepSeconds } = table.columns;
    if (table.count > this.seconds.length) {
      const bigger = new Float64Array(table.capacity);
      bigger.set(this.seconds.subarray(0, this.scanned));
      this.seconds = bigger;
    }
    for (; this.scanned < table.count; this.scanned++) {
      const i = this.scanned;
      this.seconds[i] = (i > 0 ? this.seconds[i - 1] : 0) + (Number.isFinite(stepSeconds[i]) ? stepSeconds[i] : 0);
    }
  }

  /** { x, y, raw, nats?, count } of a quantity over an axis. */
  curve(quantity, axis) {
    const { table } = this, raw = table.columns[quantity.name];
    if (!this.has(quantity)) return { x: [], y: [], raw: [], count: 0 };
    if (quantity.isMeasured) return this.measurements(quantity, axis, raw);
    const scaled = quantity.factor === 1 ? raw : raw.subarray(0, table.count).map(v => v * quantity.factor);
    return { x: places[axis].of(this), y: this.smoothed(quantity, scaled), raw: scaled, count: table.count };
  }

  /** Whether the run has a number of it. */
  has(quantity) { return this.table.numbers[quantity.name] > 0; }

  measurements(quantity, axis, raw) {
    const { table } = this;
    let kept = this.measured.get(quantity.name);
    if (!kept) this.measured.set(quantity.name, kept = { rows: [], scanned: 0, curves: new Map() });
    for (; kept.scanned < table.count; kept.scanned++) if (!Number.isNaN(raw[kept.scanned])) kept.rows.push(kept.scanned);
    let curve = kept.curves.get(axis);
    if (curve?.count !== kept.rows.length) {
      const of = places[axis].of(this), { rows } = kept, logarithms = table.columns[quantity.exponentialOf];
      const y = Float64Array.from(rows, i => raw[i] * quantity.factor);
      curve = { x: Float64Array.from(rows, i => of[i]), y, raw: y, nats: logarithms && Float64Array.from(rows, i => logarithms[i]), count: rows.length };
      kept.curves.set(axis, curve);
    }
    return curve;
  }

  smoothed(quantity, raw) {
    const { smoothing } = this.compare;
    if (!quantity.isSmoothed || smoothing === 0) return raw;
    let average = this.smoothings.get(quantity.name);
    if (!average) this.smoothings.set(quantity.name, average = new Smoothing());
    if (average.factor !== smoothing) average.reset(smoothing);
    return average.of(raw, this.table.count);
  }
}
