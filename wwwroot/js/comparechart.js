// A chart of one number of several runs, one curve each. What is drawn is the lowest and the highest value per pixel column of the range in view,
// worked out again with every zoom, so that twenty long runs stay as quick as one.

import { ChartFrame, axes, download, element, fileName, inWords, zooming } from "./chart.js";
import { dashOf, places, swatch } from "./compared.js";
import { exact } from "./figures.js";
import { referenceColour } from "./quantities.js";
import { columnPlaces, envelope, lowerBound } from "./steps.js";

/** One quantity of every run. */
export class CompareChart extends ChartFrame {
  constructor(compare, quantity) {
    super({ id: quantity.id, title: quantity.title, unit: quantity.unit, big: quantity.big, waiting: "Waiting for the first step" });
    this.compare = compare;
    this.quantity = quantity;
    this.cells = new Map();
    this.readings = element("div", { class: "cursor-box", "aria-hidden": "true" });
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
    this.plotAnew({
      series, logarithmic: this.logarithmic, range: () => compare.range(),
      axes: axes(() => compare.colours, { label: place.axis, incrs: place.incrs, write: place.write }, { label: quantity.unit, logarithmic: this.logarithmic }),
      // Without a point on every line: the box says the values, and two hundred elements that move with it would cost more than all else.
      cursor: { ...cursor, points: { show: false } },
      hooks: { setCursor: [u => this.moved(u)], setSelect: [setSelect] },
    }, data);
    this.plot.over.addEventListener("mouseenter", () => { compare.hovered = this; });
    this.plot.over.addEventListener("mouseleave", () => this.leave());
    this.readings.hidden = true;
  }

  leave() {
    this.readings.hidden = true;
    if (this.compare.hovered !== this) return;
    this.compare.hovered = null;
    this.plot?.setCursor({ left: -10, top: -10 });
    this.compare.readOut(null);
  }

  moved(u) {
    if (this.compare.hovered !== this) return;
    if (u.cursor.left < 0) { this.readings.hidden = true; this.compare.readOut(null); return; }
    this.compare.readOut(u.posToVal(u.cursor.left, "x"), this);
  }

  /** The values of all runs at a place of the x axis, in the order of the lines from top to bottom. */
  showBox(at) {
    const rows = this.runs().map(run => ({ run, ...this.compare.valueAt(run, this.quantity, at) })).filter(r => r.text !== undefined)
      .sort((a, b) => a.value < b.value ? 1 : a.value > b.value ? -1 : 0);
    this.readings.hidden = rows.length === 0;
    this.boxHead.textContent = places[this.compare.axis].at(at);
    const order = rows.map(r => r.run.id).join();
    rows.forEach(({ run, text }) => { this.boxRow(run).value.textContent = text; });
    // While the lines keep their order, only the numbers change.
    if (order !== this.boxOrder) {
      this.boxOrder = order;
      this.readings.replaceChildren(this.boxHead, ...rows.map(r => this.boxRow(r.run).row));
    }
    this.place(this.readings);
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
