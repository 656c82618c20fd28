// <hf-filters>: which dataset, and which of its rows.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { CHOICES, FIELDS } from "./route.js";
import { oneLine } from "./text.js";

const KEPT_VALUES = 100;
const TYPING_MS = 250;
const LABELS = {
  agent: "Agent",
  model: "Model",
  task: "Task",
  result: "Result",
  episodes: "Episodes",
  all: "all",
  success: "succeeded",
  failure: "failed",
  last: "last ones",
};

class Filters extends HTMLElement {
  connectedCallback() {
    this._seen = new Map(FIELDS.map((field) => [field, new Set()]));
    this._fields = {
      source: h("select", { name: "source", "aria-label": "Dataset" }),
      query: h("input", {
        type: "search",
        name: "query",
        placeholder: "Search: words, or field:word",
        "aria-label": "Search trajectories",
        maxlength: 500,
        spellcheck: "false",
      }),
      ...Object.fromEntries(FIELDS.map((field) => [field, this._makeField(field)])),
      result: makeChoice("result"),
      episodes: makeChoice("episodes"),
    };
    const { source, query, ...others } = this._fields;
    const more = h(
      "div.more",
      { id: "filters" },
      Object.entries(others).map(([name, field]) => h("label", {}, h("span", {}, LABELS[name]), field)),
    );
    const values = FIELDS.map((field) => h("datalist", { id: `seen-${field}` }));
    this._form = h("form", { role: "search" }, h("div.first", {}, source, query), more, values);
    this.replaceChildren(this._form);
    this._form.addEventListener("submit", (event) => event.preventDefault());
    this._form.addEventListener("input", (event) => this._changed(event.target.matches("select") ? 0 : TYPING_MS));
  }

  /** The field that is searched with. */
  get search() {
    return this._fields.query;
  }

  /** Show what a route asks for. */
  show(route) {
    this._route = route;
    for (const [name, field] of Object.entries(this._fields)) {
      if (name !== "source" && field !== document.activeElement) {
        field.value = route[name];
      }
    }
    this._showSources(route.source);
  }

  /** Offer the values of rows that came. */
  learn(rows) {
    for (const field of FIELDS) {
      const seen = this._seen.get(field);
      const before = seen.size;
      rows.forEach((row) => row[field] && seen.size < KEPT_VALUES && seen.add(oneLine(row[field], 200)));
      if (seen.size > before) {
        this.querySelector(`#seen-${field}`).replaceChildren(...[...seen].map((value) => h("option", { value })));
      }
    }
  }

  async _showSources(chosen) {
    this._known ??= await knownSources().catch(() => null);
    const known = new Map([[chosen, chosen], ...(this._known ?? [])]);
    const options = [...known].map(([value, label]) =>
      h("option", { value, selected: value === chosen }, oneLine(label, 80)),
    );
    this._fields.source.replaceChildren(...options);
  }

  _makeField(field) {
    return h("input", {
      name: field,
      list: `seen-${field}`,
      placeholder: "any",
      maxlength: 200,
      autocomplete: "off",
      spellcheck: "false",
    });
  }

  _changed(wait) {
    clearTimeout(this._typing);
    this._typing = setTimeout(() => {
      const detail = Object.fromEntries(Object.entries(this._fields).map(([name, field]) => [name, field.value]));
      if (Object.entries(detail).some(([name, value]) => value !== this._route[name])) {
        this.dispatchEvent(new CustomEvent("change-filters", { detail }));
      }
    }, wait);
  }
}

function makeChoice(name) {
  return h(
    "select",
    { name },
    CHOICES[name].map((value) => h("option", { value }, LABELS[value])),
  );
}

/** What is on disk, by the name it goes by. */
async function knownSources() {
  const datasets = await ask("api/datasets");
  return datasets.map(({ alias, repo }) => [alias ?? repo, alias ?? repo]);
}

customElements.define("hf-filters", Filters);
