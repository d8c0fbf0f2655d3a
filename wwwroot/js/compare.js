// Several runs, one curve each in every chart. Every number is kept in typed columns; what is drawn is the lowest and the highest value per
// pixel column of the range in view, worked out again with every zoom, so that twenty long runs stay as quick as one.

import { ChartFrame, DrawTurn, axes, download, element, fileName, inWords, readColours, uPlot, yRange, zooming } from "./chart.js";
import { RunFeed, Wire } from "./feed.js";
import { compact, duration, exact, grouped } from "./figures.js";
import { chartsOf, lossChart, referenceColour } from "./quantities.js";
import { Smoothing, columnPlaces, envelope, indexAt, lowerBound } from "./steps.js";

const readAtOnce = 3;
const hint = "Drag to zoom, double-click to reset. With the keyboard: arrows move the cursor, + and − zoom.";

/** A chart for every series that runs are compared by; the first one is big. */
const comparedOf = series => chartsOf(series).flatMap(({ id, drawn, references }) =>
  drawn.filter(q => q.isCompared).map(q => ({ ...q, id: id === lossChart || drawn.length > 1 ? q.name : id, references })))
  .map((q, i) => ({ ...q, big: i === 0 }));

const timeTick = s => s >= 3600 ? `${+(s / 3600).toFixed(2)} h` : s >= 60 ? `${+(s / 60).toFixed(2)} min` : `${+s.toFixed(2)} s`;
const places = {
  step: {
    label: "Step", of: run => run.table.step, at: v => `Step ${grouped(v)}`,
    tick: v => Number.isInteger(v) ? (v >= 1e5 ? compact(v) : grouped(v)) : "",
  },
  tokens: { label: "Tokens", of: run => run.table.columns.tokensSeen, at: v => `${compact(v)} tokens`, tick: v => compact(v) },
  time: {
    label: "Time", of: run => run.seconds, at: v => duration(v), tick: timeTick,
    // Seconds: round ones of a clock.
    incrs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
      172800, 432000, 864000],
  },
};

// One colour per run, told apart without colour vision; where they run out, the pattern of the line changes.
const dashes = [null, [9, 4], [3, 3], [12, 4, 3, 4]];
const colourOf = slot => `--run-${slot % 8}`;
const dashOf = slot => dashes[Math.floor(slot / 8) % dashes.length];
const runColours = Array.from({ length: 8 }, (_, i) => colourOf(i));

function swatch(slot) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "swatch"); svg.setAttribute("viewBox", "0 0 28 6"); svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M0 3h28"); line.setAttribute("style", `stroke: var(${colourOf(slot)})`);
  if (dashOf(slot)) line.setAttribute("stroke-dasharray", dashOf(slot).join(" "));
  svg.append(line);
  return svg;
}

/** One run: its steps, and what is worked out from them as they arrive. */
class ComparedRun {
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

/** One quantity of every run. */
class CompareChart extends ChartFrame {
  constructor(compare, quantity) {
    super({ id: quantity.id, title: quantity.title, unit: quantity.unit, big: quantity.big, waiting: "Waiting for the first step" });
    this.compare = compare;
    this.quantity = quantity;
    this.cells = new Map();
    this.box = element("div", { class: "cursor-box", "aria-hidden": "true" });
    this.boxHead = element("div", { class: "at" });
    this.forgetBox();
    this.canvas.setAttribute("tabindex", "0");
    this.canvas.setAttribute("role", "group");
    this.canvas.setAttribute("aria-label", `${quantity.title}: arrow keys move the cursor, plus and minus zoom, Escape shows all`);
    this.canvas.addEventListener("keydown", e => this.key(e));
    this.canvas.addEventListener("blur", () => this.leave());
  }

  /** The box is made anew: names or colours have changed. */
  forgetBox() {
    this.boxRows = new Map();
    this.boxOrder = null;
  }

  get logarithmic() { return this.compare.log && this.quantity.canBeLogarithmic; }

  resized() {
    if (!this.plot) return;
    super.resized();
    this.compare.redraw();
  }

  /** The runs that have a number to show. */
  runs() { return this.compare.shown().filter(r => r.has(this.quantity)); }

  draw() {
    const { compare, quantity } = this;
    // A term that no run has takes no room.
    this.figure.hidden = !quantity.big && compare.runs.length > 0
      && compare.runs.every(r => r.table.count > 0 && !r.has(quantity));
    if (!this.visible) { this.stale = true; return; }
    this.stale = false;
    const runs = this.runs();
    if (runs.length === 0) {
      this.plot?.destroy();
      this.plot = this.shape = null;
      compare.state.drawn[this.id] = 0;
      this.waiting.textContent = compare.runs.length > 0 && compare.shown().length === 0 ? "Every run is hidden"
        : compare.reading ? "Reading" : "No update yet";
      if (!this.waiting.isConnected) this.canvas.append(this.waiting);
      return;
    }
    const references = compare.references(quantity), lines = references.filter(r => Number.isFinite(r.value));
    const told = references.filter(r => !Number.isFinite(r.value)).map(r => `${r.title} ${r.text}.`);
    this.tellOutside(runs.map(r => r.table.outside[quantity.name]), ...told);
    const shape = JSON.stringify([compare.axis, this.logarithmic, lines, runs.map(r => [r.id, r.slot])]);
    const data = this.data(runs, lines), { left, top } = this.plot?.cursor ?? { left: -10, top: -10 };
    if (shape === this.shape) this.plot.setData(data, true);
    else { this.shape = shape; this.build(runs, data); }
    // A cursor rests where it is, in a plot made anew too, and points at what is drawn there now.
    if (compare.hovered === this && left >= 0) this.plot.setCursor({ left, top }, true, true);
  }

  // [x, one array per run, one per line that all are compared with]: an edge, two cells per pixel column, an edge.
  data(runs, lines) {
    const { axis } = this.compare, [from, to] = this.compare.range();
    const columns = Math.max(60, this.canvas.clientWidth - 74), cells = 2 * columns;
    let drawn = 0;
    const x = new Float64Array(cells + 2);
    x[0] = from; x[cells + 1] = to;
    x.set(columnPlaces(from, to, columns), 1);
    const data = [x];
    for (const run of runs) {
      const curve = run.curve(this.quantity, axis);
      let inner = this.cells.get(run);
      if (inner?.length !== cells) this.cells.set(run, inner = new Array(cells));
      drawn += envelope(curve.x, curve.y, curve.count, from, to, columns, inner, this.logarithmic);
      data.push([this.edge(curve, from), ...inner, this.edge(curve, to)]);
    }
    for (const run of this.cells.keys()) if (!runs.includes(run)) this.cells.delete(run);
    this.compare.state.drawn[this.id] = drawn;
    for (const { value } of lines) data.push(Array.from(x, () => value));
    return data;
  }

  // Where a line crosses the edge of the view on its way to a point outside; undefined where it does not.
  edge({ x, y, count }, at) {
    const next = lowerBound(x, at, count);
    if (next === 0 || next >= count || x[next] === at) return undefined;
    const share = (at - x[next - 1]) / (x[next] - x[next - 1]), before = y[next - 1], after = y[next];
    if (!Number.isFinite(before) || !Number.isFinite(after) || (this.logarithmic && (before <= 0 || after <= 0))) return undefined;
    return this.logarithmic ? before * (after / before) ** share : before + share * (after - before);
  }

  build(runs, data) {
    this.plot?.destroy();
    this.waiting.remove();
    const { compare, quantity } = this;
    const series = [{}, ...runs.map(run => ({
      stroke: () => run.colour, width: this.big ? 1.6 : 1.4, dash: dashOf(run.slot) ?? undefined,
      points: quantity.isMeasured ? { show: true, size: 5, fill: () => run.colour } : { show: false },
    }))];
    while (series.length < data.length)
      series.push({ stroke: () => compare.colours[referenceColour], width: 1.4, dash: [6, 5], points: { show: false } });
    const { cursor, setSelect } = zooming(compare.key, range => compare.zoom(range));
    const place = places[compare.axis];
    const [x, y] = axes(() => compare.colours, place.tick, quantity.tick ?? compact);
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      series,
      scales: {
        x: { time: false, range: () => compare.range() },
        y: this.logarithmic ? { distr: 3, range: (u, min, max) => min === null ? [1, 10] : [min / 1.1, Math.min(Number.MAX_VALUE, max * 1.1)] }
          : { range: (u, min, max) => yRange(min, max) },
      },
      axes: [place.incrs ? { ...x, incrs: place.incrs } : x, y],
      // Without a point on every line: the box says the values, and two hundred elements that move with it would cost more than all else.
      cursor: { ...cursor, points: { show: false } },
      hooks: { setCursor: [u => this.moved(u)], setSelect: [setSelect] },
    }, data, this.canvas);
    this.plot.over.append(this.box);
    this.plot.over.addEventListener("mouseenter", () => { compare.hovered = this; });
    this.plot.over.addEventListener("mouseleave", () => this.leave());
    this.box.hidden = true;
  }

  leave() {
    this.box.hidden = true;
    if (this.compare.hovered !== this) return;
    this.compare.hovered = null;
    this.plot?.setCursor({ left: -10, top: -10 });
    this.compare.readOut(null);
  }

  moved(u) {
    if (this.compare.hovered !== this) return;
    if (u.cursor.left < 0) { this.box.hidden = true; this.compare.readOut(null); return; }
    this.compare.readOut(u.posToVal(u.cursor.left, "x"), this);
  }

  /** The values of all runs at a place of the x axis, in the order of the lines from top to bottom. */
  showBox(at) {
    const rows = this.runs().map(run => ({ run, ...this.compare.valueAt(run, this.quantity, at) })).filter(r => r.text !== undefined)
      .sort((a, b) => a.value < b.value ? 1 : a.value > b.value ? -1 : 0);
    this.box.hidden = rows.length === 0;
    this.boxHead.textContent = places[this.compare.axis].at(at);
    const order = rows.map(r => r.run.id).join();
    rows.forEach(({ run, text }) => { this.boxRow(run).value.textContent = text; });
    // While the lines keep their order, only the numbers change.
    if (order !== this.boxOrder) {
      this.boxOrder = order;
      this.box.replaceChildren(this.boxHead, ...rows.map(r => this.boxRow(r.run).row));
    }
    const { left } = this.plot.cursor, width = this.plot.bbox.width / devicePixelRatio, right = left > width / 2;
    this.box.style.left = right ? "" : `${left + 16}px`;
    this.box.style.right = right ? `${width - left + 16}px` : "";
    return rows;
  }

  boxRow(run) {
    let known = this.boxRows.get(run.id);
    if (!known) {
      const value = element("span", { class: "value" });
      known = { value, row: element("div", {}, swatch(run.slot), element("span", { class: "run" }, run.label), value) };
      this.boxRows.set(run.id, known);
    }
    return known;
  }

  key(e) {
    if (!this.plot || e.ctrlKey || e.metaKey || e.altKey) return;
    const { compare } = this, width = this.plot.over.clientWidth, left = this.plot.cursor.left < 0 ? width / 2 : this.plot.cursor.left;
    const [from, to] = compare.range(), at = this.plot.posToVal(left, "x");
    const by = e.shiftKey ? 40 : 4;
    const moves = { ArrowLeft: left - by, ArrowRight: left + by, Home: 0, End: width };
    if (e.key in moves) {
      compare.hovered = this;
      this.plot.setCursor({ left: Math.min(width, Math.max(0, moves[e.key])), top: this.plot.over.clientHeight / 2 }, true, true);
      compare.announce(this);
    } else if (e.key === "+" || e.key === "=") {
      compare.zoom([at - (at - from) / 2, at + (to - at) / 2]);
    } else if (e.key === "-") {
      const [least, most] = compare.whole(), half = (to - from) / 2;
      const wide = [Math.max(least, from - half), Math.min(most, to + half)];
      compare.zoom(wide[0] <= least && wide[1] >= most ? null : wide);
    } else if (e.key === "Escape") compare.zoom(null);
    else return;
    e.preventDefault();
  }

  summarise() {
    const parts = this.runs().map(run => {
      const curve = run.curve(this.quantity, this.compare.axis);
      return inWords(run.name, curve.raw, v => this.quantity.write(v), curve.count);
    });
    const text = parts.length === 0 ? `${this.title}: no run has a value yet.`
      : `${this.title} of ${parts.length} ${parts.length === 1 ? "run" : "runs"}. ${parts.join(". ")}.`;
    if (this.caption.textContent !== text) this.caption.textContent = text;
  }

  savePng() {
    if (!this.plot) return;
    const entries = this.runs().map(run => ({ label: run.label, colour: run.colour, dash: dashOf(run.slot) }));
    this.picture(`${this.title} over ${places[this.compare.axis].label.toLowerCase()}`, entries, this.compare.colours)
      .toBlob(blob => download(`compare-${fileName(this.title, this.id)}.png`, blob));
  }

  // As recorded, before smoothing, one line per run and update: runs of different lengths need no common axis.
  saveCsv() {
    const digits = v => exact(Number.isFinite(v) ? +v.toPrecision(8) : v);
    const quote = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    const { name, exponentialOf } = this.quantity;
    const parts = [`run,runId,step,tokensSeen,trainedSeconds,${name}${exponentialOf ? `,${exponentialOf}` : ""}\n`];
    for (const run of this.runs()) {
      const { table, seconds } = run, value = table.columns[name], losses = table.columns[exponentialOf], tokens = table.columns.tokensSeen;
      const start = `${quote(run.name)},${run.id},`;
      let lines = [];
      for (let i = 0; i < table.count; i++) {
        if (value[i] === value[i])
          lines.push(`${start}${table.step[i]},${tokens[i]},${+seconds[i].toPrecision(9)},${digits(value[i])}${losses ? `,${digits(losses[i])}` : ""}\n`);
        if (lines.length === 10_000 || i === table.count - 1) { parts.push(lines.join("")); lines = []; }
      }
    }
    download(`compare-${fileName(this.title, this.id)}.csv`, new Blob(parts, { type: "text/csv" }));
  }
}

/** The charts of several runs, the controls above them, and the table that reads them out. */
class CompareCurves {
  constructor(host) {
    this.host = host;
    this.key = `compare-${Math.random()}`;
    this.runs = [];
    this.axis = "step";
    this.smoothing = 0.6;
    this.log = false;
    this.zoomed = null;
    this.hovered = null;
    this.reading = false;
    this.disposed = false;
    this.colours = readColours([...runColours, referenceColour]);
    this.state = {
      state: "loading", runs: 0, read: 0, points: 0, drawn: {}, draws: 0, drawMs: 0, longestDrawMs: 0, firstDrawMs: 0, readMs: 0, gaps: 0,
      duplicates: 0,
    };
    window.webdistillCompare = this.state;
    this.wire = new Wire((state, text) => { this.connection = text; this.tell(); });
    this.turn = new DrawTurn(() => { this.charts.forEach(c => c.draw()); this.showReadings(); }, this.state);
    // The box follows the cursor frame by frame; the table, whose layout takes longer, as often as one can read.
    this.readingsTurn = new DrawTurn(() => this.showReadings());

    const axisButtons = Object.entries(places).map(([name, place]) => {
      const button = element("button", { type: "button", "aria-pressed": String(name === this.axis), onclick: () => {
        this.axis = name;
        this.zoomed = null;
        axisButtons.forEach(b => b.setAttribute("aria-pressed", String(b === button)));
        this.zoom(null);
        this.turn.now();
      } }, place.label);
      return button;
    });
    const smooth = element("input", {
      type: "range", min: "0", max: "0.99", step: "0.01", value: String(this.smoothing), "aria-label": "Smoothing of the curves",
      oninput: e => { this.smoothing = Number(e.target.value); this.redraw(); },
    });
    const log = element("input", { type: "checkbox", onchange: e => { this.log = e.target.checked; this.redraw(); } });
    this.reset = element("button",
      { type: "button", class: "button small", onclick: () => this.zoom(null), style: "visibility:hidden" }, "Reset zoom");
    this.status = element("span", { class: "muted", role: "status" });
    this.spoken = element("span", { class: "visually-hidden", "aria-live": "polite" });
    this.place = element("span", {}, "Latest values");
    this.rows = element("tbody");
    this.charts = [];
    this.head = element("tr");
    this.controls = element("div", { class: "card compare-controls" },
      element("div", { class: "head chart-controls" },
        element("span", {}, "Over"),
        element("div", { class: "segments", role: "group", "aria-label": "Horizontal axis" }, ...axisButtons),
        element("label", { class: "check" }, "Smoothing", smooth),
        element("label", { class: "check", title: "Of what can span powers of ten: losses, for one" }, log, "Log scale"), this.reset,
        element("span", { class: "does" }, this.status)),
      element("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Values of every run" },
        element("table", { class: "table readings" }, element("caption", { class: "muted" }, this.place, ` · ${hint}`),
          element("thead", {}, this.head), this.rows)),
      this.spoken);

    this.onTheme = () => {
      this.colours = readColours([...runColours, referenceColour]);
      this.charts.forEach(c => c.plot?.redraw(false));
    };
    document.addEventListener("webdistill:theme", this.onTheme);
    this.onVisible = () => { if (!document.hidden) this.redraw(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.summaries = setInterval(() => this.charts.forEach(c => c.summarise()), 3000);
    this.connection = "";
    this.wire.start();
  }

  /** What the page compares now: [{ id, name, label (the name in little room), slot, live }], and the series of which one of them has numbers. */
  set({ runs, series }) {
    this.describe(series);
    const before = new Map(this.runs.map(r => [r.id, r]));
    this.runs = runs.map(wanted => {
      const run = before.get(wanted.id) ?? new ComparedRun(this, wanted);
      before.delete(wanted.id);
      Object.assign(run, { name: wanted.name, label: wanted.label, slot: wanted.slot, live: wanted.live });
      if (run.read && wanted.live) run.feed.watch();
      return run;
    });
    before.forEach(run => run.feed.dispose());
    this.state.runs = this.runs.length;
    this.built = null;
    this.charts.forEach(c => c.forgetBox());
    this.read();
    this.redraw();
  }

  // What is measured after few updates stands first among the small charts.
  describe(series) {
    const described = JSON.stringify(series);
    if (described === this.described) return;
    this.described = described;
    this.charts.forEach(c => c.dispose());
    this.charts = comparedOf(series).map(q => new CompareChart(this, q));
    const small = this.charts.slice(1).sort((a, b) => b.quantity.isMeasured - a.quantity.isMeasured);
    this.host.replaceChildren(this.controls, ...this.charts.slice(0, 1).map(c => c.figure), element("div", { class: "cols-2" }, ...small.map(c => c.figure)));
  }

  /** What a chart's lines are compared with, { title, value, text }: numbers that every run has once, where all have the same. */
  references(quantity) {
    const [first, ...others] = this.runs.map(r => r.feed.once);
    return quantity.references.filter(q => !Number.isNaN(first?.[q.name] ?? NaN) && others.every(o => o[q.name] === first[q.name] && o[q.exponentialOf] === first[q.exponentialOf]))
      .map(q => ({ title: q.title, value: first[q.name], text: q.write(first[q.name], first[q.exponentialOf]) }));
  }

  // A few at a time: each is a query and some megabytes, and the first ones are drawn while the others come.
  async read() {
    if (this.reading) return;
    this.reading = true;
    const began = performance.now();
    this.tell();
    const next = async () => {
      for (let run; !this.disposed && (run = this.runs.find(r => !r.asked)); ) {
        run.asked = true;
        try {
          await run.feed.read();
          run.read = true;
          if (run.live) run.feed.watch();
        } catch (e) { run.problem = e.message; }
        this.tell();
      }
    };
    await Promise.all(Array.from({ length: readAtOnce }, next));
    this.reading = false;
    this.state.readMs = performance.now() - began;
    this.tell();
    this.redraw();
  }

  took() {
    let points = 0, gaps = 0, duplicates = 0;
    for (const { table } of this.runs) { points += table.count; gaps += table.gaps; duplicates += table.duplicates; }
    Object.assign(this.state, { points, gaps, duplicates });
    this.redraw();
  }

  tell() {
    if (this.disposed) return;
    const done = this.runs.filter(r => r.read || r.problem).length, broken = this.runs.filter(r => r.problem);
    this.state.read = this.runs.filter(r => r.read).length;
    this.state.state = this.reading ? "loading" : "ready";
    this.host.dataset.state = this.state.state;
    const text = this.reading ? `${done} of ${this.runs.length} runs read`
      : broken.length > 0 ? broken.map(r => `${r.name} could not be read: ${r.problem}`).join(" ") : this.connection;
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  shown() { return this.runs.filter(r => !r.hidden); }

  /** The whole x range of the runs that are shown. */
  whole() {
    let from = Infinity, to = -Infinity;
    for (const run of this.shown()) {
      if (run.table.count === 0) continue;
      const x = places[this.axis].of(run);
      from = Math.min(from, x[0]);
      to = Math.max(to, x[run.table.count - 1]);
    }
    if (to < from) return [0, 1];
    return [from, to > from ? to : from + 1];
  }

  range() { return this.zoomed ?? this.whole(); }

  zoom(range) {
    const [least, most] = this.whole();
    // Closer than two updates there is nothing to see.
    if (range && range[1] - range[0] < (most - least) * 1e-6) return;
    this.zoomed = range;
    this.reset.style.visibility = range ? "visible" : "hidden";
    this.redraw();
  }

  redraw() { this.turn.ask(); }

  /** { value, text } at a place of the x axis: of the last update up to it; null before the first and after the last. */
  valueAt(run, quantity, at) {
    const curve = run.curve(quantity, this.axis);
    const i = at === null ? curve.count - 1 : indexAt(curve.x, at, curve.count);
    if (i < 0 || (at !== null && (at < curve.x[0] || at > places[this.axis].of(run)[run.table.count - 1]))) return null;
    const value = curve.y[i];
    return value === value ? { value, text: quantity.write(value, curve.nats?.[i]) } : null;
  }

  /** Reads every run out at a place of the x axis; null stands for the latest values. */
  readOut(at, chart) {
    this.at = at === null ? null : this.axis === "step" ? Math.round(at) : at;
    this.pointed = this.at === null ? null : chart;
    this.readingsTurn.ask();
    if (this.boxAsked) return;
    this.boxAsked = true;
    requestAnimationFrame(() => {
      this.boxAsked = false;
      if (!this.disposed && this.pointed?.plot) this.pointed.showBox(this.at);
    });
  }

  announce(chart) {
    const rows = chart.showBox(this.at);
    const values = rows.map(({ run, text }) => `${run.name} ${text}`);
    this.spoken.textContent = `${places[this.axis].at(this.at)}. ${values.join(", ")}`;
  }

  showReadings() {
    const charts = this.charts.filter(c => !c.figure.hidden);
    const built = JSON.stringify([charts.map(c => c.id), this.runs.map(r => [r.id, r.label, r.slot])]);
    if (built !== this.built) { this.built = built; this.buildReadings(charts); }
    const place = this.at === null || this.at === undefined ? "Latest values" : places[this.axis].at(this.at);
    if (this.place.textContent !== place) this.place.textContent = place;
    for (const [run, cells] of this.outputs) {
      charts.forEach((chart, i) => {
        const text = (run.hidden ? null : this.valueAt(run, chart.quantity, this.at ?? null))?.text ?? "–";
        if (cells[i].textContent !== text) cells[i].textContent = text;
      });
    }
  }

  buildReadings(charts) {
    this.head.replaceChildren(element("th", { scope: "col" }, "Run"),
      ...charts.map(c => element("th", { scope: "col", class: "number" }, c.quantity.short)));
    this.outputs = this.runs.map(run => [run, charts.map(() => element("td", { class: "number" }))]);
    this.rows.replaceChildren(...this.outputs.map(([run, cells]) => {
      const toggle = () => {
        run.hidden = !run.hidden;
        button.setAttribute("aria-pressed", String(!run.hidden));
        this.redraw();
      };
      const button = element("button",
        { type: "button", "aria-pressed": String(!run.hidden), title: `Show or hide ${run.name}`, onclick: toggle },
        swatch(run.slot), element("span", {}, run.label));
      return element("tr", {}, element("th", { scope: "row", class: "legend" }, button), ...cells);
    }));
  }

  dispose() {
    this.disposed = this.turn.disposed = this.readingsTurn.disposed = true;
    clearInterval(this.summaries);
    document.removeEventListener("webdistill:theme", this.onTheme);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.charts.forEach(c => c.dispose());
    this.runs.forEach(r => r.feed.dispose());
    return this.wire.dispose();
  }
}

/** Draws the charts of runs into an element; `set` says which runs, again whenever they change, until the returned object is disposed. */
export async function mount(host, config) {
  // The page can be left between the call and its arrival here.
  if (!host) return { set() {}, dispose() {} };
  const curves = new CompareCurves(host);
  curves.set(config);
  return { set: changed => curves.set(changed), dispose: () => curves.dispose() };
}
