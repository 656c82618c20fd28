// <hf-comparison>: two runs side by side, step by step.

import { isAborted } from "./api.js";
import { announce, button, h } from "./dom.js";
import { failed, loading } from "./states.js";
import { stepElements } from "./step.js";
import { referring } from "./subagents.js";
import { marksOf, titleOf } from "./trajectory-head.js";
import { counted } from "./units.js";

const TOGETHER = 50;

class Comparison extends HTMLElement {
  /**
   * Show two runs.
   * @param {Object} given
   * @param {string[]} given.keys Of the two.
   * @param {(key: string, offset: number, limit: number, signal: AbortSignal) => Promise<{row, total, trajectory}>} given.fetchSteps
   * @param {(row: number, step: number|null) => string} given.link Address of a run, or of a step of it.
   * @param {() => Node} given.moved Stands here once the dataset has moved to another commit.
   * @param {() => void} given.close Leads back to the first of them.
   */
  async show(given) {
    this._given = given;
    this._stop = new AbortController();
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Comparison");
    this.replaceChildren(loading("Opening both …"));
    try {
      this._build(await this._fetch(0));
    } catch (error) {
      this._fail(error, () => this.show(given));
    }
  }

  disconnectedCallback() {
    this._stop?.abort();
  }

  _fetch(offset) {
    return Promise.all(this._given.keys.map((key) => this._given.fetchSteps(key, offset, TOGETHER, this._stop.signal)));
  }

  _fail(error, retry) {
    if (!isAborted(error)) {
      this.replaceChildren(error.code === "dataset_changed" ? this._given.moved() : failed(error, retry));
    }
  }

  _build(pages) {
    const close = button("✕", this._given.close, { class: "icon", "aria-label": "Close", title: "Close (Escape)" });
    const heads = pages.map(({ row, total, trajectory }) =>
      h(
        "div.side",
        {},
        h("h3", {}, h("a", { href: this._given.link(row, null) }, `Row ${row}`)),
        marksOf(trajectory, row, total),
      ),
    );
    const title = h("h2", { tabindex: -1 }, titleOf(pages[0].trajectory, pages[0].row));
    this._most = Math.max(...pages.map(({ total }) => total));
    this._last = [null, null];
    this._pairs = h("div.pairs");
    this._more = button("", () => this._addMore(), { class: "more" });
    const head = h("header.head", {}, h("div.title", {}, title, h("div.tools", {}, close)), h("div.pair", {}, heads));
    this.replaceChildren(head, this._pairs, this._more);
    this._shown = 0;
    this._add(pages);
    title.focus({ preventScroll: true });
    announce("Two runs side by side");
  }

  /** The next steps of both, each beside the one of its number. */
  _add(pages) {
    const sides = pages.map(({ row, trajectory }, side) => {
      const refer = referring(trajectory);
      const made = stepElements(trajectory.steps, { link: (step) => this._given.link(row, step), refer }, this._last[side]);
      this._last[side] = trajectory.steps.at(-1) ?? null;
      return made;
    });
    const length = Math.max(...sides.map((each) => each.length));
    for (let place = 0; place < length; place += 1) {
      const pair = sides.map((made) => h("div.side", {}, made[place] ?? h("p.nothing", {}, "No such step")));
      this._pairs.append(h("div.pair", {}, pair));
    }
    this._shown += length;
    this._more.hidden = this._shown >= this._most;
    this._more.textContent = `Show more of ${counted(this._most, "step")}`;
  }

  async _addMore() {
    try {
      this._add(await this._fetch(this._shown));
    } catch (error) {
      this._fail(error, () => this.show(this._given));
    }
  }
}

customElements.define("hf-comparison", Comparison);
