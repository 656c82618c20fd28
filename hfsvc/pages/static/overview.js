// <hf-overview>: what came of the runs of a list, by model and by task: pictures of our own, each with its numbers.

import { address, ask } from "./api.js";
import { button, h } from "./dom.js";
import { listParts, quoted } from "./route.js";
import { failed, loading } from "./states.js";
import { oneLine, spoken } from "./text.js";
import { count, dollars } from "./units.js";

const FIELDS = ["model", "agent", "task"];
const SHOWN = 30;
const ASKED = 1000;

class Overview extends HTMLElement {
  /**
   * Show what came of the runs of a list.
   * @param {Object} given
   * @param {Object} given.route Of the list.
   * @param {(filters: Object) => void} given.choose Shows the rows of a value.
   * @param {() => void} given.close Leads back to the list alone.
   */
  async show(given) {
    this._given = given;
    this._title = h("h2", { tabindex: -1 }, "Overview");
    const costs = button("Add tokens and cost", () => this._addCosts(costs), { hidden: true, title: "Every row is gone over once for them" });
    const close = button("✕", given.close, { class: "icon", "aria-label": "Close", title: "Close (Escape)" });
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Overview");
    const head = h("header.head", {}, h("div.title", {}, this._title, h("div.tools", {}, costs, close)));
    this.replaceChildren(head, loading("Counting …"));
    try {
      const counts = await this._count();
      this.replaceChildren(head, ...this._charts(counts));
      costs.hidden = !this.querySelector(".chart");
    } catch (error) {
      this.replaceChildren(head, failed(error, () => this.show(given)));
    }
  }

  /** Tokens and cost beside each value: of what its rows tell. */
  async _addCosts(from) {
    from.disabled = true;
    from.textContent = "Going over all rows …";
    try {
      const parts = listParts(this._given.route);
      for (const chart of this.querySelectorAll("section.chart")) {
        const { groups } = await ask(address("api/totals", { ...parts, field: chart.dataset.field }));
        showCosts(chart, new Map(groups.map((each) => [each.value, each])));
      }
      from.remove();
    } catch (error) {
      from.after(failed(error, () => this.show(this._given)));
    }
  }

  /** The values of every field with the rows that have them: all, those that succeeded, those that failed. */
  async _count() {
    const parts = listParts(this._given.route);
    const query = (result) =>
      `${address("api/facets", { ...parts, result: parts.result ?? result, limit: ASKED })}${FIELDS.map((each) => `&field=${each}`).join("")}`;
    const wanted = parts.result ? [parts.result] : ["success", "failure"];
    const [all, ...told] = await Promise.all([null, ...wanted].map((result) => ask(query(result))));
    const found = Object.fromEntries(wanted.map((name, place) => [name, told[place].facets]));
    return FIELDS.map((field) => ({ field, groups: groupsOf(field, all.facets, found) }));
  }

  _charts(counts) {
    const told = counts.filter(({ groups }) => groups.length);
    const charts = told.map(({ field, groups }) => this._chart(field, groups));
    return charts.length ? charts : [h("p.state", {}, "The rows of this list name no model, no agent and no task.")];
  }

  _chart(field, groups) {
    const shown = groups.slice(0, SHOWN);
    const most = Math.max(...groups.map(({ rows }) => rows));
    const lines = shown.map((group) => this._line(field, group, most));
    const more = groups.length > SHOWN ? h("p.about", {}, `and ${count(groups.length - SHOWN)} more`) : null;
    const titles = [spoken(field), "Runs", "Succeeded", "Failed", "Rate"];
    const head = h("tr", {}, titles.map((each) => h("th", { scope: "col" }, each[0].toUpperCase() + each.slice(1))));
    return h("section.chart", { data: { field } }, h("h3", {}, `Success by ${spoken(field)}`), h("table", {}, h("thead", {}, head), h("tbody", {}, lines)), more);
  }

  _line(field, { value, rows, success, failure }, most) {
    const judged = success + failure;
    const name = button(oneLine(value, 80), () => this._given.choose({ [field]: quoted(value) }), { class: "quiet" });
    const rate = judged ? `${Math.round((100 * success) / judged)} %` : "–";
    return h(
      "tr",
      { data: { value } },
      h("th", { scope: "row" }, name),
      h("td", {}, bar({ success, failure, open: rows - judged }, most), h("span", {}, count(rows))),
      [count(success), count(failure), rate].map((each) => h("td", {}, each)),
    );
  }
}

/** The values of a field, the most frequent first, with what came of their runs. */
function groupsOf(field, all, { success, failure }) {
  const rowsIn = (facets) => new Map((facets?.[field].values ?? []).map(({ value, rows }) => [value, rows]));
  const [good, bad] = [rowsIn(success), rowsIn(failure)];
  return all[field].values.map(({ value, rows }) => ({
    value,
    rows,
    success: good.get(value) ?? 0,
    failure: bad.get(value) ?? 0,
  }));
}

function showCosts(chart, groups) {
  const head = chart.querySelector("thead tr");
  head.append(...["Tokens in", "Tokens out", "Cost"].map((each) => h("th", { scope: "col" }, each)));
  for (const line of chart.querySelectorAll("tbody tr")) {
    const { promptTokens, completionTokens, costUsd } = groups.get(line.dataset.value) ?? {};
    const told = [promptTokens, completionTokens].map((each) => (typeof each === "number" ? count(each) : "–"));
    line.append(...[...told, typeof costUsd === "number" ? dollars(costUsd) : "–"].map((each) => h("td", {}, each)));
  }
}

/** A bar of parts, as wide as its part of the longest one. */
function bar(parts, most) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("class", "bar");
  picture.setAttribute("viewBox", "0 0 100 10");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  let left = 0;
  for (const [name, rows] of Object.entries(parts)) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const width = (100 * rows) / (most || 1);
    Object.entries({ class: name, x: left, y: 0, width, height: 10 }).forEach(([key, value]) => part.setAttribute(key, value));
    picture.append(part);
    left += width;
  }
  return picture;
}

customElements.define("hf-overview", Overview);
