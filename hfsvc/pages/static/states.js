// What stands where content is not there: while it comes, when there is none, when something went wrong.

import { button, h } from "./dom.js";
import { isThere } from "./api.js";
import { showToken } from "./session.js";

const LOOK_AGAIN_MS = 1500;

/** Something is coming. */
export function loading(text) {
  return h("p.state.loading", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }), text);
}

/** There is nothing, and what can be done about it. */
export function empty(title, advice, ...actions) {
  return h(
    "div.state.empty",
    {},
    h("h2", {}, title),
    h("p", {}, advice),
    actions.length ? h("p.actions", {}, actions) : null,
  );
}

/** Something went wrong, in the server's own words, and what can be done; where it wants its token, a field for it. */
export function failed(error, retry, ...actions) {
  if (error.status === 401) {
    return tokenForm(error, retry);
  }
  const shown = h(
    "div.state.failed",
    { role: "alert" },
    h("h2", {}, "That did not work"),
    reasons(error),
    h("p.actions", {}, button("Try again", retry), actions),
  );
  if (error.code === "no_answer") {
    retryLater(shown, retry);
  }
  return shown;
}

/** Try again by itself once the server answers, as long as the failure is still shown. */
function retryLater(shown, retry) {
  setTimeout(async () => {
    if (!shown.isConnected) {
      return;
    }
    (await isThere()) ? retry() : retryLater(shown, retry);
  }, LOOK_AGAIN_MS);
}

function reasons({ message, hint }) {
  return [h("p", {}, message), hint ? h("p.hint", {}, hint) : null];
}

function tokenForm(error, retry) {
  const field = h("input", { type: "password", name: "token", required: true, autocomplete: "off" });
  const said = h("div", { role: "alert" }, reasons(error));
  const form = h(
    "form.state.failed",
    {},
    h("h2", {}, "This server asks for its token"),
    said,
    h("p.actions", {}, h("label", {}, "Token ", field), h("button", { type: "submit" }, "Come in")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await showToken(field.value);
      retry();
    } catch (refusal) {
      said.replaceChildren(...reasons(refusal).filter(Boolean));
    }
  });
  // Once it is in the page.
  queueMicrotask(() => field.focus());
  return form;
}
