// The keyboard: which keys there are, and whom they are handed to.

import { button, h } from "./dom.js";
import { kept, keep } from "./kept.js";

const HELP = [
  ["j, k", "Next and previous row, or step of an opened trajectory"],
  ["Enter", "Open the row, or the step"],
  ["/", "Search"],
  ["Escape", "Leave the field, or close the trajectory"],
  ["n, p", "Next and previous trajectory"],
  ["e, c", "Expand and collapse all steps"],
  ["g", "Go to a step by its number"],
  ["t", "Light or dark"],
  ["?", "This help"],
];

/**
 * Listen to the keyboard.
 * @param {(key: string) => boolean} press Takes a key; true where it does something.
 */
export function listen(press) {
  document.addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      document.querySelector("dialog[open]")
    ) {
      return;
    }
    if (isTyping(event.target)) {
      event.key === "Escape" && event.target.blur();
    } else if (isMeant(event) && press(event.key)) {
      event.preventDefault();
    }
  });
}

function isTyping(target) {
  return target.matches("input, select, textarea");
}

function isMeant({ key, target }) {
  if (key === "Enter") {
    return !target.closest("a, button, hf-rows, summary");
  }
  return key === "Escape" || kept("keys", "on") === "on";
}

/** The page that names the keys. */
export function helpDialog() {
  const rows = HELP.map(([keys, meaning]) =>
    h(
      "div",
      {},
      h(
        "dt",
        {},
        keys.split(", ").map((key) => h("kbd", {}, key)),
      ),
      h("dd", {}, meaning),
    ),
  );
  const single = h("input", { type: "checkbox" });
  single.checked = kept("keys", "on") === "on";
  single.addEventListener("change", () => keep("keys", single.checked ? "on" : "off"));
  const dialog = h(
    "dialog.help",
    { "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", {}, rows),
    h("p", {}, h("label", {}, single, " Single letters are keys")),
    h(
      "p.actions",
      {},
      button("Close", () => dialog.close()),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
