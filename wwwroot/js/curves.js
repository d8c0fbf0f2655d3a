// The live charts of one run. Every number is kept; uPlot decides per pixel what is drawn.

import { ChartFrame, DrawTurn, axes, download, element, fileName, inWords, readColours, uPlot, yRange, zooming } from "./chart.js";
import { RunFeed, Wire } from "./feed.js";
import { compact, exact, grouped } from "./figures.js";
import { chartsOf, lossChart, seriesColours } from "./quantities.js";
import { Smoothing } from "./steps.js";

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
    const shape = entries.map(e => `${e.label}${e.raw ? "+" : ""}${e.points ? "." : ""}`).join("|") + this.run.log;
    if (shape !== this.shape) { this.shape = shape; this.build(entries); }
    this.entries = entries;
    this.plot.setData(this.data(entries), true);
    this.tellOutside(this.columns().map(name => this.run.table.outside[name]));
    this.readOut(this.plot.cursor.idx);
  }

  /** The columns of the table that it draws. */
  columns() { throw new Error("A chart says what it shows."); }

  positiveOnly() { return this.big && this.run.log; }

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
      series.push({ stroke: () => faded(colours()[e.colour]), width: 1, points: { show: false }, show: !this.hidden.has(e.label) && !!e.raw });
      series.push({
        stroke: () => colours()[e.colour], width: this.big ? 1.75 : 1.5, dash: e.dashed ? [6, 5] : undefined, show: !this.hidden.has(e.label),
        points: e.points ? { show: true, size: 5, fill: () => colours()[e.colour] } : { show: false },
      });
    }
    const { cursor, setSelect } = zooming(this.run.id, range => this.run.zoom(range));
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      series,
      scales: {
        x: { time: false, range: () => this.run.range() },
        y: this.positiveOnly() ? { distr: 3, range: (u, min, max) => min === null ? [1, 10] : max < 1e300 ? uPlot.rangeLog(min, max, 10, false) : [min, max] } : { range: (u, min, max) => yRange(min, max) },
      },
      axes: axes(colours, t => Number.isInteger(t) ? (t >= 1e5 ? compact(t) : grouped(t)) : "", t => this.tick(t)),
      cursor,
      hooks: { setCursor: [u => this.readOut(u.cursor.idx)], setSelect: [setSelect] },
    }, this.data(entries), this.canvas);
    this.buildLegend(entries);
  }

  tick(value) { return compact(value); }

  buildLegend(entries) {
    this.legend.replaceChildren(...entries.map((e, i) => {
      const line = element("span", { class: e.dashed ? "line dashed" : "line", style: `color: var(${e.colour})` });
      const value = element("span", { class: "value" });
      const button = element("button", { type: "button", "aria-pressed": String(!this.hidden.has(e.label)), title: `Show or hide ${e.label}`, onclick: () => {
        if (this.hidden.has(e.label)) this.hidden.delete(e.label); else this.hidden.add(e.label);
        const shown = !this.hidden.has(e.label);
        button.setAttribute("aria-pressed", String(shown));
        if (e.raw) this.plot.setSeries(2 * i + 1, { show: shown });
        this.plot.setSeries(2 * i + 2, { show: shown });
      } }, line, this.titled(e) ? element("span", { class: "visually-hidden" }, e.label) : e.label, value);
      return element("li", {}, button);
    }));
    this.outputs = [...this.legend.querySelectorAll(".value")];
  }

  /** Whether the chart's title already names its only curve. */
  titled(entry) { return entry.label === this.title; }

  // Under the cursor if there is one, otherwise the latest.
  readOut(index) {
    const steps = this.steps();
    const at = index ?? steps.length - 1;
    this.entries.forEach((e, i) => {
      const v = e.values[at];
      const text = v === undefined || v === null || v !== v ? "" : e.write(v, e.nats?.[at]);
      if (this.outputs[i] && this.outputs[i].textContent !== text) this.outputs[i].textContent = text;
    });
    this.run.readOut(index === null || index === undefined ? null : steps[at]);
  }

  summarise() {
    const parts = this.entries.map(e => inWords(e.label, e.values, v => e.write(v)));
    const text = `${this.title} over ${this.steps().length} points. ${parts.join(". ")}.`;
    if (this.caption.textContent !== text) this.caption.textContent = text;
  }

  savePng() {
    if (!this.plot) return;
    const shown = this.entries.filter(e => !this.hidden.has(e.label))
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

class LossChart extends Chart {
  constructor(run, { drawn }) {
    super(run, { id: lossChart, title: "Losses", unit: "nats/token", big: true });
    this.losses = drawn;
    this.smoothings = drawn.map(() => new Smoothing());
    const smooth = element("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: String(run.smoothing), "aria-label": "Smoothing of the curves",
      oninput: e => { run.smoothing = Number(e.target.value); run.redraw(); } });
    const check = (text, name) => {
      const box = element("input", { type: "checkbox", onchange: e => { run[name] = e.target.checked; this.smoothings.forEach(s => s.reset(run.smoothing)); run.redraw(); } });
      box.checked = run[name];
      return element("label", { class: "check" }, box, text);
    };
    this.controls.append(element("label", { class: "check" }, "Smoothing", smooth), check("Log", "log"), check("Weighted", "weighted"));
    this.controls.append(this.reset = element("button", { type: "button", class: "button small", onclick: () => run.zoom(null), style: "visibility:hidden" }, "Reset zoom"));
  }

  content() {
    const { table, smoothing } = this.run;
    const entries = [];
    this.losses.forEach((l, i) => {
      if (table.numbers[l.name] === 0) return;
      const source = table.columns[l.name].subarray(0, table.count);
      const weight = this.run.weighted ? l.weight ?? 1 : 1;
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
class NumberChart extends Chart {
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
    this.measured = Object.fromEntries(this.drawn.flatMap(q => q.exponentialOf ? [q.name, q.exponentialOf] : [q.name]).map(name => [name, []]));
    this.scanned = 0;
  }

  steps() { return this.isMeasured ? this.measuredSteps : super.steps(); }

  tick(value) { return (this.drawn[0].tick ?? compact)(value); }

  columns() { return this.drawn.map(q => q.name); }

  content() { return this.isMeasured ? this.measurements() : this.drawn.map((q, i) => this.curve(q, i)).filter(entry => entry !== null); }

  measurements() {
    const { table, once } = this.run;
    for (; this.scanned < table.count; this.scanned++) {
      if (this.drawn.every(q => Number.isNaN(table.columns[q.name][this.scanned]))) continue;
      this.measuredSteps.push(table.step[this.scanned]);
      for (const [name, values] of Object.entries(this.measured)) values.push(table.columns[name]?.[this.scanned] ?? NaN);
    }
    const count = this.measuredSteps.length;
    if (count === 0) return [];
    // Beside the line of somebody else, the run's own is the student's.
    const own = this.drawn.length === 1 && this.references.length > 0 ? () => "Student" : q => q.short;
    const entries = this.drawn.map(q => ({ label: own(q), colour: q.paint, write: q.write, csv: q.name, points: true, values: this.measured[q.name],
      ...this.#logarithms(q, this.measured[q.exponentialOf]) }));
    for (const q of this.references.filter(q => !Number.isNaN(once[q.name] ?? NaN))) {
      const line = name => new Array(count).fill(once[name] ?? NaN);
      entries.push({ label: q.short, colour: q.paint, dashed: true, write: q.write, csv: q.name, values: line(q.name), ...this.#logarithms(q, line(q.exponentialOf)) });
    }
    return entries;
  }

  #logarithms(q, nats) { return q.exponentialOf ? { nats, natsCsv: q.exponentialOf } : {}; }

  curve(q, i) {
    const { table, smoothing } = this.run;
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

/** The charts of one run and the wire that feeds them. */
class RunCurves {
  constructor(host, config) {
    this.host = host;
    this.id = config.runId;
    this.name = config.name;
    this.fileName = fileName(config.name, "run");
    this.smoothing = 0.6;
    this.log = false;
    this.weighted = false;
    this.colours = readColours(seriesColours);
    this.zoomed = null;
    this.disposed = false;
    this.state = { runId: this.id, state: "loading", points: 0, lastStep: 0, gaps: 0, duplicates: 0, draws: 0, drawMs: 0, longestDrawMs: 0, historyMs: 0, firstDrawMs: 0, reconnects: 0, status: null };
    window.webdistillCurves = this.state;
    this.turn = new DrawTurn(() => this.charts.forEach(c => c.draw()), this.state);
    this.wire = new Wire((state, text) => {
      this.state.reconnects = this.wire.reconnects;
      this.show(state === "live" && !this.feed.watched ? "ended" : state, text);
    });
    this.feed = new RunFeed(this.wire, this.id, config.series, {
      described: series => this.describe(series),
      took: rows => this.took(rows),
      restarted: () => this.charts.forEach(c => c.restart()),
      ended: () => this.show("ended", ""),
      broke: e => this.show("broken", `The curves stopped: ${e.message}`),
    });

    this.output = element("p", { class: "readout muted" }, "Drag to zoom, double-click to reset.");
    this.line = element("div", { class: "spread" }, this.output, this.connection = element("span", { class: "muted", role: "status" }));
    this.charts = [];
    this.describe(config.series);

    this.onTheme = () => { this.colours = readColours(seriesColours); this.charts.forEach(c => c.plot?.redraw(false)); };
    document.addEventListener("webdistill:theme", this.onTheme);
    this.onVisible = () => { if (!document.hidden) this.redraw(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.summaries = setInterval(() => this.charts.forEach(c => c.summarise()), 3000);
  }

  get table() { return this.feed.table; }
  get once() { return this.feed.once; }

  /** Makes the charts of the series, unless they are there. */
  describe(series) {
    const described = JSON.stringify(series);
    if (described === this.described) return;
    this.described = described;
    this.charts.forEach(c => c.dispose());
    this.charts = chartsOf(series).map(chart => chart.id === lossChart ? new LossChart(this, chart) : new NumberChart(this, chart));
    this.host.replaceChildren(this.charts[0].figure, this.line, element("div", { class: "cols-2" }, ...this.charts.slice(1).map(c => c.figure)));
  }

  range() {
    if (this.zoomed) return this.zoomed;
    const first = this.table.count ? this.table.step[0] : 1;
    return [first, Math.max(first + 9, this.table.lastStep)];
  }

  zoom(range) {
    this.zoomed = range;
    this.charts[0].reset.style.visibility = range ? "visible" : "hidden";
    this.redraw();
  }

  readOut(step) {
    const text = step === null ? "Drag to zoom, double-click to reset." : `Step ${grouped(step)}`;
    if (this.output.textContent !== text) this.output.textContent = text;
  }

  redraw() { this.turn.ask(); }

  took({ status }) {
    Object.assign(this.state, { points: this.table.count, lastStep: this.table.lastStep, gaps: this.table.gaps, duplicates: this.table.duplicates, receivedAt: performance.now() });
    if (status) this.state.status = status;
    this.redraw();
  }

  show(state, text) {
    this.state.state = state;
    this.host.dataset.state = state;
    if (this.connection.textContent !== text) this.connection.textContent = text;
  }

  async start() {
    const began = performance.now();
    await this.feed.read();
    if (this.disposed) return;
    this.state.historyMs = performance.now() - began;
    this.feed.watch();
    await this.wire.start();
  }

  dispose() {
    this.disposed = this.turn.disposed = true;
    clearInterval(this.summaries);
    document.removeEventListener("webdistill:theme", this.onTheme);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.charts.forEach(c => c.dispose());
    this.feed.dispose();
    return this.wire.dispose();
  }
}

/** Draws the charts of a run into an element and keeps them fed until the returned object is disposed. */
export async function mount(host, config) {
  // The page can be left between the call and its arrival here.
  if (!host) return { dispose() {} };
  const curves = new RunCurves(host, config);
  curves.start().catch(e => curves.show("broken", `The curves could not be read: ${e.message}`));
  return { dispose: () => curves.dispose() };
}
