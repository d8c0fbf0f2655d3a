// The frame of a chart: heading, controls, canvas, text summary, its two downloads; colours, axes and ranges as all charts have them.

import uPlot from "../lib/uplot/uPlot.esm.js";
import { leftOut, notANumber } from "./figures.js";
import { logTicks, tickTexts } from "./ticks.js";

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
export const minimumDrawIntervalMs = 50; // 20 updates a second.

export function element(tag, attributes = {}, ...children) {
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
  settings: "M2.5 4.5h5 M10.5 4.5h3 M9 3v3 M2.5 11.5h3 M8.5 11.5h5 M7 10v3",
};
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16"); svg.setAttribute("class", "icon"); svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name as a part of a file's name. */
export const fileName = (name, otherwise) => name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || otherwise;

// light-dark() is resolved by the browser only in a real property, so a probe element reads every colour.
export function readColours(names) {
  const probe = element("span", { style: "display:none" });
  document.body.append(probe);
  const colours = {};
  for (const name of ["--surface", "--text", "--text-2", "--text-3", "--line", ...names]) {
    probe.style.color = `var(${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}

/** Distances of marks on an axis that counts: there is no half of an update. */
export const wholeSteps = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map(m => m * 10 ** power)).flat();

const pixelsPerTick = 34;

/**
 * Both axes in the colours of the theme; `colours()` gives those that `readColours` read. `x` and `y` are { label (null for none), write (the texts of
 * some marks, given them and their distance) }, and y may be logarithmic.
 */
export function axes(colours, x, y) {
  const axis = { stroke: () => colours()["--text-3"], font: "12px Inter, sans-serif", labelFont: "12px Inter, sans-serif", labelGap: 2,
    grid: { stroke: () => colours()["--line"], width: 1 }, ticks: { show: false } };
  const named = label => label ? { label, labelSize: 18 } : {};
  const write = y.write ?? tickTexts;
  const places = (u, least, most) => logTicks(least, most, Math.max(2, Math.floor(u.bbox.height / devicePixelRatio / pixelsPerTick)));
  return [
    { ...axis, ...named(x.label), size: 28, gap: 6, ...(x.incrs ? { incrs: x.incrs } : {}), values: (u, ticks, i, space, step) => (x.write ?? tickTexts)(ticks, step) },
    { ...axis, ...named(y.label), size: 58, gap: 6, ...(y.logarithmic
      ? { splits: (u, i, least, most) => places(u, least, most).ticks, filter: (u, ticks) => ticks, values: u => places(u, u.scales.y.min, u.scales.y.max).texts }
      : { values: (u, ticks, i, space, step) => write(ticks, step) }) },
  ];
}

/** The scale of y: logarithmic with a little room at its ends, or linear. */
export const yScale = logarithmic => logarithmic
  ? { distr: 3, range: (u, min, max) => min === null ? [1, 10] : min === max ? [min / 1.2, max * 1.2] : [min / 1.05, Math.min(Number.MAX_VALUE, max * 1.05)] }
  : { range: (u, min, max) => yRange(min, max) };

export function yRange(min, max) {
  if (min === null || max === null) return [0, 1];
  // A first value and its mean differ by a rounding error: an axis over so little would need more digits than a number has.
  const flat = max - min <= 1e-6 * Math.abs(max);
  const margin = flat ? Math.abs(max) * 0.05 || 1 : (max - min) * 0.06;
  return [min >= 0 ? Math.max(0, min - margin) : min - margin, Math.min(Number.MAX_VALUE, max + margin)];
}

/** What uPlot needs so that a drag calls `zoom` with the range, a double click with null, and charts of one key share their cursor. */
export function zooming(key, zoom) {
  return {
    cursor: {
      sync: { key, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      bind: { dblclick: () => () => { zoom(null); return null; } },
    },
    setSelect: u => {
      if (u.select.width < 4) return;
      const range = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      zoom(range);
    },
  };
}

/** First, last, lowest and highest number of a curve and how many of them are not finite; null when it has none. */
export function extent(values, count = values.length) {
  let first = NaN, last = NaN, low = NaN, high = NaN;
  const outside = { large: 0, nan: 0 };
  for (let i = 0; i < count; i++) {
    const v = values[i];
    if (v === null || v !== v) continue;
    if (first !== first) first = v;
    last = v;
    if (v === Infinity) outside.large++;
    else if (v === notANumber) outside.nan++;
    else {
      if (!(v >= low)) low = v;
      if (!(v <= high)) high = v;
    }
  }
  return first !== first ? null : { first, last, low, high, outside };
}

/** A curve in a sentence. */
export function inWords(name, values, write, count = values.length) {
  const found = extent(values, count);
  if (found === null) return `${name}: no value yet`;
  const extremes = found.low === found.low ? `, lowest ${write(found.low)}, highest ${write(found.high)}` : "";
  return [`${name}: from ${write(found.first)} to ${write(found.last)}${extremes}`, leftOut(found.outside).slice(0, -1)].filter(Boolean).join(". ");
}

/** One chart. Those who extend it say what `draw()` draws, what stands in the picture's `key()`, and what `saveCsv()` saves. */
export class ChartFrame {
  constructor({ id, title, unit, big, waiting }, inHead = null) {
    this.id = id; this.title = title; this.big = big;
    this.visible = true;
    this.canvas = element("div", { class: "canvas" });
    this.waiting = element("div", { class: "waiting" }, waiting);
    this.caption = element("figcaption", { class: "visually-hidden" });
    this.unit = element("span", { class: "unit" }, unit ? ` ${unit}` : "");
    const heading = element("h3", {}, title, this.unit);
    this.controls = element("div", { class: "chart-controls" });
    this.plotBox = element("div", { class: "plot" }, this.canvas);
    this.figure = element("figure", { class: `card chart ${big ? "big" : "small"}`, "data-chart": id },
      element("div", { class: "head" }, heading, inHead,
        element("div", { class: "does" }, this.#menu())),
      this.plotBox, this.note = element("p", { class: "note muted", hidden: "" }), this.caption);
    this.canvas.append(this.waiting);
    this.observer = new IntersectionObserver(entries => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible && this.stale) this.draw();
    }, { rootMargin: "800px" });
    this.observer.observe(this.figure);
    this.resizes = new ResizeObserver(() => this.resized());
    this.resizes.observe(this.canvas);
  }

  // What can be done to a chart, behind one button. It closes when something else is pressed, and by Escape.
  #menu() {
    const entry = (name, kind, does) => {
      const text = `Download ${this.title} as ${kind}`;
      return element("button", { type: "button", "aria-label": text, onclick: () => { this.#open(false); does(); } }, icon(name), text);
    };
    this.panel = element("div", { class: "chart-menu", role: "group", "aria-label": `Options of ${this.title}`, hidden: "" }, this.controls,
      entry("picture", "PNG", () => this.savePng()), entry("table", "CSV", () => this.saveCsv()),
      element("p", { class: "muted" }, "Drag over the chart to zoom, double-click to see all."));
    this.opener = element("button", { type: "button", class: "icon-button", title: "Options and downloads", "aria-label": `Options of ${this.title}`, "aria-expanded": "false",
      onclick: () => this.#open(this.panel.hidden) }, icon("settings"));
    this.outside = e => { if (!this.panel.hidden && !e.composedPath().includes(this.box)) this.#open(false); };
    document.addEventListener("pointerdown", this.outside);
    this.box = element("div", { class: "chart-options", onkeydown: e => {
      if (e.key !== "Escape" || this.panel.hidden) return;
      this.#open(false);
      this.opener.focus();
    } }, this.opener, this.panel);
    return this.box;
  }

  #open(open) {
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
  }

  /** Puts a box with readings beside the cursor, on the side where there is room. */
  place(box) {
    const { left } = this.plot.cursor, width = this.plot.bbox.width / devicePixelRatio, right = left > width / 2;
    box.style.left = right ? "" : `${left + 16}px`;
    box.style.right = right ? `${width - left + 16}px` : "";
  }

  size() { return { width: Math.max(160, this.canvas.clientWidth), height: Math.max(120, this.canvas.clientHeight) }; }

  /** Draws anew, in the frame that all charts have: `range()` is that of x, `cursor` and `setSelect` those of `zooming`. */
  plotAnew({ series, range, logarithmic, axes, cursor, hooks }, data) {
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, 12, 0, 0],
      series,
      scales: { x: { time: false, range }, y: yScale(logarithmic) },
      axes, cursor, hooks,
    }, data, this.canvas);
    this.plot.over.append(this.readings);
  }

  resized() { this.plot?.setSize(this.size()); }

  /** Says below the chart what it has no place for: `counts` of { large, nan }, and more sentences. */
  tellOutside(counts, ...more) {
    const sum = counts.reduce((all, one) => ({ large: all.large + one.large, nan: all.nan + one.nan }), { large: 0, nan: 0 });
    const text = [leftOut(sum), ...more].filter(Boolean).join(" ");
    if (this.note.textContent === text) return;
    this.note.textContent = text;
    this.note.hidden = text === "";
  }

  /** What is drawn, with a title and a key above it: entries of { label, colour (one that canvas understands), dash? }. */
  picture(title, entries, colours) {
    const source = this.plot.ctx.canvas, ratio = devicePixelRatio || 1, margin = 16 * ratio;
    const canvas = element("canvas", { width: source.width });
    const c = canvas.getContext("2d");
    const font = `${12 * ratio}px Inter, sans-serif`;
    c.font = font;
    let x = margin, line = 0;
    const places = entries.map(e => {
      const width = 36 * ratio + c.measureText(e.label).width;
      if (x > margin && x + width > source.width - margin) { x = margin; line++; }
      const place = [x, (41 + 18 * line) * ratio];
      x += width;
      return place;
    });
    const top = (56 + 18 * line) * ratio;
    canvas.height = source.height + top;
    c.fillStyle = colours["--surface"];
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.drawImage(source, 0, top);
    c.textBaseline = "middle";
    c.fillStyle = colours["--text"];
    c.font = `600 ${14 * ratio}px Inter, sans-serif`;
    c.fillText(title, margin, 18 * ratio);
    c.font = font;
    entries.forEach((e, i) => {
      const [left, y] = places[i];
      c.strokeStyle = e.colour;
      c.lineWidth = 2.5 * ratio;
      c.setLineDash((e.dash ?? []).map(d => d * ratio / 2));
      c.beginPath(); c.moveTo(left, y); c.lineTo(left + 14 * ratio, y); c.stroke();
      c.fillStyle = colours["--text-2"];
      c.fillText(e.label, left + 20 * ratio, y);
    });
    return canvas;
  }

  dispose() {
    document.removeEventListener("pointerdown", this.outside);
    this.observer.disconnect(); this.resizes.disconnect(); this.plot?.destroy();
  }
}

/**
 * Draws at most as often as eyes can follow, and leaves as much time again to the rest of the page as a drawing took. How often and how long
 * is counted in `state`, where there is one.
 */
export class DrawTurn {
  constructor(draw, state = null) { this.draw = draw; this.state = state; this.next = 0; this.disposed = false; }

  ask() {
    if (this.scheduled || this.disposed) return;
    this.scheduled = true;
    const turn = () => requestAnimationFrame(() => {
      this.scheduled = false;
      this.now();
    });
    const wait = this.next - performance.now();
    if (wait > 0) setTimeout(turn, wait); else turn();
  }

  /** Without waiting for its turn: until it is drawn, a chart answers for what was chosen before. */
  now() {
    if (this.disposed || document.hidden) return;
    const began = performance.now();
    this.draw();
    const ms = performance.now() - began;
    if (this.state) this.count(this.state, ms);
    this.next = performance.now() + Math.max(reducedMotion.matches ? 1000 : minimumDrawIntervalMs, 2 * ms);
  }

  count(state, ms) {
    if (state.draws++ === 0) state.firstDrawMs = performance.now();
    state.drawMs += ms;
    state.longestDrawMs = Math.max(state.longestDrawMs, ms);
  }
}

export { uPlot };
