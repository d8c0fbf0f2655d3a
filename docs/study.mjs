// The study behind docs/results.md: trains a vocabulary and teachers on one text, students with and without the teacher, through the HTTP API
// of a running server, and prints the rows of the table as JSON.
//   dotnet run -c Release --project src/WebDistill.Web
//   node docs/study.mjs TEXT.txt [http://127.0.0.1:5080] > study.json
import { openAsBlob } from "node:fs";
import { basename } from "node:path";

const [file, server = "http://127.0.0.1:5080"] = process.argv.slice(2);
if (!file) { console.error("usage: node docs/study.mjs TEXT.txt [SERVER]"); process.exit(2); }

const vocabularySize = 2048, seeds = [1, 2, 3];
const teacherShape = { studentLayerCount: 4, studentWidth: 128, studentHeads: 4, contextLength: 128 };
// What every run of the study shares: the same updates over the same tokens, whoever is trained.
const schedule = {
  batchSize: 16, gradientAccumulation: 1, learningRate: 2e-3, warmupProportion: 0.05, weightDecay: 0.01, maxGradientNorm: 1,
  dropout: 0.1, validationIntervalSteps: 100, validationMaxTokens: 65536, checkpointIntervalSteps: 0,
};
const studentEpochs = 2, teacherEpochs = 4;
const distilled = { alphaCe: 5, alphaClm: 2, alphaMse: 0, alphaCos: 1, temperature: 2 };

async function call(method, path, body) {
  const isForm = body instanceof FormData;
  const answer = await fetch(server + path, {
    method, body: isForm ? body : body && JSON.stringify(body), headers: body && !isForm ? { "content-type": "application/json" } : {},
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));
async function until(path, finished) {
  for (;;) {
    const state = await call("GET", path);
    if (finished(state)) return state;
    await pause(1000);
  }
}
async function run(options) {
  const { id } = await call("POST", "/api/runs", { ...schedule, ...options });
  const end = await until(`/api/runs/${id}`, r => !["Queued", "Running"].includes(r.status));
  if (end.status !== "Completed") throw new Error(`${options.name}: ${end.status} ${end.error ?? ""}`);
  const minutes = (Date.parse(end.finishedAt) - Date.parse(end.startedAt)) / 60000;
  const row = { name: end.name, seed: options.seed, steps: end.step, minutes, validationPerplexity: end.validationPerplexity, teacherPerplexity: end.teacherPerplexity,
    parameters: end.studentParameters };
  console.error(JSON.stringify(row));
  rows.push(row);
  return end;
}

const rows = [];
const form = new FormData();
form.set("file", await openAsBlob(file), basename(file));
form.set("name", basename(file));
form.set("format", "text-paragraphs");
form.set("vocabularySize", String(vocabularySize));
const dataset = await call("POST", "/api/datasets", form);
const data = await until(`/api/datasets/${dataset.id}`, d => d.state !== "Preparing");
console.error(JSON.stringify(data));
const datasetId = data.id;

for (const seed of seeds) {
  const alone = { datasetId, seed, alphaCe: 0, alphaMse: 0, alphaCos: 0, alphaClm: 1 };
  const teacher = await run({ name: `teacher, seed ${seed}`, ...alone, ...teacherShape, studentInitialisation: "random", epochs: teacherEpochs });
  const teacherId = teacher.studentModelId;
  const half = { studentLayerCount: teacherShape.studentLayerCount / 2, epochs: studentEpochs };
  await run({ name: `student distilled from teacher layers, seed ${seed}`, datasetId, seed, teacherId, studentInitialisation: "teacher-layers", ...half, ...distilled });
  await run({ name: `student from teacher layers, text alone, seed ${seed}`, ...alone, teacherId, studentInitialisation: "teacher-layers", ...half });
  await run({ name: `student without a teacher, seed ${seed}`, ...alone, ...teacherShape, studentInitialisation: "random", ...half });
}
console.log(JSON.stringify({ data, schedule, teacherShape, distilled, studentEpochs, teacherEpochs, rows }, null, 2));
