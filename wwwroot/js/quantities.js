// One entry per charted number: column, name, colour, unit, how it is written.

import { compact, finite, grouped, loss, perplexity } from "./figures.js";

export const losses = [
  { column: "totalLoss", label: "Total", colour: "--series-total", weight: null },
  { column: "distillationCeNatsPerToken", label: "Distillation CE", colour: "--series-ce", weight: "alphaCe" },
  { column: "causalLmNatsPerToken", label: "Causal LM", colour: "--series-clm", weight: "alphaClm" },
  { column: "logitsMse", label: "Logits MSE", colour: "--series-mse", weight: "alphaMse" },
  { column: "cosineDistance", label: "Cosine", colour: "--series-cos", weight: "alphaCos" },
].map(l => ({ ...l, write: loss }));

// A quantity with `nats` names the column of the losses that its numbers are the exponentials of: `write` takes both.
const rateTick = v => v === 0 ? "0" : v.toExponential(1);

export const multiples = [
  { id: "perplexity", title: "Validation perplexity", unit: "", column: "validationPerplexity", colour: "--series-perplexity", write: perplexity, nats: "validationNatsPerToken", sparse: true, teacher: true },
  { id: "rate", title: "Learning rate", unit: "", column: "learningRate", colour: "--series-rate", write: finite(v => v.toExponential(2)), tick: rateTick },
  { id: "gradient", title: "Gradient norm", unit: "before clipping", column: "gradientNorm", colour: "--series-gradient", write: finite(v => v.toPrecision(4)), smoothed: true },
  { id: "speed", title: "Throughput", unit: "tokens/s", column: "tokensPerSecond", colour: "--series-speed", write: compact, smoothed: true },
  { id: "memory", title: "Memory", unit: "MB, resident", column: "memoryBytes", colour: "--series-memory", write: grouped, scale: 1e-6 },
];
