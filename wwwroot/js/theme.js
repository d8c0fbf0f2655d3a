// Runs before the first paint, so that a chosen theme never flashes the other one. "system" stores nothing.
(() => {
  const key = "webdistill.theme";
  const read = () => { const v = localStorage.getItem(key); return v === "light" || v === "dark" ? v : "system"; };
  const show = theme => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  // Called by the circuit with true once it has drawn the page: from then on every button answers.
  const press = interactive => {
    if (interactive === true) document.documentElement.dataset.interactive = "";
    document.querySelectorAll("[data-theme-choice]").forEach(b =>
    b.setAttribute("aria-pressed", String(b.dataset.themeChoice === read())));
  };
  const announce = () => document.dispatchEvent(new CustomEvent("webdistill:theme"));
  show(read());
  document.addEventListener("click", e => {
    const button = e.target.closest?.("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    if (theme === "system") localStorage.removeItem(key); else localStorage.setItem(key, theme);
    show(theme); press(); announce();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  window.webdistillTheme = { press };
})();
