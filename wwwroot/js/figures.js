// How the charts write numbers: thin separators, four decimals for a loss, two for a perplexity, powers of ten where digits would run on. What
// was measured can be infinite or not a number: the server writes these as texts, as JSON has no numbers for them.

/** Stands for NaN: in the columns of a run NaN says that there is no number, and no number that is charted can be −∞. */
export const notANumber = -Infinity;

/** The number that a JSON value is; NaN when there is none. */
export const number = value => typeof value === "number" ? value
  : value === "Infinity" ? Infinity : value === "NaN" || value === "-Infinity" ? notANumber : NaN;

/** What a number that is not finite is called, in the words of the server's pages; null for a finite one. */
export const named = v => v === Infinity ? "over 1e308" : v === notANumber || v !== v ? "not a number" : null;

/** The same for a spreadsheet; nothing where there is no number. */
export const exact = v => v !== v || v === null || v === undefined ? "" : v === notANumber ? "NaN" : String(v);

/** A way to write finite numbers that calls the others by their names. */
export const finite = write => v => named(v) ?? write(v);

export const thin = "\u2009";
export const grouped = finite(v => Math.abs(v) >= 1e15 ? v.toExponential(2) : Math.round(v).toString().replace(/\B(?=(\d{3})+(?!\d))/g, thin));
export const compact = finite(v => {
  const a = Math.abs(v);
  if (a >= 1e15) return v.toExponential(2);
  if (a >= 1e9) return `${(v / 1e9).toFixed(a < 1e10 ? 2 : 1)}${thin}G`;
  if (a >= 1e6) return `${(v / 1e6).toFixed(a < 1e7 ? 2 : 1)}${thin}M`;
  if (a >= 1e4) return `${(v / 1e3).toFixed(a < 1e5 ? 1 : 0)}${thin}k`;
  if (a >= 100) return grouped(v);
  return a >= 1 ? v.toFixed(a < 10 ? 2 : 1) : a === 0 ? "0" : a < 1e-3 ? v.toExponential(1) : v.toPrecision(2);
});
export const loss = finite(v => Math.abs(v) >= 1e9 ? v.toExponential(2) : Math.abs(v) >= 1000 ? v.toFixed(1) : v.toFixed(4));

/** A perplexity; where it is not finite, with its mean loss: over 1e308 (3000.1 nats/token). */
export const perplexity = (v, nats = NaN) => {
  const name = named(v);
  return name === null ? (v >= 1e5 ? v.toExponential(2) : v.toFixed(2)) : nats === nats ? `${name} (${loss(nats)} nats/token)` : name;
};

/** How many numbers a chart has no place for, in a sentence; empty when there is none. */
export const leftOut = ({ large, nan }) => large + nan === 0 ? ""
  : `Not drawn: ${[large && `${grouped(large)} ${large === 1 ? "value" : "values"} ${named(Infinity)}`, nan && `${grouped(nan)} ${named(NaN)}`].filter(Boolean).join(", ")}.`;

/** 42 s, 3 min 12 s, 2 h 05 min; 0.25 s below ten seconds. */
export const duration = seconds => {
  const two = n => String(n).padStart(2, "0"), s = Math.floor(seconds);
  if (seconds < 10) return `${Number(seconds.toFixed(2))} s`;
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
};
