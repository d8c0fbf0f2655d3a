// The end of a log: its lines come while it is scrolled to, each of which makes the end lie further down.

const settledMs = 400;

/** Scrolls a box to its end, and again while what is there grows. */
export function toEnd(box) {
  if (!box) return;
  const down = () => { box.scrollTop = box.scrollHeight; };
  const growth = new MutationObserver(down);
  growth.observe(box, { childList: true, subtree: true, attributes: true, attributeFilter: ["style"] });
  down();
  setTimeout(() => growth.disconnect(), settledMs);
}
