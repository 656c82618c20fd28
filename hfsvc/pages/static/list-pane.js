// <hf-list>: the trajectories of a dataset with the filters over them, and what stands there when none are shown.

import { address, ask } from "./api.js";
import { announce, button, h } from "./dom.js";
import "./filters.js";
import "./row-list.js";
import { RowCache } from "./row-cache.js";
import { LAYOUTS, SEARCHED, UNFILTERED, isFiltered, isSameOrder, listParts, orderParts, writeRoute } from "./route.js";
import { empty, failed, loading } from "./states.js";
import { oneLine, spoken } from "./text.js";
import { counted } from "./units.js";

const PATIENCE_MS = 1500;
const ORDERS = {
  "": "As they are stored",
  task: "By task",
  model: "By model",
  "-steps": "Most messages first",
  "-result": "Best result first",
  "-date": "Newest first",
  "-cost": "Highest cost first",
  "-tokens": "Most tokens first",
  "-duration": "Longest first",
};

class ListPane extends HTMLElement {
  connectedCallback() {
    this._filters = document.createElement("hf-filters");
    this._rows = document.createElement("hf-rows");
    this._state = h("div.overlay");
    this._order = h("select", { "aria-label": "Order" }, Object.entries(ORDERS).map(([value, label]) => h("option", { value }, label)));
    this._order.addEventListener("change", () => this._refine({ sort: this._order.value }));
    this._costs = button("Costs", () => this._refine({ costs: this._route.costs ? "" : "1" }), {
      "aria-pressed": false,
      title: "Cost, tokens and duration of runs; the first time, every row is gone over once",
    });
    this._rows.addEventListener("sort", ({ detail }) => this._refine({ sort: detail }));
    this._messages = h("a.button", { href: "#/", title: "Look for words in the messages of these rows" }, "Search messages");
    this._overview = h("a.button", { href: "#/" }, "Overview");
    this._export = h("a.button", { href: "api/trajectories.jsonl", download: "trajectories.jsonl", title: "All rows of this list as ATIF, one a line; those that cannot be read are left out" }, "Export");
    this._leftOut = h("p.leftout", { hidden: true });
    this._notice = h("p.notice", { role: "status", hidden: true });
    this._count = h("p.count", { role: "status" });
    this._all = button("Show all", () => this._showAll(), { class: "quiet", hidden: true });
    this.replaceChildren(
      this._filters,
      this._notice,
      h("div.counts", {}, this._count, this._all, h("span.end", {}, this._order, this._costs, this._messages, this._overview, this._export)),
      this._leftOut,
      h("div.listbox", {}, this._rows, this._state),
    );
    this._filters.addEventListener("change-filters", ({ detail }) => this._refine(detail));
  }

  disconnectedCallback() {
    this._cache?.close();
    clearTimeout(this._patience);
  }

  /** The field that is searched with. */
  get search() {
    return this._filters.search;
  }

  /** The list itself: rows to move among, to open, to focus. */
  get rows() {
    return this._rows;
  }

  /** Show the list that a route asks for. */
  show(route) {
    const before = this._route;
    this._route = route;
    this._filters.show(route);
    this._overview.setAttribute("href", writeRoute({ ...route, key: null, step: null, view: "overview" }));
    this._messages.setAttribute("href", writeRoute({ ...route, key: null, step: null, view: "messages" }));
    const lines = { ...listParts(route), style: route.style, skip_bad: true };
    this._export.setAttribute("href", address("api/trajectories.jsonl", lines));
    this._export.setAttribute("download", `${oneLine(route.source, 80).replaceAll(/[^\w.-]+/g, "-")}.jsonl`);
    this._all.hidden = !isFiltered(route);
    this._order.value = [...this._order.options].some(({ value }) => value === route.sort) ? route.sort : "";
    this._costs.setAttribute("aria-pressed", Boolean(route.costs));
    this._rows.order(route.sort, Boolean(route.costs));
    if (!before || !isSameOrder(before, route)) {
      this._notice.hidden = true;
      this._open();
    }
  }

  /** Show which row is opened beside the list, and bring it into view where it is not the active one. */
  async choose(row) {
    this._rows.choose(row);
    if (row !== null && this._opened && this._rows.summary()?.row !== row) {
      const place = await this._placeOf(row);
      place !== null && this._rows.choice === row && this._rows.activate(place);
    }
  }

  /** The row so many places before or after a row of the list; null where there is none, undefined where that is not known. */
  async neighbour(row, by) {
    const place = await this._placeOf(row);
    if (place === null || place + by < 0) {
      return null;
    }
    const summary = await this._summary(place + by);
    return summary && summary.row;
  }

  /** How many messages a row has, where the list has it at hand. */
  messagesOf(row) {
    return this._cache?.find(row)?.steps;
  }

  /** What the rows of the list are numbered by; null while that is not known. */
  get version() {
    return this._version;
  }

  /** Read the list anew, and say why, where it is of a version that the dataset has left. */
  leave(version) {
    if (this._version && this._version === version) {
      this._notice.textContent = "The dataset was updated meanwhile: the list was read anew.";
      this._notice.hidden = false;
      this._filters.forget();
      this._open();
    }
  }

  _showAll() {
    this._refine(UNFILTERED);
    this.search.focus();
  }

  _refine(filters) {
    this.dispatchEvent(new CustomEvent("refine", { detail: filters }));
  }

  _open() {
    this._cache?.close();
    const parts = { ...listParts(this._route), ...orderParts(this._route) };
    const fetchPage = (offset, limit, signal) =>
      ask(address("api/trajectories", { ...parts, commit: this._version, offset, limit }), { signal }).then(withMeasures);
    const cache = new RowCache(fetchPage, (page, error) => cache === this._cache && this._heard(page, error));
    this._cache = cache;
    this._fetchPage = fetchPage;
    this._opened = false;
    this._version = null;
    this._count.textContent = "Searching …";
    this._leftOut.hidden = true;
    this._wait();
    this._rows.show(cache, (row) => writeRoute({ ...this._route, key: row, step: null, commit: this._version, view: null, other: null }));
  }

  _wait() {
    this._state.replaceChildren(loading("Reading the list …"));
    this._patience = setTimeout(
      () => this._state.replaceChildren(loading("Reading the list … The first time, every row is gone over once.")),
      PATIENCE_MS,
    );
  }

  _heard(page, error) {
    clearTimeout(this._patience);
    if (error?.code === "dataset_changed" || (page && this._version && page.snapshot !== this._version)) {
      this.leave(this._version);
      return;
    }
    if (error) {
      this._count.textContent = "";
      this._state.replaceChildren(this._failure(error));
      return;
    }
    this._total = page.total;
    this._version = page.snapshot;
    this._rows.refresh(page.total);
    this._showLeftOut(page.leftOut);
    this._count.textContent = isFiltered(this._route)
      ? counted(page.total, "match", "matches")
      : counted(page.total, "trajectory", "trajectories");
    this._all.hidden = !isFiltered(this._route) || page.total === 0;
    this._state.replaceChildren(...(page.total ? [] : [this._nothing()]));
    if (!this._opened) {
      this._opened = true;
      this.dispatchEvent(new CustomEvent("read"));
      this._filters.learn();
      this._rows.choice !== null && this.choose(this._rows.choice);
    }
  }

  /** Say which files are not read: a list that is shorter than its dataset looks whole. */
  _showLeftOut(found) {
    this._leftOut.hidden = !found;
    if (found) {
      const others = found.files > 1 ? `, and ${counted(found.files - 1, "other")}` : "";
      this._leftOut.textContent = `${counted(found.files, "file is", "files are")} not read: ${oneLine(found.first, 80)} (${oneLine(found.reason, 200)})${others}`;
    }
  }

  _failure(error) {
    const datasets = () => h("a.button", { href: "#/" }, "Go to datasets");
    if (error.code === "not_downloaded") {
      return empty("This dataset is not on disk", "It can be downloaded on the page of datasets.", datasets());
    }
    if (error.code === "split_not_found") {
      const all = button("Show all parts", () => this._refine({ config: "", split: "" }));
      return empty("There is no such part", error.message, all);
    }
    // Of long datasets no order can be had: without a way back the list would be gone.
    if (error.code === "invalid_argument" && (this._route.sort || this._route.costs)) {
      const stored = button("Show rows as they are stored", () => this._refine({ sort: "", costs: "" }));
      return failed(error, () => this._retry(), stored, datasets());
    }
    if (error.code === "bad_parquet" || this._route.layout) {
      return failed(error, () => this._retry(), this._layoutChoice(), datasets());
    }
    return failed(error, () => this._retry(), datasets());
  }

  /** Rows that no layout was found for may be read by one that is named. */
  _layoutChoice() {
    const options = ["", ...LAYOUTS].map((each) => h("option", { value: each }, each || "found out"));
    const select = h("select", { "aria-label": "Layout" }, options);
    select.value = this._route.layout;
    select.addEventListener("change", () => this._refine({ layout: select.value }));
    return h("label", {}, "Read the rows as ", select);
  }

  _retry() {
    this._wait();
    this._cache.retry();
  }

  _nothing() {
    if (!isFiltered(this._route)) {
      return empty("This dataset has no rows", "Its files hold no trajectories.");
    }
    return empty(
      "Nothing matches",
      `All words must occur in a row's ${SEARCHED.slice(0, -1).map(spoken).join(", ")} or ${spoken(SEARCHED.at(-1))}.`,
      button("Show all", () => this._showAll()),
    );
  }

  // ---- where rows stand ---------------------------------------------------------------------------------------------

  /** The place of a row in the list; null where it is not in it. Rows are in order, so it is found by halving. */
  async _placeOf(row) {
    if (this._route.sort) {
      return this._cache.placeOf(row);
    }
    if (!isFiltered(this._route)) {
      return row;
    }
    let [low, high] = [0, this._total ?? 0];
    const cache = this._cache;
    while (low < high && cache === this._cache) {
      const middle = Math.floor((low + high) / 2);
      const found = (await this._summary(middle))?.row;
      if (found === row) {
        return middle;
      }
      if (found === undefined) {
        return null;
      }
      [low, high] = found < row ? [middle + 1, high] : [low, middle];
    }
    return null;
  }

  async _summary(place) {
    const here = this._cache.row(place);
    if (here) {
      return here;
    }
    try {
      return (await this._fetchPage(place, 1)).items[0] ?? null;
    } catch (error) {
      announce(error.message);
      error.code === "dataset_changed" && this.leave(this._version);
      return undefined;
    }
  }
}

/** A page whose items hold what their runs took. */
function withMeasures(page) {
  const items = page.items.map((each, place) => ({ ...each, measures: page.measures?.[place] }));
  return page.measures ? { ...page, items } : page;
}

customElements.define("hf-list", ListPane);
