// <hf-step-bar>: which steps are shown, the search in them, and the way to one of them.

import { button, h } from "./dom.js";
import "./step-strip.js";
import { count, counted } from "./units.js";

const TYPING_MS = 200;
const ONLY = { all: "All", tools: "Tool calls", errors: "Errors" };

class StepBar extends HTMLElement {
  /**
   * @param {Object} given
   * @param {number} given.total Steps that there are.
   * @param {(change: {only?: string, words?: string}) => void} given.choose Shows other steps.
   * @param {() => void} given.next Opens the next step that is shown.
   * @param {(step: number) => void} given.goTo Leads to a step.
   * @param {(open: boolean) => void} given.openAll Opens and closes all.
   */
  show(given) {
    this._total = given.total;
    this._only = Object.entries(ONLY).map(([name, label]) =>
      button(label, () => given.choose({ only: name }), { "aria-pressed": name === "all", data: { only: name } }),
    );
    this._said = h("span.found", { role: "status" });
    this._strip = document.createElement("hf-step-strip");
    this._strip.show(given);
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "Which steps");
    this.replaceChildren(
      h("span.segments", {}, this._only),
      this._makeFind(given),
      this._said,
      this._makeJump(given),
      h(
        "span.group",
        {},
        button("Expand all", () => given.openAll(true), { title: "Expand all (e)" }),
        button("Collapse all", () => given.openAll(false), { title: "Collapse all (c)" }),
      ),
      this._strip,
    );
  }

  /** The field that looks for words in steps. */
  get search() {
    return this._find;
  }

  /** The field that leads to a step. */
  get jump() {
    return this._jump;
  }

  /** The whole trajectory at a glance. */
  get strip() {
    return this._strip;
  }

  /** Say which steps are shown. */
  press(only) {
    this._only.forEach((each) => each.setAttribute("aria-pressed", each.dataset.only === only));
  }

  /** Say how many steps are shown; null for all, as nothing is looked for. */
  tell(kept) {
    this._said.textContent = kept === null ? "" : `${count(kept)} of ${counted(this._total, "step")}`;
  }

  /** Say that steps are looked for. */
  wait() {
    this._said.textContent = "Looking …";
  }

  _makeFind({ choose, next }) {
    this._find = h("input", { type: "search", placeholder: "Find in steps", "aria-label": "Find in steps" });
    this._find.addEventListener("input", () => {
      clearTimeout(this._typing);
      this._typing = setTimeout(() => choose({ words: this._find.value.trim() }), TYPING_MS);
    });
    this._find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        // Else the button that gets the focus is pressed, too.
        event.preventDefault();
        next();
      }
    });
    return this._find;
  }

  _makeJump({ goTo }) {
    this._jump = h("input", { type: "number", min: 1, max: this._total, required: true, "aria-label": "Go to step" });
    const form = h("form.jump", { title: "Go to step (g)" }, "Step ", this._jump, ` of ${count(this._total)}`);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      goTo(this._jump.valueAsNumber);
    });
    return form;
  }
}

customElements.define("hf-step-bar", StepBar);
