// The study behind docs/results.md: prepares one text with a vocabulary of its own, trains a teacher on it, and queues the sweep of
// docs/study-sweep.json with that teacher, through the HTTP API of a running server. The sweep's page then shows the table; its Markdown
// export is what docs/results.md holds.
//   dotnet run -c Release --project src/WebDistill.Web
//   node docs/study.mjs TEXT.txt [http://127.0.0.1:5080]
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Product } from "./studies/product.mjs";

const [file, server = "http://127.0.0.1:5080"] = process.argv.slice(2);
if (!file) { console.error("usage: node docs/study.mjs TEXT.txt [SERVER]"); process.exit(2); }
const plan = JSON.parse(readFileSync(new URL("study-sweep.json", import.meta.url), "utf8"));

const product = new Product(server);
const data = await product.dataset(basename(file, ".txt"), readFileSync(file), { vocabularySize: 2048 });

// The teacher sees the text four times, a student once.
const { id } = await product.call("POST", "/api/runs", {
  ...plan.options, name: "Study teacher", data: { datasetId: data, contextLength: 128 }, seed: 1, objective: { clm: { weight: 1 } },
  student: { ...plan.options.student, initialisation: "random", layerCount: 4, width: 128, heads: 4 }, schedule: { ...plan.options.schedule, epochs: 4 },
});
const teacher = await product.completed(id);
console.log(`teacher: validation perplexity ${teacher.validationPerplexity}`);

const sweep = await product.call("POST", "/api/sweeps", { ...plan, options: { ...plan.options, data: { datasetId: data }, teacher: { modelId: teacher.studentModelId } } });
console.log(`${server}/sweeps/${sweep.id}`);
