// Where the marks of an axis stand and how they are written: numbers of one axis have one unit and one number of decimals, and no two of them look the same.

import { thin } from "./figures.js";

const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
const mostDecimals = 12;

/** How many decimals a number needs to be written exactly, at most 12. */
export function decimalsOf(number) {
  for (let d = 0; d < mostDecimals; d++) {
    const scaled = number * 10 ** d;
    if (Math.abs(scaled - Math.round(scaled)) <= 1e-6 * Math.abs(scaled)) return d;
  }
  return mostDecimals;
}

const grouped = text => text.replace(/\B(?=(\d{3})+(?!\d)(?:\.|$))/g, thin);

/** The texts of some marks, null for those without; `step` is their distance. Large ones count thousands or millions, tiny ones powers of ten. */
export function tickTexts(ticks, step) {
  const largest = Math.max(0, ...ticks.filter(t => t !== null).map(Math.abs));
  if (largest === 0) return ticks.map(t => t === null ? "" : "0");
  if (largest >= 1e12 || largest < 1e-3) {
    const exponent = Math.floor(Math.log10(largest)), scale = 10 ** exponent, digits = decimalsOf(step / scale);
    return ticks.map(t => t === null ? "" : t === 0 ? "0" : `${(t / scale).toFixed(digits)}e${exponent}`);
  }
  const [scale, unit] = largest >= 1e4 ? units.find(([least]) => largest >= least) : [1, ""];
  const digits = decimalsOf(step / scale);
  return ticks.map(t => t === null ? "" : t === 0 ? "0" : `${grouped((t / scale).toFixed(digits))}${unit && thin + unit}`);
}

/** One mark of a logarithmic axis, whose neighbours are powers of ten away: 1e-4, 0.02, 5, 200, 3 k. */
export function powerText(value) {
  if (value >= 1e12 || value < 1e-3) return value.toExponential().replace("e+", "e");
  const [scale, unit] = value >= 1e4 ? units.find(([least]) => value >= least) : [1, ""];
  return `${Number((value / scale).toPrecision(3))}${unit && thin + unit}`;
}

/** A round distance, 1, 2 or 5 times a power of ten, that is at least `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(m => m * power).find(step => step >= least * (1 - 1e-9));
}

/** At most `most` marks of a logarithmic axis: { ticks, texts }. Within one power of ten they are evenly spaced numbers, beyond it round ones of each power. */
export function logTicks(min, max, most = 8) {
  if (!(min > 0) || !(max > min)) return { ticks: [], texts: [] };
  if (max / min < 10) {
    let step = roundStep((max - min) / most);
    if (Math.floor(max / step + 1e-9) - Math.ceil(min / step - 1e-9) >= most) step = roundStep(1.1 * step);
    const first = Math.ceil(min / step - 1e-9), last = Math.floor(max / step + 1e-9), digits = decimalsOf(step), ticks = [];
    for (let i = first; i <= last; i++) ticks.push(step >= 1 ? i * step : Number((i * step).toFixed(digits)));
    return { ticks, texts: tickTexts(ticks, step) };
  }
  const low = Math.floor(Math.log10(min)), high = Math.ceil(Math.log10(max));
  for (let every = 1; ; every++) {
    for (const multiples of every === 1 ? [[1, 2, 5], [1, 3], [1]] : [[1]]) {
      const ticks = [];
      for (let power = low; power <= high; power++) {
        if (power % every) continue;
        // Written and read again: 3 · 10⁻⁴ is 0.00030000000000000003.
        ticks.push(...multiples.map(m => Number(`${m}e${power}`)).filter(v => v >= min && v <= max));
      }
      if (ticks.length <= most) return { ticks, texts: ticks.map(powerText) };
    }
  }
}
