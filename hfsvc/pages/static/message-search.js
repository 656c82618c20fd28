// <hf-message-search>: rows of a list whose messages say some words, found as one waits.

import { address, askLines, isAborted } from "./api.js";
import { button, h } from "./dom.js";
import { listParts } from "./route.js";
import { failed } from "./states.js";
import { nodesOf, oneLine } from "./text.js";
import { count, counted } from "./units.js";

const MOST = 500;

class MessageSearch extends HTMLElement {
  /**
   * Show the search, and what it finds where it has words.
   * @param {Object} given
   * @param {Object} given.route Of the list, with the `text` that is looked for.
   * @param {(text: string) => void} given.look Looks for other words.
   * @param {(row: number, step: number) => string} given.link Address of a place.
   * @param {() => void} given.close Leads back to the list alone.
   */
  show(given) {
    this._given = given;
    this._stop = new AbortController();
    this._field = h("input", { type: "search", "aria-label": "Words in messages", required: true, maxlength: 500 });
    this._field.value = given.route.text;
    const form = h("form.find", { role: "search" }, this._field, h("button.primary", { type: "submit" }, "Search"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      given.look(this._field.value.trim());
    });
    const close = button("✕", given.close, { class: "icon", "aria-label": "Close", title: "Close (Escape)" });
    const slow = "All messages of the list are gone over, which takes long in large datasets.";
    this._said = h("p.about", { role: "status" }, slow);
    this._bar = h("progress", { "aria-label": "Rows searched", hidden: true });
    this._cancel = button("Stop", () => this._end("Stopped"), { hidden: true });
    this._found = h("ol.hits");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Search in messages");
    const head = h("header.head", {}, h("div.title", {}, h("h2", { tabindex: -1 }, "Search in messages"), h("div.tools", {}, close)), form);
    this.replaceChildren(head, h("div.searching", {}, this._bar, this._said, this._cancel), this._found);
    given.route.text ? this._look(given.route.text) : this._field.focus();
  }

  disconnectedCallback() {
    this._stop?.abort();
  }

  async _look(text) {
    this._bar.hidden = this._cancel.hidden = false;
    const { style } = this._given.route;
    const asked = { ...listParts(this._given.route), style, text, limit: MOST };
    try {
      for await (const line of askLines(address("api/search", asked), { signal: this._stop.signal })) {
        this._take(line);
      }
    } catch (error) {
      this._bar.hidden = this._cancel.hidden = true;
      isAborted(error) || this._found.before(failed(error, () => this.show(this._given)));
    }
  }

  _take({ row, task, hit, progress, ended }) {
    if (hit) {
      this._found.append(this._hit(row, task, hit));
    } else if (progress) {
      this._bar.max = progress.total || 1;
      this._bar.value = progress.rows;
      this._said.textContent = `${count(progress.rows)} of ${counted(progress.total, "row")} searched, ${count(progress.found)} found`;
    } else if (ended) {
      const bad = ended.bad ? `, ${counted(ended.bad, "row")} could not be read` : "";
      const all = ended.rows + ended.bad < ended.total ? `: the first ${count(MOST)} are shown` : "";
      this._end(`${counted(ended.found, "row")} found in ${count(ended.rows)}${bad}${all}`);
    }
  }

  _end(text) {
    this._bar.hidden = this._cancel.hidden = true;
    this._said.textContent = text;
    text === "Stopped" && this._stop.abort();
  }

  _hit(row, task, { step, before, found, after }) {
    const title = `Row ${row}, step ${step}${task ? ` · ${oneLine(task, 80)}` : ""}`;
    const words = [...nodesOf(before), h("mark", {}, oneLine(found)), ...nodesOf(after)];
    return h("li", {}, h("a", { href: this._given.link(row, step) }, title), h("p", { dir: "auto" }, words));
  }
}

customElements.define("hf-message-search", MessageSearch);
