/** Chooses light or dark, or what the machine prefers. */

const NAME = "kokoro-run theme";
const THEMES = { auto: "Light or dark", light: "Light", dark: "Dark" };

/** Let a button choose the colours of the page. */
export function prepareTheme(button) {
  const names = Object.keys(THEMES);
  const saved = localStorage.getItem(NAME);
  show(names.includes(saved) ? saved : "auto");
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    localStorage.setItem(NAME, next);
    show(next);
  });

  function show(theme) {
    document.documentElement.dataset.theme = theme;
    button.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${THEMES[theme]}. Change them`);
    button.title = `Colours: ${THEMES[theme].toLowerCase()}`;
  }
}
