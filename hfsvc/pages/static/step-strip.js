// <hf-step-strip>: a whole trajectory at a glance, a stripe for every step, by who speaks and whether it went wrong.
// A click leads to a step. It tells nothing that the steps do not, so it is not read out.

import { h } from "./dom.js";

const MOST_STRIPES = 400;

class StepStrip extends HTMLElement {
  /**
   * @param {Object} given
   * @param {number} given.total Steps that there are.
   * @param {(step: number) => void} given.goTo Leads to a step.
   */
  show({ total, goTo }) {
    this._total = total;
    this.setAttribute("aria-hidden", "true");
    this.hidden = total < 2;
    this.replaceChildren(...Array.from({ length: Math.min(total, MOST_STRIPES) }, () => h("span")));
    this.onclick = (event) => goTo(this._stepAt(event));
    this.onpointermove = (event) => this.setAttribute("title", `Step ${this._stepAt(event)}`);
  }

  /** Colour the stripes of steps that came. Where a stripe stands for several, an error shows. */
  learn(elements) {
    for (const { step, failed } of elements) {
      const stripe = this._stripe(step.step_id);
      if (stripe && (failed || !stripe.className)) {
        stripe.className = failed ? "error" : step.source;
      }
    }
  }

  /** Show where a step is. */
  point(step) {
    this.querySelector(".here")?.classList.remove("here");
    this._stripe(step)?.classList.add("here");
  }

  _stripe(step) {
    return this.children[Math.floor(((step - 1) * this.children.length) / this._total)];
  }

  _stepAt({ clientX }) {
    const { left, width } = this.getBoundingClientRect();
    const step = 1 + Math.floor(((clientX - left) * this._total) / width);
    return Math.min(Math.max(1, step), this._total);
  }
}

customElements.define("hf-step-strip", StepStrip);
