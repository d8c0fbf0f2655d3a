// What every page needs from the browser: keyboard shortcuts, the circuit's end, clipboard, downloads, menus.

const typing = target => target.closest?.("input, textarea, select, [contenteditable]");
let pendingG = 0;

function go(path) { globalThis.Blazor?.navigateTo ? Blazor.navigateTo(path) : location.assign(path); }

document.addEventListener("keydown", e => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Escape" && e.target.matches?.("[data-filter]")) { e.target.blur(); return; }
  if (typing(e.target) || document.querySelector(".rz-dialog")) return;
  const followsG = performance.now() - pendingG < 1200;
  pendingG = 0;
  if (e.key === "g") { pendingG = performance.now(); return; }
  if (e.key === "r" && followsG) { e.preventDefault(); go("/"); }
  else if (e.key === "n") { e.preventDefault(); go("/runs/new"); }
  else if (e.key === "/") {
    const filter = document.querySelector("[data-filter]");
    if (filter) { e.preventDefault(); filter.focus(); filter.select(); }
  }
});

// The server answers a circuit that it no longer knows with "rejected": the page's state is gone, so load it again.
const modal = document.getElementById("components-reconnect-modal");
if (modal) new MutationObserver(() => {
  if (modal.classList.contains("components-reconnect-rejected")) location.reload();
}).observe(modal, { attributes: true, attributeFilter: ["class"] });

document.addEventListener("click", async e => {
  const copy = e.target.closest?.("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    const label = copy.querySelector("[data-copy-label]");
    if (label) { const before = label.textContent; label.textContent = "Copied"; setTimeout(() => { label.textContent = before; }, 1500); }
  }
  if (e.target.closest?.("[popover] button, [popover] a")) e.target.closest("[popover]").hidePopover();
});
// A menu opens beside its button and inside the window; the browser itself closes it on Escape and on a click elsewhere.
document.addEventListener("toggle", e => {
  if (e.newState !== "open" || !e.target.matches?.("[popover]")) return;
  const box = document.querySelector(`[popovertarget="${e.target.id}"]`).getBoundingClientRect();
  e.target.style.top = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - e.target.offsetHeight - 8))}px`;
  e.target.style.left = `${Math.max(8, box.right - e.target.offsetWidth)}px`;
  e.target.querySelector("button, a")?.focus();
}, true);
document.addEventListener("keydown", e => {
  const list = e.target.closest?.(".menu .list");
  if (!list || (e.key !== "ArrowDown" && e.key !== "ArrowUp")) return;
  e.preventDefault();
  const items = [...list.querySelectorAll("button, a")];
  items[(items.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : items.length - 1)) % items.length].focus();
});

// A tooltip that would stand out of the window moves in.
for (const type of ["pointerover", "focusin"]) document.addEventListener(type, e => {
  const bubble = e.target.closest?.(".tip")?.querySelector(".bubble");
  if (!bubble) return;
  bubble.style.translate = "";
  const over = bubble.getBoundingClientRect().right + 8 - document.documentElement.clientWidth;
  if (over > 0) bubble.style.translate = `${-over}px`;
});

// Ctrl+Enter in a text does what its form's button does; Enter alone ends a line there.
document.addEventListener("keydown", e => {
  if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || !e.target.matches?.("textarea[data-submit]")) return;
  e.preventDefault();
  e.target.form.requestSubmit();
});

// Where a page shows "3 minutes ago" or a local clock time, the server cannot know the reader's zone.
const clock = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const second = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
function localise(root) {
  root.querySelectorAll?.("time[datetime]").forEach(t => {
    const text = (t.dataset.clock === "second" ? second : clock).format(new Date(t.dateTime));
    if (t.firstChild && t.firstChild.nodeValue !== text) { t.firstChild.nodeValue = text; t.title = new Date(t.dateTime).toLocaleString(); }
  });
}
new MutationObserver(() => localise(document)).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["datetime"] });
localise(document);
webdistillTheme.press();
new MutationObserver(() => webdistillTheme.press()).observe(document.body, { childList: true, subtree: false });

window.webdistill = {
  focus(id) {
    const field = document.getElementById(id);
    if (!field) return;
    field.closest("details")?.setAttribute("open", "");
    field.focus();
    field.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  },
};
