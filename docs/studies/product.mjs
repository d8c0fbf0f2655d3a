// What the studies of this folder share: the product's HTTP API, memory of what was made already, and the rule of their verdicts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** The API of a running server. */
export class Product {
  constructor(server) { this.server = server; }

  async call(method, path, body) {
    const isForm = body instanceof FormData;
    for (;;) {
      const answer = await fetch(this.server + path, {
        method, body: isForm ? body : body && JSON.stringify(body), headers: body && !isForm ? { "content-type": "application/json" } : {},
      });
      // The server's limit of requests: it says when to come back.
      if (answer.status === 429) { await sleep(1000 * Number(answer.headers.get("retry-after") ?? 1)); continue; }
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer.json();
    }
  }

  async until(path, isOver) {
    for (;;) {
      const state = await this.call("GET", path);
      if (isOver(state)) return state;
      await sleep(2000);
    }
  }

  /** Uploads a text and waits until it is prepared. */
  async dataset(name, text, fields) {
    const form = new FormData();
    form.set("file", new Blob([text]), `${name}.txt`);
    for (const [field, value] of Object.entries({ name, format: "text-paragraphs", ...fields })) form.set(field, String(value));
    const data = await this.until(`/api/datasets/${(await this.call("POST", "/api/datasets", form)).id}`, one => one.state !== "Preparing");
    if (data.state !== "Ready") throw new Error(`${name}: ${data.error}`);
    return data.id;
  }

  /** Waits for a run and returns it; one that did not complete ends the study. */
  async completed(id) {
    const run = await this.until(`/api/runs/${id}`, one => ["Completed", "Failed", "Stopped", "Interrupted"].includes(one.status));
    if (run.status !== "Completed") throw new Error(`Run ${run.name}: ${run.status}. ${run.error ?? ""}`);
    return run;
  }

  /** The complete checkpoint of a run with the lowest validation perplexity. */
  async bestCheckpoint(run) {
    const measured = (await this.call("GET", `/api/runs/${run}/checkpoints`)).filter(one => one.validationPerplexity !== null);
    return measured.reduce((best, one) => (one.validationPerplexity < best.validationPerplexity ? one : best));
  }

  async evaluate(request) {
    const { id } = await this.call("POST", "/api/evaluations", request);
    const evaluation = await this.until(`/api/evaluations/${id}`, one => ["Completed", "Failed", "Cancelled"].includes(one.status));
    if (evaluation.status !== "Completed") throw new Error(`Evaluation ${id}: ${evaluation.status}. ${evaluation.error ?? ""}`);
    return Object.fromEntries(evaluation.result.figures.map(figure => [figure.name, figure.value]));
  }
}

/** Remembers in a file what was made, so that a study that was cut goes on where it stood. */
export class Memory {
  #made;
  constructor(file) { this.file = file; this.#made = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}; }

  async once(name, make) {
    if (!(name in this.#made)) {
      this.#made[name] = await make();
      writeFileSync(this.file, JSON.stringify(this.#made, null, 2));
    }
    return this.#made[name];
  }
}

// Student's t, two-sided 95 %, for 1 to 9 degrees of freedom.
const T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Mean and half the 95 % interval of Student's t. */
export function interval(values) {
  const n = values.length, mean = values.reduce((sum, one) => sum + one, 0) / n;
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  return { mean, half: n > 1 ? T95[n - 2] * Math.sqrt(variance / n) : NaN };
}

/** Whether an arm is lower than another one, seed by seed: by the 95 % interval of the paired differences. */
export function verdict(arm, other) {
  const difference = interval(arm.map((value, i) => value - other[i]));
  const word = difference.mean + difference.half < 0 ? "BEATS" : difference.mean - difference.half > 0 ? "NO BEATS" : "INCONCLUSIVE";
  return { ...difference, word };
}

export const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
