// The steps of one run in memory: typed columns that grow, their moving average, and the few of them that a given width can show.

import { notANumber, number } from "./figures.js";

const largestSingle = 3.4028234663852886e38;

/** Growable typed columns; a missing number is NaN, and −∞ stands for one that is not a number. A column that holds a number beyond float32's
 * largest becomes one of doubles: it must not look infinite. */
export class StepTable {
  /** `exact` says which of the names are columns of doubles from the beginning. */
  constructor(names = [], exact = []) {
    this.names = [];
    this.count = 0;
    this.capacity = 4096;
    this.step = new Int32Array(this.capacity);
    this.columns = {};
    this.numbers = {}; // How many there are, finite or not.
    this.outside = {}; // Those that are not finite.
    this.gaps = 0;
    this.duplicates = 0;
    this.define(names, exact);
  }

  /** Adds the columns that it does not have yet; the rows that it has have no number in them. */
  define(names, exact = []) {
    for (const name of names.filter(n => !this.names.includes(n))) {
      this.names.push(name);
      this.columns[name] = new (exact.includes(name) ? Float64Array : Float32Array)(this.capacity).fill(NaN, 0, this.count);
      this.numbers[name] = 0;
      this.outside[name] = { large: 0, nan: 0 };
    }
  }

  get lastStep() { return this.count ? this.step[this.count - 1] : 0; }

  append(step, columns) {
    this.#reserve(this.count + step.length);
    const sources = this.names.map(n => [n, this.columns[n], columns[n]]);
    let last = this.lastStep, n = this.count;
    for (let i = 0; i < step.length; i++) {
      if (step[i] <= last) { this.duplicates++; continue; }
      if (step[i] !== last + 1) this.gaps++;
      this.step[n] = last = step[i];
      for (const entry of sources) {
        const [name, target, source] = entry, value = number(source?.[i]);
        if (value > largestSingle && value !== Infinity && target instanceof Float32Array) entry[1] = this.#widen(name);
        entry[1][n] = value;
        if (value !== value) continue;
        this.numbers[name]++;
        if (value === Infinity) this.outside[name].large++;
        else if (value === notANumber) this.outside[name].nan++;
      }
      n++;
    }
    this.count = n;
  }

  #widen(name) { return this.columns[name] = Float64Array.from(this.columns[name]); }

  #reserve(needed) {
    if (needed <= this.capacity) return;
    this.capacity = Math.max(needed, this.capacity * 2);
    const grow = old => { const bigger = new old.constructor(this.capacity); bigger.set(old.subarray(0, this.count)); return bigger; };
    this.step = grow(this.step);
    for (const name of this.names) this.columns[name] = grow(this.columns[name]);
  }
}

/** Exponential moving average over every finite number, free of start-up bias; only what is new is computed. */
export class Smoothing {
  constructor() { this.reset(0); }

  reset(factor) { this.factor = factor; this.done = 0; this.mean = 0; this.weight = 0; this.values = new Float32Array(0); }

  of(source, count) {
    if (count > this.values.length || this.values.constructor !== source.constructor) {
      const bigger = new source.constructor(Math.max(count, this.values.length * 2));
      bigger.set(this.values.subarray(0, this.done));
      this.values = bigger;
    }
    for (; this.done < count; this.done++) {
      const value = source[this.done];
      if (Number.isFinite(value)) {
        this.mean = this.factor * this.mean + (1 - this.factor) * value;
        this.weight = this.factor * this.weight + (1 - this.factor);
      }
      this.values[this.done] = this.weight > 0 ? this.mean / this.weight : NaN;
    }
    return this.values.subarray(0, count);
  }
}

/** Index of the first of `count` ascending numbers that is at least `value`; `count` when all are smaller. */
export function lowerBound(numbers, value, count, from = 0) {
  let low = from, high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** Index of the last of `count` ascending numbers that is at most `value`, of the first when all are larger; -1 when there is none. */
export const indexAt = (numbers, value, count) => {
  const next = lowerBound(numbers, value, count);
  return next < count && numbers[next] === value ? next : count === 0 ? -1 : Math.max(0, next - 1);
};

/**
 * A curve as `columns` pixel columns over [from, to] show it: the lowest and the highest value in each, in the order in which they occur.
 * Both stand at fixed places, cells 2c and 2c + 1 of `target`, so that curves of any lengths share one x axis (see `columnPlaces`); a
 * column without a value is undefined, which leaves the line unbroken, and what is not finite is no value. Every finite extreme is kept, however long the curve is. Returns how
 * many cells were filled.
 */
export function envelope(x, y, count, from, to, columns, target, positiveOnly = false) {
  target.fill(undefined);
  const width = (to - from) / columns;
  let filled = 0, i = lowerBound(x, from, count);
  for (let c = 0; c < columns && i < count; c++) {
    const end = c === columns - 1 ? to : from + width * (c + 1);
    let low = Infinity, high = -Infinity, lowAt = -1, highAt = -1;
    for (; i < count && (x[i] < end || (c === columns - 1 && x[i] <= to)); i++) {
      const v = y[i];
      if (!Number.isFinite(v) || (positiveOnly && v <= 0)) continue;
      if (v < low) { low = v; lowAt = i; }
      if (v > high) { high = v; highAt = i; }
    }
    if (lowAt < 0) continue;
    if (lowAt === highAt) {
      // A single value stands where it was measured, to half a column.
      target[2 * c + (x[lowAt] - (from + width * c) < width / 2 ? 0 : 1)] = low;
      filled++;
    } else {
      target[2 * c] = lowAt < highAt ? low : high;
      target[2 * c + 1] = lowAt < highAt ? high : low;
      filled += 2;
    }
  }
  return filled;
}

/** Where on the x axis the cells of `envelope` stand: at a quarter and at three quarters of each column. */
export function columnPlaces(from, to, columns) {
  const half = (to - from) / (2 * columns);
  return Float64Array.from({ length: 2 * columns }, (_, i) => from + half * (i + 0.5));
}
