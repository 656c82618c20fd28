// The pages of the server: what the address says is shown.

import "./browser.js";
import "./datasets.js";
import { button, h } from "./dom.js";
import { helpDialog, listen } from "./keys.js";
import { readRoute } from "./route.js";
import { openSession } from "./session.js";
import { failed } from "./states.js";
import { applyTheme, themeButton, toggleTheme } from "./theme.js";

const main = h("main", { id: "main" });
const datasets = document.createElement("hf-datasets");
const home = h("a", { href: "#/" }, "Datasets");

function frame() {
  const help = button("?", helpDialog, { class: "icon", "aria-label": "Keys", title: "Keys (?)" });
  const skip = button("Skip to content", focusTitle, { class: "skip" });
  const nav = h("nav", { "aria-label": "Pages" }, home);
  const top = h("header.top", {}, h("a.brand", { href: "#/" }, "hfsvc"), nav, h("span.end", {}, themeButton(), help));
  document.body.replaceChildren(skip, top, main, h("div.unseen", { role: "status", data: { announcements: "" } }));
}

function focusTitle() {
  main.querySelector("h1")?.focus();
}

function show() {
  const route = readRoute(location.hash);
  home.setAttribute("aria-current", route.source === null ? "page" : "false");
  if (route.source === null) {
    document.title = "Datasets · hfsvc";
    place(datasets);
  } else {
    const browser = main.querySelector("hf-browser") ?? document.createElement("hf-browser");
    place(browser);
    browser.show(route);
  }
}

/** Put a page in place of another one, whose focus goes with it. */
function place(page) {
  if (!page.isConnected) {
    const moved = main.firstElementChild !== null;
    main.replaceChildren(page);
    moved && focusTitle();
  }
}

function press(key) {
  const acts = { "?": helpDialog, t: toggleTheme };
  if (acts[key]) {
    acts[key]();
    return true;
  }
  return main.querySelector("hf-browser")?.press(key) ?? false;
}

applyTheme();
frame();
listen(press);
addEventListener("hashchange", show);
try {
  await openSession();
  show();
} catch (error) {
  main.replaceChildren(failed(error, show));
}
