// How the browser reads, keeps, scales and writes numbers that are not finite. Run by JavaScriptTests, or: node --test tests/js
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.matchMedia = () => ({ matches: false });
const js = new URL("../../wwwroot/js/", import.meta.url);
const { compact, duration, exact, grouped, leftOut, loss, named, notANumber, number, perplexity } = await import(new URL("figures.js", js));
const { Smoothing, StepTable, envelope } = await import(new URL("steps.js", js));
const { extent, inWords, yRange } = await import(new URL("chart.js", js));
const { chartsOf, formats, quantity } = await import(new URL("quantities.js", js));

test("a JSON value is read as the number that it stands for", () => {
  assert.equal(number(1.5), 1.5);
  assert.equal(number("Infinity"), Infinity);
  assert.equal(number("NaN"), notANumber);
  assert.equal(number("-Infinity"), notANumber);
  for (const none of [null, undefined]) assert.ok(Number.isNaN(number(none)));
});

test("every way to write a number calls those that are not finite by their names", () => {
  const ways = [compact, grouped, loss, perplexity, ...Object.values(formats).map(f => f.write)];
  for (const write of ways) {
    assert.equal(write(Infinity), "over 1e308");
    assert.equal(write(notANumber), "not a number");
    assert.ok(write(1e300).length < 12, write(1e300));
  }
  assert.equal(perplexity(Infinity, 3000.06), "over 1e308 (3000.1 nats/token)");
  assert.equal(perplexity(12.345, 2.5), "12.35");
  assert.equal(named(7), null);
  assert.equal(duration(3), "3 s");
  assert.deepEqual([exact(NaN), exact(notANumber), exact(Infinity), exact(2), exact(null)], ["", "NaN", "Infinity", "2", ""]);
});

test("a table keeps what is missing, infinite and not a number apart, and no finite number becomes infinite", () => {
  const table = new StepTable(["totalLoss", "validationPerplexity"]);
  table.append([1, 2, 3], { totalLoss: [1, "NaN", 3], validationPerplexity: [null, "Infinity", 1e200] });
  assert.deepEqual([...table.columns.totalLoss.subarray(0, 3)], [1, notANumber, 3]);
  assert.deepEqual([...table.columns.validationPerplexity.subarray(0, 3)], [NaN, Infinity, 1e200]);
  assert.deepEqual(table.numbers, { totalLoss: 3, validationPerplexity: 2 });
  assert.deepEqual(table.outside, { totalLoss: { large: 0, nan: 1 }, validationPerplexity: { large: 1, nan: 0 } });
  table.append(Array.from({ length: 5000 }, (_, i) => i + 4), {});
  assert.equal(table.columns.validationPerplexity[2], 1e200);
});

test("a column that comes later has no number in the rows before it", () => {
  const table = new StepTable(["totalLoss"]);
  table.append([1, 2], { totalLoss: [3, 2] });
  table.define(["totalLoss", "memory"], ["memory"]);
  table.append([3], { totalLoss: [1], memory: [2 ** 40 + 1] });
  assert.deepEqual([...table.columns.memory.subarray(0, 3)], [NaN, NaN, 2 ** 40 + 1]);
  assert.deepEqual([...table.columns.totalLoss.subarray(0, 3)], [3, 2, 1]);
  assert.deepEqual(table.numbers, { totalLoss: 3, memory: 1 });
});

test("charts are those that the series say, in their order", () => {
  const series = [
    { name: "a", title: "A", chart: "losses", colour: 12, format: "Loss", cadence: "EveryStep" },
    { name: "hidden", title: "Hidden", chart: null, colour: 0, format: "Loss", cadence: "EveryStep" },
    { name: "b", title: "B loss", label: "B", chart: "losses", colour: 1, format: "Loss", cadence: "EveryStep" },
    { name: "line", title: "Line", chart: "seldom", colour: 0, format: "Perplexity", cadence: "Once" },
    { name: "seldom", title: "Seldom", chart: "seldom", colour: 2, format: "Perplexity", cadence: "Measured" },
    { name: "alone", title: "Nothing to compare it with", chart: "alone", colour: 0, format: "Loss", cadence: "Once" },
  ];
  const charts = chartsOf(series).map(c => [c.id, c.drawn.map(q => `${q.short} ${q.paint}`), c.references.map(q => `${q.short} ${q.paint}`)]);
  assert.deepEqual(charts, [["losses", ["A --series-2", "B --series-1"], []], ["seldom", ["Seldom --series-2"], ["Line --series-teacher"]]]);
  assert.throws(() => quantity({ name: "x", format: "Roman" }), /x has the format Roman, expected Loss, Perplexity/);
});

test("a moving average passes over what is not finite", () => {
  const values = Float32Array.of(2, Infinity, notANumber, NaN, 2);
  const smoothing = new Smoothing();
  smoothing.reset(0.5);
  assert.deepEqual([...smoothing.of(values, 5)], [2, 2, 2, 2, 2]);
  assert.equal(smoothing.of(Float64Array.of(2, 2, 2, 2, 2, 1e300), 6)[5] > 1e299, true);
});

test("an envelope holds finite numbers only", () => {
  const cells = new Array(8);
  const filled = envelope([1, 2, 3, 4], [5, Infinity, notANumber, 7], 4, 1, 4, 4, cells);
  assert.equal(filled, 2);
  assert.deepEqual(cells.filter(v => v !== undefined), [5, 7]);
});

test("an axis has finite ends whatever is measured", () => {
  for (const [min, max] of [[null, null], [0, 0], [1, Number.MAX_VALUE], [5, 5], [1e300, 1.7e308]]) {
    const [low, high] = yRange(min, max);
    assert.ok(Number.isFinite(low) && Number.isFinite(high) && low < high, `${min} ${max}: ${low} ${high}`);
  }
});

test("a curve in words says what it has no place for", () => {
  assert.deepEqual(extent([NaN, null, Infinity, 3, notANumber, 2]), { first: Infinity, last: 2, low: 2, high: 3, outside: { large: 1, nan: 1 } });
  assert.equal(extent([NaN, null]), null);
  assert.equal(inWords("Student", [Infinity, 4, 3], v => perplexity(v)),
    "Student: from over 1e308 to 3.00, lowest 3.00, highest 4.00. Not drawn: 1 value over 1e308");
  assert.equal(inWords("Student", [Infinity], v => perplexity(v)), "Student: from over 1e308 to over 1e308. Not drawn: 1 value over 1e308");
  assert.equal(inWords("Student", [NaN], v => perplexity(v)), "Student: no value yet");
  assert.equal(leftOut({ large: 2, nan: 1 }), "Not drawn: 2 values over 1e308, 1 not a number.");
  assert.equal(leftOut({ large: 0, nan: 0 }), "");
});
