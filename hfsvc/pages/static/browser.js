// <hf-browser>: the list of a dataset's trajectories, and beside it, or instead of it, the one that is opened.

import { address, ask } from "./api.js";
import { announce, button, copyButton, h } from "./dom.js";
import "./comparison.js";
import "./list-pane.js";
import "./message-search.js";
import "./overview.js";
import { documentParts, isSameDocument, quoted, writeRoute } from "./route.js";
import { empty } from "./states.js";
import { oneLine } from "./text.js";
import "./trajectory.js";

const VIEWS = { overview: ["hf-overview", "Overview"], messages: ["hf-message-search", "Messages"] };
const STYLES = { structured: "Steps rebuilt", messages: "Messages as stored" };

class Browser extends HTMLElement {
  connectedCallback() {
    this._list = document.createElement("hf-list");
    this._title = h("h1.unseen", { tabindex: -1 });
    this._listPane = h("section.listpane", { "aria-label": "List" }, this._list);
    this._detail = h("section.detailpane", { "aria-label": "Trajectory" });
    this.replaceChildren(this._title, this._listPane, this._detail);
    this._list.addEventListener("refine", ({ detail }) => this._refine(detail));
    this._list.addEventListener("read", () => this._agree());
  }

  /** Show what a route says. */
  show(route) {
    this._address = location.hash;
    const before = this._route;
    const same = before && isSameDocument({ ...before, commit: null }, { ...route, commit: null });
    const compared = before?.other ?? null;
    this._route = same ? { ...route, commit: route.commit ?? before.commit } : route;
    this._title.textContent = `Trajectories of ${oneLine(route.source, 80)}`;
    this.classList.toggle("opened", route.key !== null || route.view !== null);
    this._list.show(this._route);
    if (route.key === null && route.view !== null) {
      this._showView();
    } else if (route.key === null) {
      this._showNone(before);
    } else if (route.other !== null) {
      (same && compared === route.other) || this._showComparison();
    } else if (this._trajectory && before && isSameDocument(before, this._route)) {
      route.step !== before.step && this._trajectory.goTo(route.step);
    } else {
      this._openTrajectory();
    }
  }

  /** Where keys go: the trajectory where one is open and the focus is not in the list. */
  get view() {
    const listed = getComputedStyle(this._listPane).display !== "none";
    const opened = this._route.key !== null && !(listed && this._listPane.contains(document.activeElement));
    return opened ? this._trajectory : null;
  }

  /** What a key of the keyboard does; true where it does something. */
  press(key) {
    const view = this.view;
    const acts = {
      "/": () => (view ?? this._list).search?.focus(),
      j: () => this._step(view, 1),
      k: () => this._step(view, -1),
      n: () => this._neighbour(1),
      p: () => this._neighbour(-1),
      e: () => view?.openAll(true),
      c: () => view?.openAll(false),
      g: () => view?.jump?.focus(),
      Enter: () => view ?? this._list.rows.open(),
      Escape: () => this._close(),
    };
    acts[key]?.();
    return key in acts;
  }

  _step(view, by) {
    if (view) {
      view.move(by);
    } else {
      this._list.rows.focus({ preventScroll: true });
      this._list.rows.move(by);
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

  // ---- the trajectory -----------------------------------------------------------------------------------------------

  _showNone(before) {
    this._detail.replaceChildren();
    this._trajectory = null;
    this._version = null;
    this._list.choose(null);
    document.title = `${oneLine(this._route.source, 80)} · hfsvc`;
    before?.key && this._list.rows.focus();
  }

  /** What came of the runs of the list, in pictures, or what their messages say. */
  _showView() {
    this._trajectory = null;
    this._version = null;
    this._list.choose(null);
    const { view, source } = this._route;
    const [name, title] = VIEWS[view];
    const element = document.createElement(name);
    this._detail.replaceChildren(element);
    document.title = `${title} of ${oneLine(source, 80)} · hfsvc`;
    element.show({
      route: this._route,
      choose: (filters) => this._goTo({ ...this._route, ...filters, view: null }),
      look: (text) => this._goTo({ ...this._route, text }),
      link: (row, step) => writeRoute({ ...this._route, key: row, step, view: null, commit: this._list.version }),
      close: () => this._goTo({ ...this._route, view: null }),
    });
  }

  /** Two runs side by side. */
  _showComparison() {
    const { key, other } = this._route;
    this._trajectory = null;
    this._version = null;
    this._list.choose(Number(key));
    const comparison = document.createElement("hf-comparison");
    this._detail.replaceChildren(comparison);
    document.title = `${oneLine(key, 40)} and ${oneLine(other, 40)} · hfsvc`;
    const parts = documentParts({ ...this._route, commit: this._route.commit ?? this._list.version });
    comparison.show({
      keys: [key, other],
      fetchSteps: (row, offset, limit, signal) =>
        ask(address(`api/trajectories/${encodeURIComponent(row)}/steps`, { ...parts, offset, limit }), { signal }),
      link: (row, step) => writeRoute({ ...this._route, key: row, step, other: null }),
      moved: () => this._moved(parts.commit),
      close: () => this._goTo({ ...this._route, other: null }),
    });
  }

  /** Offers the other runs of a task, to be set beside one of them. */
  _comparer(row, task) {
    const choice = h("select", { "aria-label": "Compare with", hidden: true });
    choice.addEventListener("change", () => this._goTo({ ...this._route, key: row, step: null, other: choice.value }));
    const offer = async () => {
      const { source, config, split, layout, commit } = this._route;
      const query = `task:${quoted(task)}`;
      const page = await ask(address("api/trajectories", { source, config, split, layout, commit, query, limit: 100 }));
      const others = page.items.filter((each) => each.row !== row);
      const named = ({ row: number, model, agent, result }) => [`Row ${number}`, model ?? agent, result].filter(Boolean).join(" · ");
      const title = others.length ? "Compare with …" : "No other run of this task";
      choice.replaceChildren(h("option", { value: "" }, title), ...others.map((each) => h("option", { value: each.row }, oneLine(named(each), 120))));
      choice.hidden = false;
      toggle.hidden = true;
      choice.focus();
    };
    const toggle = button("Compare", () => offer().catch((error) => announce(error.message)), { title: "Set another run of this task beside it" });
    return [toggle, choice];
  }

  _openTrajectory() {
    const { key, step } = this._route;
    this._version = null;
    const parts = documentParts({ ...this._route, commit: this._route.commit ?? this._list.version });
    const path = `api/trajectories/${encodeURIComponent(key)}`;
    document.title = `${oneLine(key, 80)} · hfsvc`;
    if (!this._trajectory) {
      this._trajectory = document.createElement("hf-trajectory");
      this._detail.replaceChildren(this._trajectory);
    }
    this._trajectory.show({
      step,
      fetchSteps: async (offset, limit, signal) => {
        const page = await ask(address(`${path}/steps`, { ...parts, offset, limit }), { signal });
        parts.commit = page.snapshot;
        return page;
      },
      link: (row, number) => writeRoute({ ...this._route, key: row, step: number, commit: parts.commit }),
      tools: (row, trajectory) => this._tools(row, path, parts, trajectory),
      opened: (page) => this._hasOpened(page),
      messages: (row) => this._list.messagesOf(row),
      moved: () => this._moved(parts.commit),
      back: () => h("a.button", { href: writeRoute({ ...this._route, key: null, step: null, other: null }) }, "Show the list"),
    });
  }

  /** Put what the route has become in place of its address, unless another one was asked for that is not shown yet. */
  _readdress() {
    if (location.hash === this._address) {
      history.replaceState(null, "", writeRoute(this._route));
      this._address = location.hash;
    }
  }

  _hasOpened({ row, snapshot, trajectory }) {
    // A row is named by its number, which means nothing without the commit.
    this._version = snapshot;
    this._route = { ...this._route, key: String(row), commit: snapshot };
    this._readdress();
    this._list.version !== snapshot && this._list.leave(this._list.version);
    this._list.choose(row);
    const task = trajectory.extra?.task;
    document.title = `${typeof task === "string" ? oneLine(task, 80) : `row ${row}`} · hfsvc`;
    announce(`Row ${row} opened`);
  }

  /** Drop what is opened where the list has turned out to be of another commit. */
  _agree() {
    const { version } = this._list;
    if (this._trajectory && this._version && version && this._version !== version) {
      this._trajectory.drop(this._moved(this._version));
    }
  }

  /** What stands in the place of a row of another commit than the dataset is at. */
  _moved(version) {
    const { key } = this._route;
    this._version = null;
    this._list.leave(version);
    announce("The dataset has changed");
    const reopen = () => {
      this._route = { ...this._route, commit: null };
      this._readdress();
      this._openTrajectory();
    };
    return empty(
      "This dataset has changed",
      `It was updated after the row was shown, or its address made (${version}): what was ${oneLine(key, 80)} may be another row now.`,
      button(`Open ${oneLine(key, 80)} as it is now`, reopen, { class: "primary" }),
      h("a.button", { href: writeRoute({ ...this._route, key: null, step: null, other: null }) }, "Show the list"),
    );
  }

  _tools(row, path, parts, { extra }) {
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
      ...(typeof extra?.task === "string" ? this._comparer(row, extra.task) : []),
      copyButton("Copy link", link, {}),
      h("a.button", { href: address(path, parts), target: "_blank", rel: "noopener" }, "Raw JSON"),
      h("a.button", { href: address(path, parts), download: `row-${row}.json` }, "Download"),
      h(
        "span.group",
        {},
        button("‹", () => this._neighbour(-1), { class: "icon", "aria-label": "Previous", title: "Previous (p)" }),
        button("›", () => this._neighbour(1), { class: "icon", "aria-label": "Next", title: "Next (n)" }),
        button("✕", () => this._close(), { class: "icon", "aria-label": "Close", title: "Close (Escape)" }),
      ),
    ];
  }

  async _neighbour(by) {
    const { key } = this._route;
    if (key === null) {
      this._step(null, by);
      return;
    }
    const row = await this._list.neighbour(Number(key), by);
    if (row === undefined) {
      return;
    }
    if (row === null) {
      announce(by > 0 ? "This is the last one" : "This is the first one");
    } else if (key === this._route.key) {
      this._goTo({ ...this._route, key: row, step: null, other: null });
    }
  }

  _close() {
    if (this._route.key !== null || this._route.view !== null) {
      this._goTo(
        this._route.other === null ? { ...this._route, key: null, step: null, view: null } : { ...this._route, other: null },
      );
    }
  }
}

customElements.define("hf-browser", Browser);
