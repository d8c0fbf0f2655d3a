// The tokens of a heat map are one stop of the keyboard: arrows move along the text, Home and End to its ends. The token that has the
// focus, or that the mouse points at, is told to the page, which shows what both models thought of it.

export function connect(host, component) {
  const gone = new AbortController();
  let wanted = null, telling = false;

  async function tell(index) {
    wanted = index;
    // Only the latest counts while one is on its way: a mouse crosses tokens faster than they are drawn.
    if (telling) return;
    telling = true;
    try {
      while (wanted !== null && !gone.signal.aborted) {
        const next = wanted;
        wanted = null;
        await component.invokeMethodAsync("ShowToken", next);
      }
    } catch (e) {
      if (!gone.signal.aborted) throw e;
    } finally {
      telling = false;
    }
  }

  function choose(token) {
    if (token.ariaSelected === "true") return;
    for (const before of host.querySelectorAll('[aria-selected="true"]')) { before.ariaSelected = "false"; before.tabIndex = -1; }
    token.ariaSelected = "true";
    token.tabIndex = 0;
    tell(Number(token.dataset.at));
  }

  // The token of the next line, or of the one before, that stands nearest below or above.
  function vertical(tokens, from, direction) {
    const box = from.getClientRects()[0], middle = (box.left + box.right) / 2;
    let line = null, best = null, least = Infinity;
    for (let i = tokens.indexOf(from) + direction; i >= 0 && i < tokens.length; i += direction) {
      const other = tokens[i].getClientRects()[0];
      if (Math.abs(other.top - box.top) < box.height / 2) continue;
      line ??= other.top;
      if (Math.abs(other.top - line) >= box.height / 2) break;
      const distance = Math.abs((other.left + other.right) / 2 - middle);
      if (distance < least) { least = distance; best = tokens[i]; }
    }
    return best;
  }

  function target(key, from) {
    const tokens = [...host.querySelectorAll("[data-at]")], at = tokens.indexOf(from);
    switch (key) {
      case "ArrowRight": return tokens[at + 1];
      case "ArrowLeft": return tokens[at - 1];
      case "ArrowDown": return vertical(tokens, from, 1);
      case "ArrowUp": return vertical(tokens, from, -1);
      case "Home": return tokens[0];
      case "End": return tokens.at(-1);
      default: return null;
    }
  }

  const options = { signal: gone.signal };
  for (const type of ["pointerover", "focusin"]) host.addEventListener(type, e => {
    const token = e.target.closest?.("[data-at]");
    if (token) choose(token);
  }, options);
  host.addEventListener("keydown", e => {
    const from = e.target.closest?.("[data-at]");
    if (!from || e.ctrlKey || e.metaKey || e.altKey || !/^(Arrow|Home$|End$)/.test(e.key)) return;
    e.preventDefault();
    target(e.key, from)?.focus();
  }, options);
  return { dispose() { gone.abort(); } };
}
