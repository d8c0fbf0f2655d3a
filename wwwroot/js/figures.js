// How the charts write numbers: thin separators, four decimals for a loss, two for a perplexity.

export const thin = "\u2009";
export const grouped = v => Math.round(v).toString().replace(/\B(?=(\d{3})+(?!\d))/g, thin);
export const compact = v => {
  const a = Math.abs(v);
  if (a >= 1e9) return `${(v / 1e9).toFixed(a < 1e10 ? 2 : 1)}${thin}G`;
  if (a >= 1e6) return `${(v / 1e6).toFixed(a < 1e7 ? 2 : 1)}${thin}M`;
  if (a >= 1e4) return `${(v / 1e3).toFixed(a < 1e5 ? 1 : 0)}${thin}k`;
  if (a >= 100) return grouped(v);
  return a >= 1 ? v.toFixed(a < 10 ? 2 : 1) : a === 0 ? "0" : a < 1e-3 ? v.toExponential(1) : v.toPrecision(2);
};
export const loss = v => Math.abs(v) >= 1000 ? v.toFixed(1) : v.toFixed(4);
export const perplexity = v => v >= 1e5 ? v.toExponential(2) : v.toFixed(2);

/** 42 s, 3 min 12 s, 2 h 05 min; 0.25 s below ten seconds. */
export const duration = seconds => {
  const two = n => String(n).padStart(2, "0"), s = Math.floor(seconds);
  if (seconds < 10) return `${Number(seconds.toFixed(2))} s`;
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
};
