// Questions that are asked before something is done.

import { h } from "./dom.js";

let asked = 0;

/** Ask whether something is meant; what stands for "no" has the focus. */
export function confirm({ title, text, yes, no }) {
  asked += 1;
  const id = `question-${asked}`;
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, title),
    h("p", {}, text),
    h(
      "form.actions",
      { method: "dialog" },
      h("button", { value: "no", autofocus: true }, no),
      h("button.danger", { value: "yes" }, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }),
  );
}
