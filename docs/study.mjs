// The study behind docs/results.md: prepares one text with a vocabulary of its own, trains a teacher on it, and queues the sweep of
// docs/study-sweep.json with that teacher, through the HTTP API of a running server. The sweep's page then shows the table; its Markdown
// export is what docs/results.md holds.
//   dotnet run -c Release --project src/WebDistill.Web
//   node docs/study.mjs TEXT.txt [http://127.0.0.1:5080]
import { openAsBlob, readFileSync } from "node:fs";
import { basename } from "node:path";

const [file, server = "http://127.0.0.1:5080"] = process.argv.slice(2);
if (!file) { console.error("usage: node docs/study.mjs TEXT.txt [SERVER]"); process.exit(2); }
const plan = JSON.parse(readFileSync(new URL("study-sweep.json", import.meta.url), "utf8"));

async function call(method, path, body) {
  const isForm = body instanceof FormData;
  const answer = await fetch(server + path, {
    method, body: isForm ? body : body && JSON.stringify(body), headers: body && !isForm ? { "content-type": "application/json" } : {},
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
async function until(path, finished) {
  for (;;) {
    const state = await call("GET", path);
    if (finished(state)) return state;
    await new Promise(done => setTimeout(done, 1000));
  }
}

const form = new FormData();
form.set("file", await openAsBlob(file), basename(file));
form.set("name", basename(file));
form.set("format", "text-paragraphs");
form.set("vocabularySize", "2048");
const data = await until(`/api/datasets/${(await call("POST", "/api/datasets", form)).id}`, d => d.state !== "Preparing");
if (data.state !== "Ready") throw new Error(data.error);

// The teacher sees the text four times, a student once.
const { id } = await call("POST", "/api/runs", {
  ...plan.options, name: "Study teacher", data: { datasetId: data.id, contextLength: 128 }, seed: 1, objective: { clm: { weight: 1 } },
  student: { ...plan.options.student, initialisation: "random", layerCount: 4, width: 128, heads: 4 }, schedule: { ...plan.options.schedule, epochs: 4 },
});
const teacher = await until(`/api/runs/${id}`, run => ["Completed", "Failed", "Stopped"].includes(run.status));
if (teacher.status !== "Completed") throw new Error(`${teacher.status}: ${teacher.error}`);
console.log(`teacher: validation perplexity ${teacher.validationPerplexity}`);

const sweep = await call("POST", "/api/sweeps", { ...plan, options: { ...plan.options, data: { datasetId: data.id }, teacher: { modelId: teacher.studentModelId } } });
console.log(`${server}/sweeps/${sweep.id}`);
