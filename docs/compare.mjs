// How long the Compare page takes to read and draw its runs, to follow the cursor and to zoom, in headless Chromium:
//   npm install playwright-core
//   node docs/compare.mjs "http://127.0.0.1:5080/compare?runs=..."      (benchmarks -- long-runs makes the runs and prints the address)
// WEBDISTILL_CHROMIUM names another browser than /usr/bin/chromium.
import { chromium } from "playwright-core";

const address = process.argv[2];
if (!address) { console.error("usage: node docs/compare.mjs ADDRESS"); process.exit(2); }
const browser = await chromium.launch({
  executablePath: process.env.WEBDISTILL_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
page.on("pageerror", error => { console.error(error); process.exitCode = 1; });
const drawing = () => page.evaluate(() => ({ draws: window.webdistillCompare.draws, ms: window.webdistillCompare.drawMs }));

/** Milliseconds of the drawing that something causes. */
async function redrawMs(cause) {
  const before = await drawing();
  await cause();
  await page.waitForFunction(n => window.webdistillCompare.draws > n, before.draws);
  const after = await drawing();
  return Math.round((after.ms - before.ms) / (after.draws - before.draws));
}

const began = Date.now();
await page.goto(address);
await page.waitForFunction(() => window.webdistillCompare?.draws > 0, null, { timeout: 120_000 });
console.log("first curves after the navigation, ms", Date.now() - began);
await page.waitForFunction(() => {
  const state = window.webdistillCompare;
  return state.state === "ready" && state.runs > 0 && state.read === state.runs;
}, null, { timeout: 300_000 });
console.log("everything read and drawn, ms", Date.now() - began);
const { runs, points } = await page.evaluate(() => window.webdistillCompare);
console.log(`${runs} runs, ${points} updates, browser heap, MB`, Math.round(await page.evaluate(() => performance.memory.usedJSHeapSize / 1e6)));

await page.waitForTimeout(4000);
const plot = page.locator("[data-chart=totalLoss] .u-over");
await plot.scrollIntoViewIfNeeded();
const box = await plot.boundingBox();
await page.evaluate(() => {
  window.frameMs = [];
  let last = performance.now();
  const frame = now => { window.frameMs.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
});
for (let i = 0; i < 150; i++) await page.mouse.move(box.x + 40 + i * 5, box.y + 100 + i % 7);
const frames = (await page.evaluate(() => window.frameMs)).sort((a, b) => a - b);
const share = of => frames[Math.min(frames.length - 1, Math.floor(frames.length * of))].toFixed(1);
console.log(`a move of the cursor, ms per frame: median ${share(0.5)}, 95th percentile ${share(0.95)}, longest ${share(1)}`);

const zooms = [];
for (const [from, to] of [[0.3, 0.7], [0.2, 0.6], [0.4, 0.8], [0.3, 0.5]]) {
  await page.mouse.move(box.x + box.width * from, box.y + 80);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * to, box.y + 90, { steps: 3 });
  zooms.push(await redrawMs(() => page.mouse.up()));
}
console.log("zooms one after the other, ms", zooms.join(", "));
console.log("the whole range again, ms", await redrawMs(() => page.mouse.dblclick(box.x + 300, box.y + 50)));
await browser.close();
