// <hf-filters>: which dataset, which part of it, and which of its rows.

import { address, ask } from "./api.js";
import { comboBox } from "./combobox.js";
import { button, h } from "./dom.js";
import { CHOICES, FIELDS, PARTS, UNFILTERED, isQuoted, isSameList, listParts, quoted } from "./route.js";
import { oneLine, spoken } from "./text.js";
import { count, counted } from "./units.js";
import { verdictOf } from "./verdict.js";

const TYPING_MS = 250;
const SUGGESTED = 50;
const NAMES = { all: "all", success: "succeeded", failure: "failed", last: "last ones" };

class Filters extends HTMLElement {
  connectedCallback() {
    this._fields = {
      source: h("select", { name: "source", "aria-label": "Dataset" }),
      config: h("select", { name: "config" }),
      split: h("select", { name: "split" }),
      query: h("input", {
        type: "search",
        name: "query",
        placeholder: "Search: words, or field:word",
        "aria-label": "Search trajectories",
        maxlength: 500,
        spellcheck: "false",
      }),
    };
    this._combos = FIELDS.map((field) => this._makeCombo(field));
    this._fields.result = h("select", { name: "result" }, CHOICES.result.map(choice));
    this._fields.episodes = h("select", { name: "episodes" }, CHOICES.episodes.map(choice));
    const { source, config, split, query, result, episodes } = this._fields;
    this._parts = Object.fromEntries(PARTS.map((name) => [name, labelled(name, name === "config" ? config : split)]));
    const more = h("div.more", { id: "filters" }, this._combos, labelled("result", result), labelled("episodes", episodes));
    this._toggle = button("Filters", () => this._unfold(), {
      class: "unfold",
      "aria-expanded": false,
      "aria-controls": "filters",
    });
    const first = h("div.first", {}, source, this._parts.config, this._parts.split, this._toggle, query);
    this._form = h("form", { role: "search" }, first, more);
    this.replaceChildren(this._form);
    this._form.addEventListener("submit", (event) => event.preventDefault());
    this._form.addEventListener("input", ({ target, isTrusted }) =>
      this._changed(target.matches("select") || !isTrusted ? 0 : TYPING_MS),
    );
  }

  /** The field that is searched with. */
  get search() {
    return this._fields.query;
  }

  /** Show what a route asks for. */
  show(route) {
    const before = this._route;
    this._route = route;
    for (const [name, field] of Object.entries(this._fields)) {
      if (field.matches("input") && field !== document.activeElement) {
        field.value = route[name];
      }
    }
    this._fields.episodes.value = route.episodes;
    this._showResult(before?.source === route.source ? this._results : null);
    const active = Object.keys(UNFILTERED).filter((name) => name !== "query" && route[name] !== UNFILTERED[name]).length;
    this._combos.forEach((combo, place) => (combo.hidden &&= !route[FIELDS[place]]));
    this._toggle.textContent = active ? `Filters (${active})` : "Filters";
    this._showParts(route, before?.source === route.source);
  }

  /** Offer what the rows of a list have; called when the list is there. */
  async learn() {
    const route = this._route;
    this._learnFields(route);
    const counts = await this._count({ ...route, result: "all" }, "result");
    if (route === this._route && counts) {
      this._showResult(counts.result);
    }
  }

  /** Drop what was learned of a dataset that has changed since. */
  forget() {
    this._whole = null;
    this._known = null;
    this._configs = null;
    this._results = null;
  }

  /** Hide filters that no row of the dataset has a value for. */
  async _learnFields(route) {
    const whole = { ...route, ...UNFILTERED };
    if (this._whole && isSameList(this._whole, whole)) {
      return;
    }
    this._whole = whole;
    const counts = await this._count(whole, null);
    if (whole === this._whole) {
      this._combos.forEach((combo, place) => {
        const field = FIELDS[place];
        combo.hidden = Boolean(counts) && !counts[field].values.length && !this._route[field];
      });
    }
  }

  _unfold() {
    const open = this._toggle.getAttribute("aria-expanded") !== "true";
    this._toggle.setAttribute("aria-expanded", open);
    this._form.classList.toggle("unfolded", open);
  }

  _makeCombo(field) {
    const properties = { name: field, placeholder: "any", maxlength: 200, "aria-label": label(field) };
    const { element, input } = comboBox(properties, (text) => this._suggest(field, text));
    this._fields[field] = input;
    return h("div.field", { hidden: true }, h("span", { "aria-hidden": "true" }, label(field)), element);
  }

  /** The values that a field has in rows that all other filters keep. A value that was chosen hides no other one. */
  async _suggest(field, text) {
    const found = await this._count({ ...this._route, [field]: isQuoted(text.trim()) ? "" : text }, field);
    const counts = found?.[field];
    const values = counts?.values ?? [];
    const options = values.map(({ value, rows }) => ({ value: quoted(value), label: oneLine(value, 200), note: count(rows) }));
    if (counts?.without) {
      options.push({ value: '""', label: "(none)", note: count(counts.without) });
    }
    return { options, more: counts?.others ? `${counted(counts.others, "row")} with other values: type to find them` : null };
  }

  /** The values of a field in the rows of a list; of all that rows are filtered by, where it is null. */
  async _count(route, field) {
    try {
      return (await ask(address("api/facets", { ...listParts(route), field, limit: SUGGESTED }))).facets;
    } catch {
      // Without suggestions a field is one to type into; what is wrong is said where the list is.
      return null;
    }
  }

  _showResult(counts) {
    this._results = counts;
    const { result } = this._route;
    const values = new Map((counts?.values ?? []).map(({ value, rows }) => [quoted(value), named(value, rows)]));
    if (isQuoted(result) && !values.has(result)) {
      values.set(result, oneLine(result));
    }
    const options = CHOICES.result.map((each) => h("option", { value: each }, named(NAMES[each], rowsOf(each, counts))));
    const exact = [...values].map(([value, label]) => h("option", { value }, label));
    this._fields.result.replaceChildren(...options, ...(exact.length ? [h("optgroup", { label: "Exactly" }, exact)] : []));
    this._fields.result.value = result;
  }

  async _showSources(chosen) {
    this._known ??= await ask("api/datasets").catch(() => null);
    const known = new Set([chosen, ...(this._known ?? []).map(({ alias, repo }) => alias ?? repo)]);
    this._fields.source.replaceChildren(...[...known].map((each) => h("option", { value: each }, oneLine(each, 80))));
    this._fields.source.value = chosen;
  }

  /** Let somebody choose a part where there are several. */
  async _showParts(route, same) {
    await this._showSources(route.source);
    const isHere = this._known?.some(({ alias, repo }) => [alias, repo].includes(route.source));
    this._configs = (same && this._configs) || (isHere ? await configsOf(route.source) : []);
    if (route.source !== this._route.source) {
      return;
    }
    const { config, split } = this._route;
    const chosen = this._configs.filter((each) => !config || each.name === config);
    this._offer("config", this._configs.map((each) => each.name), config);
    this._offer("split", [...new Set(chosen.flatMap((each) => each.splits))], split);
  }

  _offer(name, values, chosen) {
    const all = [...new Set(["", ...values, chosen])];
    this._parts[name].hidden = values.length < 2 && !chosen;
    this._fields[name].replaceChildren(...all.map((value) => h("option", { value }, value ? oneLine(value, 80) : "all")));
    this._fields[name].value = chosen;
  }

  _changed(wait) {
    clearTimeout(this._typing);
    this._typing = setTimeout(() => {
      const detail = Object.fromEntries(Object.entries(this._fields).map(([name, field]) => [name, field.value]));
      const changed = Object.keys(detail).filter((name) => detail[name] !== this._route[name]);
      if (changed.includes("source")) {
        Object.assign(detail, UNFILTERED, { config: "", split: "" });
      } else if (changed.includes("config")) {
        detail.split = "";
      }
      changed.length && this.dispatchEvent(new CustomEvent("change-filters", { detail }));
    }, wait);
  }
}

function labelled(name, field) {
  return h("label.field", {}, h("span", {}, label(name)), field);
}

function label(name) {
  const text = name === "config" ? "configuration" : spoken(name);
  return text[0].toUpperCase() + text.slice(1);
}

function choice(value) {
  return h("option", { value }, NAMES[value]);
}

function named(name, rows) {
  return rows === null ? oneLine(name, 60) : `${oneLine(name, 60)} (${count(rows)})`;
}

/** How many rows a choice keeps, where that is known. */
function rowsOf(verdict, counts) {
  if (!counts || counts.others || verdict === "all") {
    return null;
  }
  return counts.values.reduce((sum, { value, rows }) => sum + (verdictOf(value) === verdict ? rows : 0), 0);
}

/** The parts of a dataset. */
async function configsOf(source) {
  const found = await ask(`api/datasets/${encodeURIComponent(source)}`).catch(() => null);
  return found?.configs ?? [];
}

customElements.define("hf-filters", Filters);
