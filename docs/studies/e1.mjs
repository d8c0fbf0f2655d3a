// Study E1, registered in e1-soft-targets-as-regulariser.md before its runs: are soft targets a regulariser where texts are few? Prints its tables as Markdown.
//   dotnet run -c Release --project src/WebDistill.Web
//   node docs/studies/e1.mjs warandpeace.txt [http://127.0.0.1:5080] [--small]
// What was made is remembered in e1-made.json (e1-small-made.json): cut, the study goes on where it stood. --small tries the way in minutes; its numbers mean nothing.
import { readFileSync } from "node:fs";
import { Memory, Product, interval, verdict } from "./product.mjs";

const small = process.argv.includes("--small");
const [file, server = "http://127.0.0.1:5080"] = process.argv.slice(2).filter(argument => !argument.startsWith("--"));
if (!file) { console.error("usage: node docs/studies/e1.mjs TEXT.txt [SERVER] [--small]"); process.exit(2); }
const product = new Product(server), memory = new Memory(small ? "e1-small-made.json" : "e1-made.json");

const seeds = small ? [1, 2] : [1, 2, 3, 4, 5], tuningSeed = 101, context = 128, batch = 16;
const rates = small ? [2e-3] : [1e-3, 2e-3, 4e-3], decays = small ? [0.01] : [0.01, 0.3];
const teacherEpochs = small ? 1 : 8, studentEpochs = small ? 2 : 20, main = 0.1, otherFractions = small ? [0.3] : [0.03, 0.3, 1];

// 95 % to learn from, 2.5 % to choose by, 2.5 % to measure on, in the order of the book; documents end at blank lines.
const documents = readFileSync(file, "utf8").replaceAll("\r\n", "\n").split(/\n\s*\n/).map(one => one.trim()).filter(one => one !== "").slice(0, small ? 1500 : undefined);
const bytes = documents.map(one => Buffer.byteLength(one) + 2), all = bytes.reduce((sum, one) => sum + one, 0);
let seen = 0;
const parts = { train: [], validation: [], test: [] };
documents.forEach((one, i) => { parts[seen < 0.95 * all ? "train" : seen < 0.975 * all ? "validation" : "test"].push(one); seen += bytes[i]; });
const joined = list => list.join("\n\n") + "\n\n", sizeOf = list => Buffer.byteLength(joined(list));
// Every k-th document, so that each fraction is drawn from the whole book.
const fraction = share => parts.train.filter((_, i) => Math.floor((i + 1) * share + 1e-9) > Math.floor(i * share + 1e-9));
const upload = (name, train, fields) => {
  const held = sizeOf(parts.validation);
  // The documents that begin in the last bytes are held out: half a byte more than they have.
  return product.dataset(name, joined(train) + joined(parts.validation), { validationProportion: (held + 0.5) / (sizeOf(train) + held), ...fields });
};

const base = {
  student: { dropout: 0.1 },
  optimiser: { maxGradientNorm: 1 },
  samples: { intervalSteps: 0 }, diagnosis: { intervalSteps: 0 },
  schedule: { batchSize: batch, gradientAccumulation: 1, warmupProportion: 0.05, validationMaxTokens: 65536 },
  checkpoints: { keepLast: 1, keepBest: true, intervalMinutes: 0 },
};
const fresh = { initialisation: "random", layerCount: 2, width: 128, heads: 4 };
const objectives = {
  hard: { "objective.clm.weight": 1, "objective.ce.weight": 0, "objective.cos.weight": 0 },
  "alpha 0.5, T 1": { "objective.clm.weight": 0.5, "objective.ce.weight": 0.5, "objective.ce.temperature": 1, "objective.cos.weight": 0 },
  "soft only, T 1": { "objective.clm.weight": 0, "objective.ce.weight": 1, "objective.ce.temperature": 1, "objective.cos.weight": 0 },
};

// 1. Data, teacher, and the student's layers out of it.
const whole = await memory.once("whole", () => upload("E1 whole", parts.train, { vocabularySize: 2048 }));
const teacherRun = await memory.once("teacher run", async () => (await product.call("POST", "/api/runs", {
  ...base, name: "E1 teacher", seed: 1, objective: { clm: { weight: 1 } }, data: { datasetId: whole, contextLength: context },
  student: { ...base.student, ...fresh, layerCount: 4 }, optimiser: { ...base.optimiser, learningRate: 2e-3, weightDecay: 0.01 },
  schedule: { ...base.schedule, epochs: teacherEpochs, validationIntervalSteps: 100 }, checkpoints: { ...base.checkpoints, intervalSteps: 100 },
})).id);
const teacher = (await product.completed(teacherRun)).studentModelId;
const layers = await memory.once("teacher's layers", async () => (await product.call("POST", `/api/models/${teacher}/compress`,
  { transform: "layer-dropping", name: "E1 teacher's layers 0 and 2", parameters: { layers: [0, 2] } })).id);
const test = await memory.once("test", () => product.dataset("E1 test", joined(parts.test), { tokenizerModelId: teacher, validationProportion: 0 }));
const datasetOf = share => share === 1 ? whole : memory.once(`data ${share}`, () => upload(`E1 ${100 * share} %`, fraction(share), { tokenizerModelId: teacher }));

const armOf = (init, target) => ({
  label: `${init}, ${target}`, init, target,
  changes: {
    ...objectives[target], "teacher.modelId": target === "hard" ? null : teacher,
    ...(init === "random" ? { "student.initialisation": "random", "student.layerCount": 2, "student.width": 128, "student.heads": 4 }
      : { "student.initialisation": "checkpoint", "student.modelId": layers }),
  },
});
const arms = ["random", "teacher's layers"].flatMap(init => Object.keys(objectives).map(target => armOf(init, target)));

/** A sweep over arms and seeds; returns its runs by arm, in the order of the seeds. */
async function sweep(name, share, epochsOf, variants, under) {
  const datasetId = await datasetOf(share);
  const options = { ...base, data: { datasetId, contextLength: context } };
  const plan = await product.call("POST", "/api/runs/plan", { ...options, seed: 1, objective: { clm: { weight: 1 } }, student: { ...base.student, ...fresh }, schedule: { ...base.schedule, epochs: 1 } });
  const perEpoch = plan.plan.updatesPerEpoch;
  const id = await memory.once(name, async () => (await product.call("POST", "/api/sweeps", {
    name, metric: "BestValidationPerplexity", strategy: "Grid",
    options: { ...options, schedule: { ...base.schedule, epochs: 1, validationIntervalSteps: perEpoch }, checkpoints: { ...base.checkpoints, intervalSteps: perEpoch } },
    dimensions: [
      { name: "arm", values: variants.map(arm => ({ label: arm.label, changes: { ...arm.changes, "schedule.epochs": epochsOf(arm) } })) },
      { name: "seed", values: under.map(seed => ({ label: String(seed), changes: { seed } })) },
    ],
  })).id);
  const runs = (await product.until(`/api/sweeps/${id}`, one => one.isAtRest)).points.flatMap(point => point.runs);
  const found = [];
  for (const arm of variants) {
    const own = [];
    for (const seed of under) {
      const run = runs.find(one => one.labels.arm === arm.label && one.labels.seed === String(seed));
      const { id: checkpoint, validationPerplexity, step } = await product.bestCheckpoint((await product.completed(run.id)).id);
      own.push({ run: run.id, checkpoint, validationPerplexity, epoch: step / perEpoch, seconds: (await product.call("GET", `/api/runs/${run.id}`)).trainedSeconds });
    }
    found.push({ arm, runs: own });
  }
  return found;
}

/** Perplexity and bits per byte of every run's best checkpoint on the test part. */
async function measured(found) {
  for (const { runs } of found) {
    for (const run of runs) {
      const figures = await memory.once(`test of ${run.checkpoint}`, () => product.evaluate({ modelId: run.checkpoint, set: "text", datasetId: test, contextLength: context, stride: context / 2 }));
      run.perplexity = Object.entries(figures).find(([name]) => /perplexity per token/i.test(name))[1];
      run.bits = Object.entries(figures).find(([name]) => /bits per/i.test(name))[1];
    }
  }
  return found;
}

// 2. Every arm's learning rate and weight decay, by the validation part, under a seed that counts nowhere else.
const tuning = await sweep("E1 tuning", main, () => studentEpochs, arms.flatMap(arm => rates.flatMap(rate => decays.map(decay => ({
  ...arm, label: `${arm.label}, lr ${rate}, wd ${decay}`, of: arm.label, rate, decay,
  changes: { ...arm.changes, "optimiser.learningRate": rate, "optimiser.weightDecay": decay },
})))), [tuningSeed]);
const tuned = arms.map(arm => {
  const best = tuning.filter(one => one.arm.of === arm.label).reduce((a, b) => (b.runs[0].validationPerplexity < a.runs[0].validationPerplexity ? b : a)).arm;
  return { ...arm, rate: best.rate, decay: best.decay, changes: best.changes };
});

// 3. The tables.
const number = (value, digits = 2) => value.toFixed(digits), spread = (values, digits) => { const { mean, half } = interval(values); return `${number(mean, digits)} ± ${number(half, digits)}`; };
const of = (found, label) => found.find(one => one.arm.label === label).runs;
function table(title, found, pairs) {
  console.log(`\n### ${title}\n\n| arm | learning rate | weight decay | best epoch | test perplexity | bits per byte | seconds |\n|---|--:|--:|--:|--:|--:|--:|`);
  for (const { arm, runs } of found)
    console.log(`| ${arm.label} | ${arm.rate} | ${arm.decay} | ${number(interval(runs.map(run => run.epoch)).mean, 1)} | ${spread(runs.map(run => run.perplexity))} | ${spread(runs.map(run => run.bits), 4)} | ${number(interval(runs.map(run => run.seconds)).mean, 0)} |`);
  console.log("\n| pair | difference of test perplexity | verdict |\n|---|--:|---|");
  for (const [one, other] of pairs) {
    const { mean, half, word } = verdict(of(found, one).map(run => run.perplexity), of(found, other).map(run => run.perplexity));
    console.log(`| ${one} against ${other} | ${number(mean)} ± ${number(half)} | **${word}** |`);
  }
}
const against = (init, target) => [`${init}, ${target}`, `${init}, hard`];
const softTargets = ["alpha 0.5, T 1", "soft only, T 1"], inits = ["random", "teacher's layers"];
const pairs = inits.flatMap(init => softTargets.map(target => against(init, target)));

const equalTokens = await measured(await sweep("E1 main", main, () => studentEpochs, tuned, seeds));
table(`Equal tokens: ${100 * main} % of the text, ${studentEpochs} epochs`, equalTokens, pairs);

// As many epochs without a teacher as take the time of those with one.
const longer = inits.map(init => {
  const arm = tuned.find(one => one.init === init && one.target === "hard");
  const ratio = Math.max(...softTargets.map(target => interval(of(equalTokens, `${init}, ${target}`).map(run => run.seconds)).mean)) / interval(of(equalTokens, arm.label).map(run => run.seconds)).mean;
  return { ...arm, epochs: Math.max(1, Math.round(studentEpochs * ratio)) };
});
const equalTime = [...await measured(await sweep("E1 equal time", main, arm => arm.epochs, longer, seeds)), ...equalTokens.filter(one => one.arm.target !== "hard")];
table(`Equal wall time: hard for ${longer.map(arm => `${arm.epochs} epochs (${arm.init})`).join(", ")}`, equalTime, pairs);

for (const share of otherFractions) {
  // The same number of tokens is seen of every fraction.
  const epochs = Math.max(1, Math.round(studentEpochs * main / share));
  const chosen = tuned.filter(arm => arm.init === "random" && arm.target !== "soft only, T 1");
  table(`${100 * share} % of the text, ${epochs} epochs, random`, await measured(await sweep(`E1 ${100 * share} %`, share, () => epochs, chosen, seeds)), [against("random", "alpha 0.5, T 1")]);
}
