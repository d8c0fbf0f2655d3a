// The live charts of one run. Every number is kept; uPlot decides per pixel what is drawn.

import { AlertMarks, markColour } from "./alerts.js";
import { DrawTurn, element, fileName, readColours } from "./chart.js";
import { RunFeed, Wire } from "./feed.js";
import { grouped, number } from "./figures.js";
import { baselineColour, chartsOf, lossChart, seriesColours } from "./quantities.js";
import { LossChart, NumberChart } from "./runchart.js";

// How the losses are shown, which the browser keeps: they span powers of ten, and only weighted do they add up to the total.
const settingsKept = "charts";
const usual = { smoothing: 0.6, log: true, weighted: true, apart: false };

/** The charts of one run and the wire that feeds them. */
class RunCurves {
  constructor(host, config) {
    this.host = host;
    this.id = config.runId;
    this.name = config.name;
    this.fileName = fileName(config.name, "run");
    this.hasTeacher = config.hasTeacher;
    this.tab = config.tab ?? null; // Which of the run's charts are drawn: null for its curves.
    // The run that is pinned as the baseline: its latest figures, where they can be compared.
    this.baseline = config.baseline && { name: config.baseline.name, ...Object.fromEntries(Object.entries(config.baseline.values).map(([name, value]) => [name, number(value)])) };
    this.settings = { ...usual, ...window.webdistill?.recall(settingsKept) };
    this.colours = readColours([...seriesColours, baselineColour, markColour]);
    this.marks = new AlertMarks(this.id, () => this.redraw());
    this.zoomed = null;
    this.disposed = false;
    this.state = { runId: this.id, state: "loading", points: 0, lastStep: 0, gaps: 0, duplicates: 0, draws: 0, drawMs: 0, longestDrawMs: 0, historyMs: 0, firstDrawMs: 0, reconnects: 0, status: null };
    if (this.tab === null) window.webdistillCurves = this.state;
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

    this.connection = element("p", { class: "connection muted", role: "status" });
    this.reset = element("button", { type: "button", class: "reset-zoom", onclick: () => this.zoom(null), hidden: "" }, "Reset zoom");
    this.charts = [];
    this.describe(config.series);

    this.onTheme = () => { this.colours = readColours([...seriesColours, baselineColour, markColour]); this.charts.forEach(c => c.plot?.redraw(false)); };
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
    this.series = series;
    this.build(series);
  }

  build(series) {
    this.charts.forEach(c => c.dispose());
    const losses = [], others = [];
    for (const chart of chartsOf(series.filter(s => (s.tab ?? null) === this.tab))) {
      if (chart.id !== lossChart) others.push(new NumberChart(this, chart));
      else if (this.settings.apart) losses.push(...chart.drawn.map(q => new LossChart(this, { id: `${lossChart}-${q.name}`, title: q.title, drawn: [q] })));
      else losses.push(new LossChart(this, { id: lossChart, title: "Losses", drawn: chart.drawn, big: true }));
    }
    this.charts = [...losses, ...others];
    const grid = charts => element("div", { class: "cols-2" }, ...charts.map(c => c.figure));
    this.host.replaceChildren(...(this.settings.apart ? [grid(losses)] : losses.map(c => c.figure)), this.connection, grid(others));
    this.charts[0]?.plotBox.append(this.reset);
  }

  /** Changes how the losses are shown, for the other runs as well. */
  set(changed) {
    Object.assign(this.settings, changed);
    window.webdistill?.remember(settingsKept, this.settings);
    if ("apart" in changed) {
      this.build(this.series);
      // Others stand where the pressed one stood: it goes on from the first.
      this.charts[0].opener.focus();
    }
    this.redraw();
  }

  /** A place of the horizontal axis in words. */
  at(step) {
    const [first, last] = this.range(), seen = this.marks.around(step, (last - first) / 100);
    return `Update ${grouped(step)}${seen && ` · ${seen}`}`;
  }

  range() {
    if (this.zoomed) return this.zoomed;
    const first = this.table.count ? this.table.step[0] : 1;
    return [first, Math.max(first + 1, this.table.lastStep)];
  }

  zoom(range) {
    this.zoomed = range;
    this.reset.hidden = range === null;
    this.redraw();
  }

  redraw() { this.turn.ask(); }

  // The curves are worth showing without the marks.
  readMarks(latest) { this.marks.read(latest).catch(e => console.warn(e.message)); }

  took({ status, lastAlert }) {
    Object.assign(this.state, { points: this.table.count, lastStep: this.table.lastStep, gaps: this.table.gaps, duplicates: this.table.duplicates, receivedAt: performance.now() });
    if (status) this.state.status = status;
    if (lastAlert) this.readMarks(lastAlert);
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
    this.readMarks(null);
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
