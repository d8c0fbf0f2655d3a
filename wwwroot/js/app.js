// What every page needs from the browser: keyboard shortcuts, the circuit's end, clipboard, downloads, menus.

const typing = target => target.closest?.("input, textarea, select, [contenteditable]");
let pendingG = 0;

function go(path) { globalThis.Blazor?.navigateTo ? Blazor.navigateTo(path) : location.assign(path); }

document.addEventListener("keydown", e => {
  if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "k") {
    e.preventDefault();
    document.querySelector("[data-palette]")?.click();
  }
});
document.addEventListener("keydown", e => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Escape" && e.target.matches?.("[data-filter]")) { e.target.blur(); return; }
  if (typing(e.target) || document.querySelector(".mud-dialog, .mud-popover-open")) return;
  const followsG = performance.now() - pendingG < 1200;
  pendingG = 0;
  if (e.key === "g") { pendingG = performance.now(); return; }
  if (e.key === "r" && followsG) { e.preventDefault(); go("/"); }
  else if (e.key === "?") { e.preventDefault(); document.querySelector("[data-shortcuts]")?.click(); }
  else if (e.key === "n") { e.preventDefault(); go("/runs/new"); }
  else if (e.key === "/") {
    const filter = document.querySelector("[data-filter]");
    if (filter) { e.preventDefault(); filter.focus(); filter.select(); }
  }
});

// The server answers a circuit that it no longer knows with "rejected": the page's state is gone, so load it again.
const lost = document.getElementById("components-reconnect-modal");
if (lost) {
  const seconds = lost.querySelector("[data-reconnect=seconds]");
  let since = 0, clock = 0;
  new MutationObserver(() => {
    if (lost.classList.contains("components-reconnect-rejected")) location.reload();
    const trying = ["show", "retrying"].some(state => lost.classList.contains(`components-reconnect-${state}`));
    if (!trying) { clearInterval(clock); clock = 0; return; }
    if (clock) return;
    since = performance.now();
    seconds.textContent = "0";
    clock = setInterval(() => { seconds.textContent = String(Math.round((performance.now() - since) / 1000)); }, 1000);
  }).observe(lost, { attributes: true, attributeFilter: ["class"] });
}

document.addEventListener("click", async e => {
  const copy = e.target.closest?.("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    const label = copy.querySelector("[data-copy-label]");
    if (label) { const before = label.textContent; label.textContent = "Copied"; setTimeout(() => { label.textContent = before; }, 1500); }
  }
  if (e.target.closest?.("[data-reload]")) location.reload();
});

// F1 in a field explains it, as the pointer over its mark does: the mark itself is no stop on the way through a form.
document.addEventListener("keydown", e => {
  const about = e.key === "F1" && e.target.closest?.(".field")?.querySelector(".tip button");
  if (!about) return;
  e.preventDefault();
  about.dispatchEvent(new PointerEvent("pointerup", { bubbles: true })); // What MudTooltip takes for a click.
});

// What is typed into a list of values is taken out of its box here: what comes back from the server would overwrite the next letters.
function takeValue(box) {
  const text = box.value.trim();
  if (text === "") return;
  box.value = "";
  const taken = document.getElementById(box.dataset.chips);
  taken.value = text;
  taken.dispatchEvent(new Event("change", { bubbles: true }));
}
document.addEventListener("keydown", e => {
  if (!e.target.matches?.("[data-chips]") || e.key !== "Enter" && e.key !== e.target.dataset.separator) return;
  if (!e.ctrlKey && !e.metaKey) e.preventDefault();
  takeValue(e.target);
});
document.addEventListener("focusout", e => { if (e.target.matches?.("[data-chips]")) takeValue(e.target); });
// The button goes with its value; whoever pressed it by keyboard stays in the list.
document.addEventListener("click", e => e.target.closest?.(".chip button")?.closest(".chips").querySelector("[data-chips]").focus());

// Ctrl+Enter does what the form's button does: in a text, where Enter alone ends a line, and anywhere on the page of a form that says so.
document.addEventListener("keydown", e => {
  if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey) || document.querySelector(".mud-dialog")) return;
  const form = e.target.matches?.("textarea[data-submit]") ? e.target.form : document.querySelector("form[data-submit]");
  if (!form) return;
  e.preventDefault();
  form.requestSubmit();
});

// Where a page shows "3 minutes ago" or a local clock time, the server cannot know the reader's zone.
const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const second = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
function localise(root) {
  root.querySelectorAll?.("time[datetime]").forEach(t => {
    const text = (t.dataset.clock === "second" ? second : clock).format(new Date(t.dateTime));
    if (t.firstChild && t.firstChild.nodeValue !== text) { t.firstChild.nodeValue = text; t.title = new Date(t.dateTime).toLocaleString("en-GB"); }
  });
}
new MutationObserver(() => localise(document)).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["datetime"] });
localise(document);
webdistillTheme.press();
new MutationObserver(() => webdistillTheme.press()).observe(document.body, { childList: true, subtree: false });

window.webdistill = {
  // What a person arranged in this browser, by name: columns, drafts, views.
  recall(name) {
    const kept = localStorage.getItem(`webdistill.${name}`);
    return kept === null ? null : JSON.parse(kept);
  },
  remember(name, value) {
    if (value === null) localStorage.removeItem(`webdistill.${name}`);
    else localStorage.setItem(`webdistill.${name}`, JSON.stringify(value));
  },
  // Everything of the above; the theme stays, which is chosen beside it.
  forget() {
    for (const name of Object.keys(localStorage)) if (name.startsWith("webdistill.") && name !== "webdistill.theme") localStorage.removeItem(name);
  },
  // Whether the system says what becomes of runs: "on", "off", "denied" by the browser or "unsupported". `on` null only asks.
  async notifications(on) {
    if (typeof Notification === "undefined" || !isSecureContext) return "unsupported";
    if (on !== null) this.remember("notifications.on", on && (await Notification.requestPermission()) === "granted" ? true : null);
    if (Notification.permission === "denied" && on !== false) return "denied";
    return this.recall("notifications.on") && Notification.permission === "granted" ? "on" : "off";
  },
  // Says it unless the page is being read; a click leads there.
  async notify(title, text, address) {
    if (!document.hidden || (await this.notifications(null)) !== "on") return;
    const said = new Notification(title, { body: text, tag: address });
    said.onclick = () => { window.focus(); location.assign(address); said.close(); };
  },
  // What stands in a panel that was closed is drawn, and can take the focus, some frames later. A heading takes none.
  async focus(id) {
    let field = null;
    const waits = () => !field || field.tabIndex >= 0 && !field.contains(document.activeElement);
    for (let frame = 0; frame < 60 && waits(); frame++) {
      if (frame) await new Promise(requestAnimationFrame);
      field = document.getElementById(id);
      field?.closest("details")?.setAttribute("open", "");
      field?.focus();
    }
    field?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  },
};
