// Reads the recorded steps of a run as binary columns, viewed in place: an int32 with the length of the header, the header
// { attempt, rows, series, once: { name: number }, columns: [{ name, type }] }, then each column on a multiple of 8 bytes. A step's missing number is NaN.

const views = { int32: Int32Array, float32: Float32Array, float64: Float64Array };

export async function readHistory(runId) {
  const response = await fetch(`/api/runs/${runId}/steps.bin`);
  if (!response.ok) throw new Error(`the server answered ${response.status} to /api/runs/${runId}/steps.bin`);
  const buffer = await response.arrayBuffer();
  const headerBytes = new DataView(buffer).getInt32(0, true);
  const { attempt, rows, series, once, columns } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerBytes)));
  const read = {};
  let at = 4 + headerBytes;
  for (const { name, type } of columns) {
    const View = views[type];
    if (!View) throw new Error(`column ${name} has the type ${type}, expected ${Object.keys(views).join(", ")}`);
    read[name] = new View(buffer, at, rows);
    at += (rows * View.BYTES_PER_ELEMENT + 7) & ~7;
  }
  return { attempt, series, once, step: read.step, columns: read };
}
