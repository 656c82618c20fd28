// <hf-browser>: the list of a dataset's trajectories, and beside it, or instead of it, the one that is opened.

import { address, ask } from "./api.js";
import { announce, button, copyButton, h } from "./dom.js";
import "./filters.js";
import "./row-list.js";
import { RowCache } from "./row-cache.js";
import { documentParts, isSameList, listParts, wordsOf, writeRoute } from "./route.js";
import { empty, failed, loading } from "./states.js";
import { counted, oneLine } from "./text.js";
import "./trajectory.js";

const STYLES = { structured: "Steps rebuilt", messages: "Messages as stored" };

class Browser extends HTMLElement {
  connectedCallback() {
    this._filters = document.createElement("hf-filters");
    this._rows = document.createElement("hf-rows");
    this._state = h("div.overlay");
    this._count = h("p.count", { role: "status" });
    this._title = h("h1.unseen");
    this._list = h(
      "section.listpane",
      { "aria-label": "List" },
      this._filters,
      this._count,
      h("div.listbox", {}, this._rows, this._state),
    );
    this._detail = h("section.detailpane", { "aria-label": "Trajectory" });
    this.replaceChildren(this._title, this._list, this._detail);
    this._filters.addEventListener("change-filters", ({ detail }) => this._refine(detail));
  }

  disconnectedCallback() {
    this._cache?.close();
  }

  /** Show what a route says. */
  show(route) {
    const before = this._route;
    this._route = route;
    this._filters.show(route);
    this._title.textContent = `Trajectories of ${oneLine(route.source, 80)}`;
    this.classList.toggle("opened", route.key !== null);
    if (!before || !isSameList(before, route)) {
      this._openList();
    }
    this._showDetail(before);
  }

  /** Where keys go: the trajectory where one is open and the focus is not in the list. */
  get view() {
    const listed = getComputedStyle(this._list).display !== "none";
    const opened = this._route.key !== null && !(listed && this._list.contains(document.activeElement));
    return opened ? this._trajectory : null;
  }

  /** What a key of the keyboard does; true where it does something. */
  press(key) {
    const view = this.view;
    const acts = {
      "/": () => (view ?? this._filters).search?.focus(),
      j: () => this._step(view, 1),
      k: () => this._step(view, -1),
      n: () => this._neighbour(1),
      p: () => this._neighbour(-1),
      e: () => view?.openAll(true),
      c: () => view?.openAll(false),
      Enter: () => view ?? this._rows.open(),
      Escape: () => this._close(),
    };
    acts[key]?.();
    return key in acts;
  }

  _step(view, by) {
    if (view) {
      view.move(by);
    } else {
      this._rows.focus({ preventScroll: true });
      this._rows.move(by);
    }
  }

  _goTo(route) {
    location.hash = writeRoute(route);
  }

  /** Ask for other rows. Typing leaves no trail of addresses to go back through. */
  _refine(filters) {
    const route = { ...this._route, ...filters, key: null, step: null };
    if (this._route.key !== null || route.source !== this._route.source) {
      this._goTo(route);
      return;
    }
    history.replaceState(null, "", writeRoute(route));
    this.show(route);
  }

  // ---- the list -----------------------------------------------------------------------------------------------------

  _openList() {
    this._cache?.close();
    const parts = listParts(this._route);
    const fetchPage = (offset, limit, signal) =>
      ask(address("api/trajectories", { ...parts, offset, limit }), { signal });
    const cache = new RowCache(fetchPage, (page, error) => cache === this._cache && this._heard(page, error));
    this._cache = cache;
    this._opened = false;
    this._count.textContent = "Searching …";
    this._state.replaceChildren(loading("Reading the list …"));
    this._rows.show(cache, (row) => writeRoute({ ...this._route, key: row, step: null }));
  }

  _heard(page, error) {
    if (error) {
      this._count.textContent = "";
      this._state.replaceChildren(this._failure(error));
      return;
    }
    this._rows.refresh(page.total);
    this._filters.learn(page.items);
    this._count.textContent = this._isFiltered()
      ? counted(page.total, "match", "matches")
      : counted(page.total, "trajectory", "trajectories");
    this._state.replaceChildren(...(page.total ? [] : [this._nothing()]));
    if (!this._opened) {
      this._opened = true;
      this._followRow();
    }
  }

  _failure(error) {
    const retry = () => {
      this._state.replaceChildren(loading("Reading the list …"));
      this._cache.retry();
    };
    return error.code === "not_downloaded"
      ? empty("This dataset is not on disk", error.message, h("a.button", { href: "#/" }, "Go to datasets"))
      : failed(error, retry);
  }

  _nothing() {
    if (!this._isFiltered()) {
      return empty("This dataset has no rows", "Its files hold no trajectories.");
    }
    const clear = { query: "", agent: "", model: "", task: "", result: "all", episodes: "all" };
    return empty(
      "Nothing matches",
      "All words must occur in a row's agent, model, task, episode, names, date or result.",
      button("Show all", () => this._goTo({ ...this._route, ...clear })),
    );
  }

  _isFiltered() {
    return Boolean(wordsOf(this._route)) || this._route.result !== "all" || this._route.episodes !== "all";
  }

  /** Bring the row that an address names into view, where its place is known. */
  _followRow() {
    const { key } = this._route;
    if (/^\d+$/.test(key ?? "") && !this._isFiltered()) {
      this._rows.activate(Number(key));
    }
  }

  // ---- the trajectory -----------------------------------------------------------------------------------------------

  _showDetail(before) {
    const { key, step, source, style } = this._route;
    if (key === null) {
      this._detail.replaceChildren();
      this._trajectory = null;
      this._rows.choose(null);
      document.title = `${oneLine(source, 80)} · hfsvc`;
      before?.key && this._rows.focus();
      return;
    }
    if (this._trajectory && before?.key === key && before.source === source && before.style === style) {
      step !== before.step && this._trajectory.goTo(step);
      return;
    }
    this._openTrajectory();
  }

  _openTrajectory() {
    const { key, step } = this._route;
    const parts = documentParts(this._route);
    const path = `api/trajectories/${encodeURIComponent(key)}`;
    if (!this._trajectory) {
      this._trajectory = document.createElement("hf-trajectory");
      this._detail.replaceChildren(this._trajectory);
    }
    this._trajectory.show({
      step,
      fetchSteps: (offset, limit, signal) => ask(address(`${path}/steps`, { ...parts, offset, limit }), { signal }),
      link: (row, number) => writeRoute({ ...this._route, key: row, step: number }),
      tools: (row) => this._tools(row, path, parts),
      opened: (page) => this._hasOpened(page),
    });
  }

  _hasOpened({ row, trajectory }) {
    if (String(row) !== this._route.key) {
      this._route = { ...this._route, key: String(row) };
      history.replaceState(null, "", writeRoute(this._route));
    }
    this._rows.choose(row);
    this._cache && this._opened && this._rows.summary()?.row !== row && this._followRow();
    const task = trajectory.extra?.task;
    document.title = `${typeof task === "string" ? oneLine(task, 80) : `row ${row}`} · hfsvc`;
    announce(`Row ${row} opened`);
  }

  _tools(row, path, parts) {
    const style = h(
      "select",
      { "aria-label": "Style" },
      Object.entries(STYLES).map(([value, label]) =>
        h("option", { value, selected: value === this._route.style }, label),
      ),
    );
    style.addEventListener("change", () => this._goTo({ ...this._route, style: style.value, step: null }));
    const link = () => new URL(writeRoute({ ...this._route, key: row, step: null }), location.href).href;
    return [
      style,
      button("Previous", () => this._neighbour(-1), { title: "p" }),
      button("Next", () => this._neighbour(1), { title: "n" }),
      copyButton("Copy link", link, {}),
      h("a.button", { href: address(path, parts), target: "_blank", rel: "noopener" }, "Raw JSON"),
      button("Close", () => this._close(), { title: "Escape" }),
    ];
  }

  _neighbour(by) {
    const { key } = this._route;
    if (key === null) {
      return;
    }
    if (String(this._rows.summary()?.row) === key && this._rows.summary(by)) {
      this._goTo({ ...this._route, key: this._rows.summary(by).row, step: null });
      this._rows.move(by);
    } else if (!this._isFiltered() && Number(key) + by >= 0) {
      this._goTo({ ...this._route, key: Number(key) + by, step: null });
    }
  }

  _close() {
    if (this._route.key !== null) {
      this._goTo({ ...this._route, key: null, step: null });
    }
  }
}

customElements.define("hf-browser", Browser);
