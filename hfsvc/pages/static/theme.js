// Light and dark: as the system has it, until somebody chooses.

import { announce, button } from "./dom.js";
import { keep, kept } from "./kept.js";

const NAMES = { auto: "As the system", light: "Light", dark: "Dark" };

/** Show the page as was chosen last. */
export function applyTheme(theme = kept("theme", "auto")) {
  document.documentElement.dataset.theme = theme in NAMES ? theme : "auto";
}

/** Light after dark, dark after light, whichever of them is seen now. */
export function toggleTheme() {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  const next = dark ? "light" : "dark";
  keep("theme", next);
  applyTheme(next);
  announce(NAMES[next]);
}

/** The button for it. */
export function themeButton() {
  return button("◐", toggleTheme, { class: "icon", "aria-label": "Light or dark", title: "Light or dark (t)" });
}
