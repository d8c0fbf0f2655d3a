// The charts of one run: its losses, together or one by one, and every other number that it reports.

import { markColour } from "./alerts.js";
import { ChartFrame, axes, download, element, inWords, wholeSteps, zooming } from "./chart.js";
import { compact, exact } from "./figures.js";
import { baselineColour, studentColour } from "./quantities.js";
import { Smoothing } from "./steps.js";

// Beyond that the dots of what was measured now and then are one another's neighbours.
const mostDots = 200;

const faded = colour => colour.replace("rgb(", "rgba(").replace(")", ", 0.22)");

// uPlot draws NaN as a broken path, has no axis to infinity and takes a logarithm of what it is given: such values become null, which it skips.
function plottable(values, positiveOnly) {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]) || (positiveOnly && values[i] <= 0))
      return Array.from(values, v => !Number.isFinite(v) || (positiveOnly && v <= 0) ? null : v);
  }
  return values;
}

/** One chart of the run, with a legend that is its read-out. */
class Chart extends ChartFrame {
  constructor(run, definition) {
    const legend = element("ul", { class: "legend" });
    super({ ...definition, waiting: "Waiting for the first step" }, legend);
    this.run = run;
    this.legend = legend;
    this.hidden = new Set();
    this.entries = [];
    this.readings = element("div", { class: "cursor-box", "aria-hidden": "true", hidden: "" });
  }

  /** Entries in legend order: { label, colour, write, dashed, values: numbers as long as steps(), raw?: the same before smoothing, recorded?: the
   * same before it is scaled, nats?: the losses that the values are the exponentials of }. */
  content() { throw new Error("A chart says what it shows."); }

  steps() { return this.run.table.step.subarray(0, this.run.table.count); }

  draw() {
    if (!this.visible) { this.stale = true; return; }
    this.stale = false;
    const entries = this.content();
    if (entries.length === 0 || this.steps().length === 0) {
      if (this.run.table.count > 0) this.waiting.textContent = "Not measured yet";
      return;
    }
    const shape = entries.map(e => `${e.label}${e.raw ? "+" : ""}${e.points ? "." : ""}`).join("|") + this.positiveOnly();
    if (shape !== this.shape) { this.shape = shape; this.build(entries); }
    this.entries = entries;
    this.plot.setData(this.data(entries), true);
    this.tellOutside(this.columns().map(name => this.run.table.outside[name]));
    this.readOut(this.plot.cursor.idx);
  }

  /** The columns of the table that it draws. */
  columns() { throw new Error("A chart says what it shows."); }

  positiveOnly() { return false; }

  /** What stands at the vertical axis; null for nothing. */
  axisLabel() { return null; }

  data(entries) {
    const columns = [this.steps()];
    for (const e of entries) {
      columns.push(plottable(e.raw ?? e.values, this.positiveOnly()));
      columns.push(plottable(e.values, this.positiveOnly()));
    }
    return columns;
  }

  build(entries) {
    this.plot?.destroy();
    this.waiting.remove();
    const colours = () => this.run.colours;
    const series = [{}];
    for (const e of entries) {
      series.push({ stroke: () => faded(colours()[e.colour]), width: 1, points: { show: false }, show: !this.hidden.has(e.csv) && !!e.raw });
      series.push({
        stroke: () => colours()[e.colour], width: this.big ? 1.75 : 1.5, dash: e.dashed ? [6, 5] : undefined, show: !this.hidden.has(e.csv),
        points: e.points ? { show: true, size: 5, fill: () => colours()[e.colour] } : { show: false },
      });
    }
    const { cursor, setSelect } = zooming(this.run.id, range => this.run.zoom(range));
    this.plotAnew({
      series, cursor, logarithmic: this.positiveOnly(), range: () => this.run.range(),
      axes: axes(colours, { label: "updates", incrs: wholeSteps }, { label: this.axisLabel(), logarithmic: this.positiveOnly() }),
      hooks: { setCursor: [u => this.readOut(u.cursor.idx)], setSelect: [setSelect], draw: [u => this.run.marks.draw(u, colours()[markColour])] },
    }, this.data(entries));
    this.plot.over.addEventListener("mouseenter", () => { this.pointed = true; });
    this.plot.over.addEventListener("mouseleave", () => { this.pointed = false; this.readings.hidden = true; });
    this.buildLegend(entries);
  }

  buildLegend(entries) {
    this.legend.replaceChildren(...entries.map((e, i) => {
      const line = element("span", { class: e.dashed ? "line dashed" : "line", style: `color: var(${e.colour})` });
      const value = element("span", { class: "value" });
      const button = element("button", { type: "button", "aria-pressed": String(!this.hidden.has(e.csv)), title: `Show or hide ${e.label}`, onclick: () => {
        if (this.hidden.has(e.csv)) this.hidden.delete(e.csv); else this.hidden.add(e.csv);
        const shown = !this.hidden.has(e.csv);
        button.setAttribute("aria-pressed", String(shown));
        if (e.raw) this.plot.setSeries(2 * i + 1, { show: shown });
        this.plot.setSeries(2 * i + 2, { show: shown });
      } }, line, this.titled(e) ? element("span", { class: "visually-hidden" }, e.label) : e.label, value);
      return element("li", {}, button);
    }));
    this.outputs = [...this.legend.querySelectorAll(".value")];
    this.boxHead = element("div", { class: "at" });
    this.boxRows = entries.map(e => {
      const value = element("span", { class: "value" });
      return { value, row: element("div", {}, element("span", { class: e.dashed ? "line dashed" : "line", style: `color: var(${e.colour})` }), element("span", { class: "run" }, e.label), value) };
    });
    this.readings.replaceChildren(this.boxHead, ...this.boxRows.map(r => r.row));
  }

  /** Whether the chart's title already names its only curve. */
  titled(entry) { return entry.label === this.title; }

  // Under the cursor if there is one, otherwise the latest: as it was recorded, whatever the line is smoothed by.
  readOut(index) {
    const steps = this.steps();
    const at = index ?? steps.length - 1;
    const shown = this.pointed && index !== null && index !== undefined && this.plot.cursor.left >= 0;
    this.readings.hidden = !shown;
    this.entries.forEach((e, i) => {
      const v = (e.raw ?? e.values)[at];
      const text = v === undefined || v === null || v !== v ? "" : e.write(v, e.nats?.[at]);
      if (this.outputs[i] && this.outputs[i].textContent !== text) this.outputs[i].textContent = text;
      if (!shown) return;
      this.boxRows[i].value.textContent = text;
      this.boxRows[i].row.hidden = text === "" || this.hidden.has(e.csv);
    });
    if (!shown) return;
    this.boxHead.textContent = this.run.at(steps[at]);
    this.place(this.readings);
  }

  summarise() {
    const parts = this.entries.map(e => inWords(e.label, e.raw ?? e.values, v => e.write(v)));
    const text = `${this.title} over ${this.steps().length} points. ${parts.join(". ")}.${this.run.marks.inWords()}`;
    if (this.caption.textContent !== text) this.caption.textContent = text;
  }

  savePng() {
    if (!this.plot) return;
    const shown = this.entries.filter(e => !this.hidden.has(e.csv))
      .map(e => ({ label: e.label, colour: this.run.colours[e.colour], dash: e.dashed ? [6, 5] : null }));
    this.picture(`${this.title} · ${this.run.name}`, shown, this.run.colours)
      .toBlob(blob => download(`${this.run.fileName}-${this.id}.png`, blob));
  }

  saveCsv() {
    const steps = this.steps();
    const columns = this.entries.flatMap(e => [[e.csv, e.recorded ?? e.raw ?? e.values], ...(e.nats ? [[e.natsCsv, e.nats]] : [])]);
    const rows = [["step", ...columns.map(([name]) => name)].join(",")];
    for (let i = 0; i < steps.length; i++) rows.push([steps[i], ...columns.map(([, values]) => exact(values[i]))].join(","));
    download(`${this.run.fileName}-${this.id}.csv`, new Blob([rows.join("\n"), "\n"], { type: "text/csv" }));
  }

  /** The table begins anew: nothing that was derived from the old one holds. */
  restart() { }
}

/** The terms of the objective: all in one chart, or one of them. */
export class LossChart extends Chart {
  constructor(run, { id, title, drawn, big }) {
    super(run, { id, title, big });
    this.losses = drawn;
    this.smoothings = drawn.map(() => new Smoothing());
    const smooth = element("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: String(run.settings.smoothing), "aria-label": "Smoothing of the curves",
      oninput: e => run.set({ smoothing: Number(e.target.value) }) });
    const check = (text, name) => {
      const box = element("input", { type: "checkbox", onchange: e => run.set({ [name]: e.target.checked }) });
      box.checked = run.settings[name];
      return element("label", { class: "check" }, box, text);
    };
    this.controls.append(element("label", { class: "check" }, "Smoothing", smooth), check("Log", "log"), check("Weighted", "weighted"), check("One chart per term", "apart"));
  }

  positiveOnly() { return this.run.settings.log; }

  axisLabel() {
    const weighted = this.run.settings.weighted && this.losses.some(l => (l.weight ?? 1) !== 1) ? "weighted" : "";
    return this.losses.length > 1 ? weighted || null : `${weighted} ${this.losses[0].unit ?? ""}`.trim();
  }

  content() {
    const { table } = this.run, { smoothing, weighted } = this.run.settings;
    this.unit.textContent = ` ${this.losses.length > 1 ? weighted ? "each times its weight" : "each in its own unit" : this.axisLabel()}`;
    const entries = [];
    this.losses.forEach((l, i) => {
      if (table.numbers[l.name] === 0) return;
      const source = table.columns[l.name].subarray(0, table.count);
      const weight = weighted ? l.weight ?? 1 : 1;
      const raw = weight === 1 ? source : Float64Array.from(source, v => v * weight);
      const entry = { label: weight === 1 ? l.short : `${compact(weight)} × ${l.short}`, colour: l.paint, write: l.write, csv: l.name };
      if (smoothing > 0) {
        if (this.smoothings[i].factor !== smoothing) this.smoothings[i].reset(smoothing);
        entry.raw = raw;
        entry.values = this.smoothings[i].of(raw, table.count);
      } else entry.values = raw;
      entries.push(entry);
    });
    return entries;
  }

  columns() { return this.losses.map(l => l.name); }

  restart() { this.smoothings.forEach(s => s.reset(s.factor)); }
}

/** Numbers of every update, or those of the updates after which one was measured. */
export class NumberChart extends Chart {
  constructor(run, { id, drawn, references }) {
    super(run, { id, title: drawn[0].title, unit: drawn[0].unit });
    this.drawn = drawn;
    this.references = references;
    this.isMeasured = drawn.every(q => q.isMeasured);
    this.smoothings = drawn.map(() => new Smoothing());
    this.restart();
  }

  restart() {
    this.smoothings.forEach(s => s.reset(s.factor));
    this.measuredSteps = [];
    this.scaled = Object.fromEntries(this.drawn.filter(q => q.factor !== 1).map(q => [q.name, []]));
    this.measured = Object.fromEntries(this.drawn.flatMap(q => q.exponentialOf ? [q.name, q.exponentialOf] : [q.name]).map(name => [name, []]));
    this.scanned = 0;
  }

  steps() { return this.isMeasured ? this.measuredSteps : super.steps(); }

  axisLabel() { return this.drawn[0].unit; }

  columns() { return this.drawn.map(q => q.name); }

  content() { return this.isMeasured ? this.measurements() : this.drawn.map((q, i) => this.curve(q, i)).filter(entry => entry !== null); }

  measurements() {
    const { table, once } = this.run;
    for (; this.scanned < table.count; this.scanned++) {
      if (this.drawn.every(q => Number.isNaN(table.columns[q.name][this.scanned]))) continue;
      this.measuredSteps.push(table.step[this.scanned]);
      for (const [name, values] of Object.entries(this.measured)) values.push(table.columns[name]?.[this.scanned] ?? NaN);
      for (const q of this.drawn) this.scaled[q.name]?.push(table.columns[q.name][this.scanned] * q.factor);
    }
    const count = this.measuredSteps.length;
    if (count === 0) return [];
    // Beside the teacher's line, the run's own is the student's.
    const compared = this.drawn.length === 1 && this.references.length > 0;
    const label = q => !compared ? q.short : this.run.hasTeacher ? "Student" : "Model";
    const paint = q => compared && this.run.hasTeacher ? studentColour : q.paint;
    const entries = this.drawn.map(q => ({ label: label(q), colour: paint(q), write: q.write, csv: q.name, points: count <= mostDots, recorded: this.measured[q.name],
      values: this.scaled[q.name] ?? this.measured[q.name],
      ...this.#logarithms(q, this.measured[q.exponentialOf]) }));
    for (const q of this.references.filter(q => !Number.isNaN(once[q.name] ?? NaN))) {
      const line = name => new Array(count).fill(once[name] ?? NaN);
      entries.push({ label: q.short, colour: q.paint, dashed: true, write: q.write, csv: q.name, values: line(q.name), ...this.#logarithms(q, line(q.exponentialOf)) });
    }
    for (const q of this.drawn.filter(q => this.run.baseline && q.name in this.run.baseline)) {
      const line = name => new Array(count).fill(this.run.baseline[name]);
      entries.push({ label: `Baseline ${this.run.baseline.name}`, colour: baselineColour, dashed: true, write: q.write, csv: q.exponentialOf ? "baselinePerplexity" : `baseline${q.name[0].toUpperCase()}${q.name.slice(1)}`,
        values: line(q.name), ...(q.exponentialOf ? { nats: line(q.exponentialOf), natsCsv: "baselineNatsPerToken" } : {}) });
    }
    return entries;
  }

  #logarithms(q, nats) { return q.exponentialOf ? { nats, natsCsv: q.exponentialOf } : {}; }

  curve(q, i) {
    const { table } = this.run, { smoothing } = this.run.settings;
    if (table.numbers[q.name] === 0) return null;
    const source = table.columns[q.name].subarray(0, table.count);
    const scaled = q.factor === 1 ? source : source.map(v => v * q.factor);
    const entry = { label: q.short, colour: q.paint, write: q.write, csv: q.name, recorded: source, values: scaled };
    if (q.isSmoothed && smoothing > 0) {
      if (this.smoothings[i].factor !== smoothing) this.smoothings[i].reset(smoothing);
      entry.raw = scaled;
      entry.values = this.smoothings[i].of(scaled, table.count);
    }
    return entry;
  }
}
