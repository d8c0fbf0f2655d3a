// The history of the playground in this browser's localStorage: { summary, entry } per generation, newest first. The summaries are all
// that the page lists; an entry, whose texts may be long, is read when it is wanted.

const key = "webdistill.prompts";

function read() {
  const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
  if (!Array.isArray(kept) || kept.some(item => !item.summary || !item.entry)) throw new Error(`localStorage holds something else under ${key}`);
  return kept;
}

function summaries(kept) { return JSON.stringify(kept.map(item => item.summary)); }

export function list() { return summaries(read()); }

// Those that are pinned stay, however old they are.
function newest(items, limit) {
  let counted = 0;
  return items.filter(item => item.summary.pinned || ++counted <= limit);
}

/** Puts a generation on top; the oldest ones that are not pinned make room. */
export function add(summary, entry, limit) {
  const kept = newest([{ summary: JSON.parse(summary), entry: JSON.parse(entry) }, ...read()], limit);
  for (;;) {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
      return summaries(kept);
    } catch (e) {
      // The browser grants some megabytes: the oldest ones make room, and what does not even fit alone is an error.
      if (e.name !== "QuotaExceededError" || kept.length === 1) throw e;
      const oldest = kept.findLastIndex((item, i) => i > 0 && !item.summary.pinned);
      kept.splice(oldest > 0 ? oldest : kept.length - 1, 1);
    }
  }
}

export function find(wanted) {
  const found = read().find(item => item.summary.key === wanted);
  return found ? JSON.stringify(found.entry) : null;
}

/** Pins a generation, or lets it go. */
export function pin(wanted) {
  const kept = read(), item = kept.find(one => one.summary.key === wanted);
  if (item) {
    item.summary.pinned = !item.summary.pinned;
    localStorage.setItem(key, JSON.stringify(kept));
  }
  return summaries(kept);
}

export function clear() {
  localStorage.removeItem(key);
  return "[]";
}
