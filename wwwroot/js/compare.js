// Several runs, one curve each in every chart, the controls above them, and the table that reads them out.

import { DrawTurn, element, readColours } from "./chart.js";
import { CompareChart } from "./comparechart.js";
import { ComparedRun, places, runColours, swatch } from "./compared.js";
import { Wire } from "./feed.js";
import { chartsOf, lossChart, referenceColour } from "./quantities.js";
import { indexAt } from "./steps.js";

const readAtOnce = 3;
const hint = "Drag to zoom, double-click to reset. With the keyboard: arrows move the cursor, + and − zoom.";

/** A chart for every series that runs are compared by; the first one is big. */
const comparedOf = series => chartsOf(series).flatMap(({ id, drawn, references }) =>
  drawn.filter(q => q.isCompared).map(q => ({ ...q, id: id === lossChart || drawn.length > 1 ? q.name : id, references })))
  .map((q, i) => ({ ...q, big: i === 0 }));

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

  /** What the page compares now: [{ id, name, label (the name in little room), slot, live, hidden }], and the series of which one of them has numbers. */
  set({ runs, series }) {
    this.describe(series);
    const before = new Map(this.runs.map(r => [r.id, r]));
    this.runs = runs.map(wanted => {
      const run = before.get(wanted.id) ?? new ComparedRun(this, wanted);
      before.delete(wanted.id);
      Object.assign(run, { name: wanted.name, label: wanted.label, slot: wanted.slot, live: wanted.live, hidden: wanted.hidden });
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
    this.rows.replaceChildren(...this.outputs.map(([run, cells]) =>
      element("tr", {}, element("th", { scope: "row", class: "legend", title: run.name }, swatch(run.slot), element("span", {}, run.label)), ...cells)));
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
