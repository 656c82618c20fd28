// A page with one trajectory in it, which needs no server: the data stands in the page itself.

import { button, h } from "./dom.js";
import { helpDialog, listen } from "./keys.js";
import { oneLine } from "./text.js";
import { applyTheme, themeButton, toggleTheme } from "./theme.js";
import { titleOf } from "./trajectory-head.js";
import { localSteps } from "./trajectory.js";

const { row, source, version, trajectory } = JSON.parse(document.getElementById("data").textContent);
const view = document.createElement("hf-trajectory");

function stepOf(hash) {
  return Number(/^#step-(\d+)$/.exec(hash)?.[1]) || null;
}

function press(key) {
  const acts = {
    "?": helpDialog,
    t: toggleTheme,
    "/": () => view.search?.focus(),
    j: () => view.move(1),
    k: () => view.move(-1),
    e: () => view.openAll(true),
    c: () => view.openAll(false),
    g: () => view.jump?.focus(),
  };
  acts[key]?.();
  return key in acts;
}

applyTheme();
document.title = `${titleOf(trajectory, row)} · ${oneLine(source, 80)}`;
const help = button("?", helpDialog, { class: "icon", "aria-label": "Keys", title: "Keys (?)" });
const top = h(
  "header.top",
  {},
  h("h1.brand", {}, oneLine(source)),
  h("span.about", {}, `hfsvc ${version}`),
  h("span.end", {}, themeButton(), help),
);
const main = h("main.report", {}, h("section.detailpane", { "aria-label": "Trajectory" }, view));
document.body.append(top, main, h("div.unseen", { role: "status", data: { announcements: "" } }));
listen(press);
addEventListener("hashchange", () => view.goTo(stepOf(location.hash)));
view.show({
  step: stepOf(location.hash),
  fetchSteps: localSteps(row, trajectory),
  link: (_, step) => (step ? `#step-${step}` : "#"),
  tools: () => [],
  here: true,
});
