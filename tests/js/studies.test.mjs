import test from "node:test";
import assert from "node:assert/strict";
import { interval, verdict } from "../../docs/studies/product.mjs";

test("interval: Student's t over five values", () => {
  const { mean, half } = interval([1, 2, 3, 4, 5]);
  assert.equal(mean, 3);
  // 2.776 · sqrt(2.5 / 5)
  assert.ok(Math.abs(half - 1.96293) < 1e-4);
});

test("interval: one value has no width", () => assert.ok(Number.isNaN(interval([7]).half)));

test("verdict: the whole interval on one side, and around 0", () => {
  assert.equal(verdict([1, 2, 3], [2, 3.1, 3.9]).word, "BEATS");
  assert.equal(verdict([2, 3.1, 3.9], [1, 2, 3]).word, "NO BEATS");
  assert.equal(verdict([1, 2, 3], [2, 1, 3.5]).word, "INCONCLUSIVE");
  assert.equal(verdict([1], [2]).word, "INCONCLUSIVE");
});
