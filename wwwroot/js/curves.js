// The live charts of one run. Recorded steps come as binary columns, later ones over SignalR from the step after the last one
// we hold, so that a reconnection leaves neither a gap nor a duplicate. Every number is kept; uPlot decides per pixel what is drawn.

import uPlot from "../lib/uplot/uPlot.esm.js";
import "../lib/signalr/signalr.min.js"; // A UMD bundle: sets globalThis.signalR.
import { readHistory } from "./history.js";

const signalR = globalThis.signalR;
const minimumDrawIntervalMs = 50; // 20 updates a second.
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const thin = "\u2009";
const grouped = v => Math.round(v).toString().replace(/\B(?=(\d{3})+(?!\d))/g, thin);
const compact = v => {
  const a = Math.abs(v);
  if (a >= 1e9) return `${(v / 1e9).toFixed(a < 1e10 ? 2 : 1)}${thin}G`;
  if (a >= 1e6) return `${(v / 1e6).toFixed(a < 1e7 ? 2 : 1)}${thin}M`;
  if (a >= 1e4) return `${(v / 1e3).toFixed(a < 1e5 ? 1 : 0)}${thin}k`;
  if (a >= 100) return grouped(v);
  return a >= 1 ? v.toFixed(a < 10 ? 2 : 1) : a === 0 ? "0" : a < 1e-3 ? v.toExponential(1) : v.toPrecision(2);
};
const loss = v => Math.abs(v) >= 1000 ? v.toFixed(1) : v.toFixed(4);
const perplexity = v => v >= 1e5 ? v.toExponential(2) : v.toFixed(2);

// One entry per charted number: column, name, colour, unit, how it is written.
const losses = [
  { column: "totalLoss", label: "Total", colour: "--series-total", weight: null },
  { column: "distillationCeNatsPerToken", label: "Distillation CE", colour: "--series-ce", weight: "alphaCe" },
  { column: "causalLmNatsPerToken", label: "Causal LM", colour: "--series-clm", weight: "alphaClm" },
  { column: "logitsMse", label: "Logits MSE", colour: "--series-mse", weight: "alphaMse" },
  { column: "cosineDistance", label: "Cosine", colour: "--series-cos", weight: "alphaCos" },
];
const multiples = [
  { id: "perplexity", title: "Validation perplexity", unit: "", column: "validationPerplexity", colour: "--series-perplexity", write: perplexity, sparse: true, teacher: true },
  { id: "rate", title: "Learning rate", unit: "", column: "learningRate", colour: "--series-rate", write: v => v.toExponential(2) },
  { id: "gradient", title: "Gradient norm", unit: "before clipping", column: "gradientNorm", colour: "--series-gradient", write: v => v.toPrecision(4), smoothed: true },
  { id: "speed", title: "Throughput", unit: "tokens/s", column: "tokensPerSecond", colour: "--series-speed", write: compact, smoothed: true },
  { id: "memory", title: "Memory", unit: "MB, resident", column: "memoryBytes", colour: "--series-memory", write: v => grouped(v), scale: 1e-6 },
];
const doubles = new Set(["tokensSeen", "memoryBytes"]);
const columnNames = ["epoch", "tokensSeen", ...losses.map(l => l.column), "learningRate", "gradientNorm", "tokensPerSecond", "stepSeconds", "memoryBytes", "validationPerplexity"];

/** Growable typed columns; a missing number is NaN. */
class StepTable {
  constructor() {
    this.count = 0;
    this.capacity = 4096;
    this.step = new Int32Array(this.capacity);
    this.columns = Object.fromEntries(columnNames.map(n => [n, doubles.has(n) ? new Float64Array(this.capacity) : new Float32Array(this.capacity)]));
    this.finite = Object.fromEntries(columnNames.map(n => [n, 0]));
    this.gaps = 0;
    this.duplicates = 0;
  }

  get lastStep() { return this.count ? this.step[this.count - 1] : 0; }

  append(step, columns) {
    this.#reserve(this.count + step.length);
    const sources = columnNames.map(n => [n, this.columns[n], columns[n]]);
    let last = this.lastStep, n = this.count;
    for (let i = 0; i < step.length; i++) {
      if (step[i] <= last) { this.duplicates++; continue; }
      if (step[i] !== last + 1) this.gaps++;
      this.step[n] = last = step[i];
      for (const [name, target, source] of sources) {
        const value = source?.[i] ?? NaN;
        target[n] = value;
        if (value === value) this.finite[name]++;
      }
      n++;
    }
    this.count = n;
  }

  #reserve(needed) {
    if (needed <= this.capacity) return;
    while (this.capacity < needed) this.capacity *= 2;
    const grow = old => { const bigger = new old.constructor(this.capacity); bigger.set(old.subarray(0, this.count)); return bigger; };
    this.step = grow(this.step);
    for (const name of columnNames) this.columns[name] = grow(this.columns[name]);
  }
}

/** Exponential moving average over every step, free of start-up bias; only what is new is computed. */
class Smoothing {
  constructor() { this.reset(0); }

  reset(factor) { this.factor = factor; this.done = 0; this.mean = 0; this.weight = 0; this.values = new Float64Array(4096); }

  of(source, count) {
    if (count > this.values.length) {
      const bigger = new Float64Array(Math.max(count, this.values.length * 2));
      bigger.set(this.values.subarray(0, this.done));
      this.values = bigger;
    }
    for (; this.done < count; this.done++) {
      const value = source[this.done];
      if (value === value) {
        this.mean = this.factor * this.mean + (1 - this.factor) * value;
        this.weight = this.factor * this.weight + (1 - this.factor);
      }
      this.values[this.done] = this.weight > 0 ? this.mean / this.weight : NaN;
    }
    return this.values.subarray(0, count);
  }
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(c => c !== null));
  return node;
}

const paths = {
  picture: "M2 3h12v10H2z M2 11l3.5-3.5L9 11 M8 10l2.5-2.5L14 11 M10.8 5.5h.01",
  table: "M2 3h12v10H2z M2 6.3h12 M2 9.7h12 M7 3v10",
};
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16"); svg.setAttribute("class", "icon"); svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// light-dark() is resolved by the browser only in a real property, so a probe element reads every colour.
function readColours() {
  const probe = element("span", { style: "display:none" });
  document.body.append(probe);
  const colours = {};
  for (const name of ["--surface", "--text", "--text-2", "--text-3", "--line", "--series-teacher", ...losses.map(l => l.colour), ...multiples.map(m => m.colour)]) {
    probe.style.color = `var(${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}
const faded = colour => colour.replace("rgb(", "rgba(").replace(")", ", 0.22)");

// uPlot draws NaN as a broken path and takes a logarithm of what it is given: such values become null, which it skips.
function plottable(values, positiveOnly) {
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== values[i] || (positiveOnly && values[i] <= 0))
      return Array.from(values, v => v !== v || (positiveOnly && v <= 0) ? null : v);
  }
  return values;
}

/** One chart: its frame, its legend with the read-out, its two downloads. */
class Chart {
  constructor(run, { id, title, unit, big }) {
    this.run = run; this.id = id; this.title = title; this.big = big;
    this.hidden = new Set();
    this.visible = true;
    this.legend = element("ul", { class: "legend" });
    this.canvas = element("div", { class: "canvas" });
    this.waiting = element("div", { class: "waiting" }, "Waiting for the first step");
    this.caption = element("figcaption", { class: "visually-hidden" });
    const heading = element("h3", {}, title);
    if (unit) heading.append(element("span", { class: "unit" }, ` ${unit}`));
    this.controls = element("div", { class: "chart-controls" });
    this.figure = element("figure", { class: `card chart ${big ? "big" : "small"}`, "data-chart": id },
      element("div", { class: "head" }, heading, this.legend,
        element("div", { class: "does" }, this.controls,
          element("button", { type: "button", class: "icon-button", title: "Download as PNG", "aria-label": `Download ${title} as PNG`, onclick: () => this.savePng() }, icon("picture")),
          element("button", { type: "button", class: "icon-button", title: "Download as CSV", "aria-label": `Download ${title} as CSV`, onclick: () => this.saveCsv() }, icon("table")))),
      element("div", { class: "plot" }, this.canvas), this.caption);
    this.canvas.append(this.waiting);
    this.entries = [];
    this.observer = new IntersectionObserver(entries => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible && this.stale) this.draw();
    }, { rootMargin: "800px" });
    this.observer.observe(this.figure);
    this.resizes = new ResizeObserver(() => this.plot?.setSize(this.size()));
    this.resizes.observe(this.canvas);
  }

  size() { return { width: Math.max(160, this.canvas.clientWidth), height: Math.max(120, this.canvas.clientHeight) }; }

  /** Entries in legend order: { label, colour, write, dashed, values(): numbers as long as steps(), raw?: the same before smoothing }. */
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
    this.readOut(this.plot.cursor.idx);
  }

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
    const axis = { stroke: () => colours()["--text-3"], font: "12px Inter, sans-serif", grid: { stroke: () => colours()["--line"], width: 1 }, ticks: { show: false } };
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      series,
      scales: {
        x: { time: false, range: () => this.run.range() },
        y: this.positiveOnly() ? { distr: 3 } : { range: (u, min, max) => this.yRange(min, max) },
      },
      axes: [
        { ...axis, size: 28, gap: 6, values: (u, ticks) => ticks.map(t => Number.isInteger(t) ? (t >= 1e5 ? compact(t) : grouped(t)) : "") },
        { ...axis, size: 62, gap: 8, values: (u, ticks) => ticks.map(t => t === null ? "" : this.tick(t)) },
      ],
      cursor: {
        sync: { key: this.run.id, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: { dblclick: () => () => { this.run.zoom(null); return null; } },
      },
      hooks: {
        setCursor: [u => this.readOut(u.cursor.idx)],
        setSelect: [u => {
          if (u.select.width < 4) return;
          const range = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          this.run.zoom(range);
        }],
      },
    }, this.data(entries), this.canvas);
    this.buildLegend(entries);
  }

  tick(value) { return compact(value); }

  yRange(min, max) {
    if (min === null || max === null) return [0, 1];
    // A first value and its mean differ by a rounding error: an axis over so little would need more digits than a number has.
    const flat = max - min <= 1e-6 * Math.abs(max);
    const margin = flat ? Math.abs(max) * 0.05 || 1 : (max - min) * 0.06;
    return [min >= 0 ? Math.max(0, min - margin) : min - margin, max + margin];
  }

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
      const text = v === undefined || v === null || v !== v ? "" : e.write(v);
      if (this.outputs[i] && this.outputs[i].textContent !== text) this.outputs[i].textContent = text;
    });
    this.run.readOut(index === null || index === undefined ? null : steps[at]);
  }

  summarise() {
    const parts = this.entries.map(e => {
      let first = NaN, last = NaN, low = Infinity, high = -Infinity;
      for (let i = 0; i < e.values.length; i++) {
        const v = e.values[i];
        if (v === null || v !== v) continue;
        if (first !== first) first = v;
        last = v;
        if (v < low) low = v;
        if (v > high) high = v;
      }
      return first !== first ? `${e.label}: no value yet` : `${e.label}: from ${e.write(first)} to ${e.write(last)}, lowest ${e.write(low)}, highest ${e.write(high)}`;
    });
    const text = `${this.title} over ${this.steps().length} points. ${parts.join(". ")}.`;
    if (this.caption.textContent !== text) this.caption.textContent = text;
  }

  savePng() {
    if (!this.plot) return;
    const source = this.plot.ctx.canvas, ratio = devicePixelRatio || 1, top = 56 * ratio;
    const canvas = element("canvas", { width: source.width, height: source.height + top });
    const c = canvas.getContext("2d");
    c.fillStyle = this.run.colours["--surface"];
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.drawImage(source, 0, top);
    c.textBaseline = "middle";
    c.fillStyle = this.run.colours["--text"];
    c.font = `600 ${14 * ratio}px Inter, sans-serif`;
    c.fillText(`${this.title} · ${this.run.name}`, 16 * ratio, 18 * ratio);
    c.font = `${12 * ratio}px Inter, sans-serif`;
    let x = 16 * ratio;
    for (const e of this.entries.filter(e => !this.hidden.has(e.label))) {
      c.fillStyle = this.run.colours[e.colour];
      c.fillRect(x, 40 * ratio, 14 * ratio, 2.5 * ratio);
      c.fillStyle = this.run.colours["--text-2"];
      c.fillText(e.label, x + 20 * ratio, 41 * ratio);
      x += 36 * ratio + c.measureText(e.label).width;
    }
    canvas.toBlob(blob => download(`${this.run.fileName}-${this.id}.png`, blob));
  }

  saveCsv() {
    const steps = this.steps();
    const rows = [["step", ...this.entries.map(e => e.csv)].join(",")];
    for (let i = 0; i < steps.length; i++) {
      rows.push([steps[i], ...this.entries.map(e => { const v = (e.raw ?? e.values)[i]; return v === null || v !== v ? "" : v; })].join(","));
    }
    download(`${this.run.fileName}-${this.id}.csv`, new Blob([rows.join("\n"), "\n"], { type: "text/csv" }));
  }

  dispose() { this.observer.disconnect(); this.resizes.disconnect(); this.plot?.destroy(); }
}

class LossChart extends Chart {
  constructor(run) {
    super(run, { id: "losses", title: "Losses", unit: "nats/token", big: true });
    this.smoothings = losses.map(() => new Smoothing());
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
    losses.forEach((l, i) => {
      if (table.finite[l.column] === 0) return;
      const source = table.columns[l.column].subarray(0, table.count);
      const weight = this.run.weighted && l.weight ? this.run.weights[l.weight] : 1;
      const raw = weight === 1 ? source : source.map(v => v * weight);
      const entry = { label: weight === 1 ? l.label : `${compact(weight)} × ${l.label}`, colour: l.colour, write: loss, csv: l.column };
      if (smoothing > 0) {
        if (this.smoothings[i].factor !== smoothing) this.smoothings[i].reset(smoothing);
        entry.raw = raw;
        entry.values = this.smoothings[i].of(raw, table.count);
      } else entry.values = raw;
      entries.push(entry);
    });
    return entries;
  }
}

class NumberChart extends Chart {
  constructor(run, definition) {
    super(run, definition);
    this.definition = definition;
    this.smoothing = new Smoothing();
    this.sparseSteps = [];
    this.sparseValues = [];
    this.scanned = 0;
  }

  steps() { return this.definition.sparse ? this.sparseSteps : super.steps(); }

  tick(value) { return this.definition.id === "rate" ? (value === 0 ? "0" : value.toExponential(1)) : compact(value); }

  content() {
    const d = this.definition, { table, smoothing } = this.run;
    const source = table.columns[d.column].subarray(0, table.count);
    const entry = { label: d.teacher ? "Student" : d.title, colour: d.colour, write: d.write, csv: d.column, values: source };
    if (d.sparse) {
      for (; this.scanned < table.count; this.scanned++) {
        if (source[this.scanned] !== source[this.scanned]) continue;
        this.sparseSteps.push(table.step[this.scanned]);
        this.sparseValues.push(source[this.scanned]);
      }
      entry.values = this.sparseValues;
      entry.points = true;
      if (this.sparseSteps.length === 0) return [];
      if (d.teacher && this.run.teacherPerplexity !== null) {
        return [entry, { label: "Teacher", colour: "--series-teacher", dashed: true, write: d.write, csv: "teacherPerplexity",
          values: new Array(this.sparseSteps.length).fill(this.run.teacherPerplexity) }];
      }
      return [entry];
    }
    if (d.scale) entry.values = source.map(v => v * d.scale);
    if (d.smoothed && smoothing > 0) {
      if (this.smoothing.factor !== smoothing) this.smoothing.reset(smoothing);
      entry.raw = source;
      entry.values = this.smoothing.of(source, table.count);
    }
    return [entry];
  }
}

/** The charts of one run and the wire that feeds them. */
class RunCurves {
  constructor(host, config) {
    this.host = host;
    this.id = config.runId;
    this.name = config.name;
    this.fileName = config.name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "run";
    this.weights = config.weights;
    this.teacherPerplexity = config.teacherPerplexity ?? null;
    this.smoothing = 0.6;
    this.log = false;
    this.weighted = false;
    this.table = new StepTable();
    this.colours = readColours();
    this.zoomed = null;
    this.disposed = false;
    this.nextDraw = 0;
    this.state = { runId: this.id, state: "loading", points: 0, lastStep: 0, gaps: 0, duplicates: 0, draws: 0, drawMs: 0, longestDrawMs: 0, historyMs: 0, firstDrawMs: 0, reconnects: 0, status: null };
    window.webdistillCurves = this.state;

    this.charts = [new LossChart(this), ...multiples.map(m => new NumberChart(this, m))];
    this.output = element("p", { class: "readout muted" }, "Drag to zoom, double-click to reset.");
    this.line = element("div", { class: "spread" }, this.output, this.connection = element("span", { class: "muted", role: "status" }));
    host.replaceChildren(this.charts[0].figure, this.line, element("div", { class: "cols-2" }, ...this.charts.slice(1).map(c => c.figure)));

    this.onTheme = () => { this.colours = readColours(); this.charts.forEach(c => c.plot?.redraw(false)); };
    document.addEventListener("webdistill:theme", this.onTheme);
    this.onVisible = () => { if (!document.hidden) this.redraw(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.summaries = setInterval(() => this.charts.forEach(c => c.summarise()), 3000);
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

  redraw() {
    if (this.scheduled || this.disposed) return;
    this.scheduled = true;
    const draw = () => requestAnimationFrame(() => {
      this.scheduled = false;
      if (this.disposed || document.hidden) return;
      const began = performance.now();
      this.charts.forEach(c => c.draw());
      const ms = performance.now() - began;
      if (this.state.draws++ === 0) this.state.firstDrawMs = performance.now();
      this.state.drawMs += ms;
      this.state.longestDrawMs = Math.max(this.state.longestDrawMs, ms);
      // A drawing that takes long leaves at least as much time again to the rest of the page.
      this.nextDraw = performance.now() + Math.max(reducedMotion.matches ? 1000 : minimumDrawIntervalMs, 2 * ms);
    });
    const wait = this.nextDraw - performance.now();
    if (wait > 0) setTimeout(draw, wait); else draw();
  }

  take(step, columns, status, teacherPerplexity) {
    this.table.append(step, columns);
    if (typeof teacherPerplexity === "number") this.teacherPerplexity = teacherPerplexity;
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
    await this.readHistory();
    if (this.disposed) return;
    this.state.historyMs = performance.now() - began;

    this.hub = new signalR.HubConnectionBuilder().withUrl("/hubs/curves")
      .withAutomaticReconnect({ nextRetryDelayInMilliseconds: r => r.previousRetryCount < 10 ? 300 : 2000 })
      .configureLogging(signalR.LogLevel.None).build();
    this.hub.onreconnecting(() => this.show("reconnecting", "Connection lost; trying again"));
    this.hub.onreconnected(() => { this.state.reconnects++; this.watch(); });
    for (;;) {
      try { await this.hub.start(); break; } catch (e) {
        if (this.disposed) return;
        this.show("reconnecting", "No connection; trying again");
        await new Promise(r => setTimeout(r, 1000));
      }
    }
    if (this.disposed) { await this.hub.stop(); return; }
    this.watch();
  }

  async readHistory() {
    const history = await readHistory(this.id);
    if (this.disposed) return;
    this.attempt = history.attempt;
    this.take(history.step, history.columns);
  }

  // The run went on from an earlier update than the last one drawn: what came after it is made again.
  async startOver() {
    this.table = new StepTable();
    await this.readHistory();
    if (!this.disposed) this.watch();
  }

  watch() {
    this.show("live", "");
    let outdated = false;
    this.hub.stream("Watch", this.id, this.table.lastStep, this.attempt).subscribe({
      next: rows => {
        outdated = this.table.lastStep > 0 && rows.attempt !== this.attempt;
        if (outdated) return;
        this.attempt = rows.attempt;
        this.take(rows.step, rows, rows.status, rows.teacherPerplexity);
      },
      complete: () => {
        if (this.disposed) return;
        if (outdated) { this.startOver().catch(e => this.show("broken", `The curves could not be read: ${e.message}`)); return; }
        if (["Completed", "Stopped", "Failed", "Interrupted"].includes(this.state.status)) this.show("ended", "");
        else if (this.hub.state === signalR.HubConnectionState.Connected) setTimeout(() => !this.disposed && this.watch(), 500);
      },
      // While the connection is lost, its return subscribes again; with a connection, the server has said why it will not.
      error: e => { if (!this.disposed && this.hub.state === signalR.HubConnectionState.Connected) this.show("broken", `The curves stopped: ${e.message}`); },
    });
  }

  dispose() {
    this.disposed = true;
    clearInterval(this.summaries);
    document.removeEventListener("webdistill:theme", this.onTheme);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.charts.forEach(c => c.dispose());
    return this.hub?.stop();
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
