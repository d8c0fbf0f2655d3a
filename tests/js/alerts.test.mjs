import assert from "node:assert/strict";
import { test } from "node:test";
import { AlertMarks } from "../../wwwroot/js/alerts.js";

globalThis.devicePixelRatio = 1;

function server(alerts, pieces = []) {
  globalThis.fetch = async address => {
    const after = Number(/after=(\d+)/.exec(address)[1]), limit = Number(/limit=(\d+)/.exec(address)[1]);
    pieces.push(after);
    return { ok: true, json: async () => alerts.filter(alert => alert.id > after).slice(0, limit) };
  };
  return pieces;
}

const alert = (id, step, title = "The loss spikes") => ({ id, step, title });

test("read takes every piece, tells once, and asks no more than is new", async () => {
  const all = Array.from({ length: 2500 }, (_, i) => alert(i + 1, i));
  const pieces = server(all);
  let told = 0;
  const marks = new AlertMarks("r", () => told++);
  await marks.read();
  assert.equal(marks.alerts.length, 2500);
  assert.deepEqual(pieces, [0, 1000, 2000]);
  await marks.read(2500);
  assert.equal(pieces.length, 3);
  all.push(alert(2501, 7));
  await marks.read(2501);
  assert.deepEqual([marks.alerts.length, marks.last, told], [2501, 2501, 2]);
});

test("a refusal is an error and can be tried again", async () => {
  globalThis.fetch = async () => ({ ok: false, status: 500 });
  const marks = new AlertMarks("r", () => {});
  await assert.rejects(marks.read(), /500/);
  server([alert(1, 5)]);
  await marks.read();
  assert.equal(marks.alerts.length, 1);
});

test("draw puts one mark at each update that is in sight", async () => {
  server([alert(1, 10), alert(2, 10, "Nothing is learned"), alert(3, 50), alert(4, 500)]);
  const marks = new AlertMarks("r", () => {});
  await marks.read();
  const lines = [];
  const ctx = { save() {}, restore() {}, setLineDash() {}, beginPath() {}, stroke() {}, fill() {}, lineTo() {}, moveTo: (x, y) => { if (y === 0) lines.push(x); } };
  marks.draw({ ctx, bbox: { left: 0, top: 0, width: 100, height: 80 }, valToPos: step => step }, "red");
  assert.deepEqual([...new Set(lines.filter(x => x === 10 || x === 50 || x === 500))], [10, 50]);
});

test("words name what is near and sum up the rest", async () => {
  server([alert(1, 1000), alert(2, 1004, "Nothing is learned")]);
  const marks = new AlertMarks("r", () => {});
  assert.equal(marks.inWords(), "");
  await marks.read();
  assert.match(marks.around(1001, 1), /^The loss spikes \(update 1.000\)$/);
  assert.equal(marks.around(900, 1), "");
  assert.match(marks.inWords(), /2 things that guards saw, at updates 1.000, 1.004\./);
});
