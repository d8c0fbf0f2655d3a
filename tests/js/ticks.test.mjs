// Where the marks of an axis stand and how they are written. Run by JavaScriptTests, or: node --test tests/js
import assert from "node:assert/strict";
import { test } from "node:test";

const { decimalsOf, logTicks, powerText, roundStep, tickTexts } = await import(new URL("../../wwwroot/js/ticks.js", import.meta.url));
const thin = "\u2009";

test("marks of one axis have the decimals that their distance needs, all the same number", () => {
  assert.deepEqual(tickTexts([14, 12, 10, 8, 6], 2), ["14", "12", "10", "8", "6"]);
  assert.deepEqual(tickTexts([6.94, 6.945, 6.95, 6.955], 0.005), ["6.940", "6.945", "6.950", "6.955"]);
  assert.deepEqual(tickTexts([1, 1.25, 1.5], 0.25), ["1.00", "1.25", "1.50"]);
  assert.deepEqual(tickTexts([0, 0.5, 1], 0.5), ["0", "0.5", "1.0"]);
  assert.deepEqual(tickTexts([-0.2, 0, 0.2], 0.2), ["-0.2", "0", "0.2"]);
});

test("large and tiny marks share one unit or one power of ten", () => {
  assert.deepEqual(tickTexts([2000, 4000], 2000), [`2${thin}000`, `4${thin}000`]);
  assert.deepEqual(tickTexts([0, 10_000, 20_000], 10_000), ["0", `10${thin}k`, `20${thin}k`]);
  assert.deepEqual(tickTexts([900_000, 1_000_000, 1_100_000], 100_000), [`0.9${thin}M`, `1.0${thin}M`, `1.1${thin}M`]);
  assert.deepEqual(tickTexts([0, 0.0002, 0.0004], 0.0002), ["0", "2e-4", "4e-4"]);
  assert.deepEqual(tickTexts([0, 0.001, 0.002, 0.003], 0.001), ["0", "0.001", "0.002", "0.003"]);
  assert.deepEqual(tickTexts([1e299, 2e299], 1e299), ["1e299", "2e299"]);
});

test("a mark that is not written takes no part", () => {
  assert.deepEqual(tickTexts([null, 5, null], 5), ["", "5", ""]);
  assert.deepEqual(tickTexts([null], 5), [""]);
  assert.deepEqual(tickTexts([], 5), []);
});

test("no two marks of an axis look the same, whatever it spans", () => {
  for (const [from, step] of [[6.949, 0.0001], [0, 1e-9], [1e6, 1], [123456, 0.5], [0.98, 0.005], [1e15, 1e12], [3, 0.2]]) {
    const texts = tickTexts(Array.from({ length: 8 }, (_, i) => from + i * step), step);
    assert.equal(new Set(texts).size, texts.length, texts.join(" | "));
  }
});

test("decimals and round distances", () => {
  assert.deepEqual([decimalsOf(5), decimalsOf(0.25), decimalsOf(0.1), decimalsOf(2e-7)], [0, 2, 1, 7]);
  assert.deepEqual([roundStep(3), roundStep(0.11), roundStep(1), roundStep(51)], [5, 0.2, 1, 100]);
});

test("a logarithmic axis has round marks over several powers of ten and even ones within one", () => {
  assert.deepEqual(logTicks(0.02, 12).texts, ["0.03", "0.1", "0.3", "1", "3", "10"]);
  assert.deepEqual(logTicks(0.9, 30).texts, ["1", "2", "5", "10", "20"]);
  assert.deepEqual(logTicks(1.5, 1.9).texts, ["1.5", "1.6", "1.7", "1.8", "1.9"]);
  assert.deepEqual(logTicks(2e-5, 5e-3, 6).texts, ["3e-5", "1e-4", "3e-4", "0.001", "0.003"]);
  assert.deepEqual(logTicks(1e-12, 1e300, 4).ticks.length <= 4, true);
  assert.deepEqual(logTicks(0, 5), { ticks: [], texts: [] });
  for (const [min, max] of [[1, 10], [1.01, 9.99], [0.5, 4], [5, 5.001], [3e-4, 0.9], [1, 1e6]]) {
    for (const most of [2, 4, 8]) {
      const { ticks, texts } = logTicks(min, max, most);
      assert.ok(ticks.length > 0 && ticks.every(t => t >= min * (1 - 1e-9) && t <= max * (1 + 1e-9)), `${min} ${max} ${most}: ${ticks}`);
      assert.equal(new Set(texts).size, texts.length, texts.join(" | "));
    }
  }
  assert.deepEqual([powerText(3000), powerText(3e4), powerText(2e6), powerText(1e-4), powerText(0.02), powerText(1e15)], ["3000", `30${thin}k`, `2${thin}M`, "1e-4", "0.02", "1e15"]);
});
