// Encodes a file with npm's tiktoken (OpenAI's tokenizer in WebAssembly), once for each line of input.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { get_encoding } from "tiktoken";

const text = readFileSync(process.argv[2], "utf8");
const encoding = get_encoding("gpt2");
for await (const _ of createInterface({ input: process.stdin })) {
  const started = process.hrtime.bigint();
  const tokens = encoding.encode_ordinary(text).length;
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  console.log(JSON.stringify({ seconds, tokens }));
}
