// <hf-rows>: a list of any length, of which only the rows that are seen exist. docs/server.md says what it shows.

import { announce, button, h } from "./dom.js";
import { follow, geometry, toElement, toList } from "./scroll.js";
import { oneLine } from "./text.js";
import { count, counted, dollars, duration, moment } from "./units.js";
import { resultChip } from "./verdict.js";

const MORE_ROWS = 12;
const IDLE_MS = 160;
const COLUMNS = [
  ["nr", "Row"],
  ["task", "Task"],
  ["agent", "Agent"],
  ["model", "Model"],
  ["steps", "Messages"],
  ["result", "Result"],
  ["date", "Date"],
  ["cost", "Cost"],
  ["tokens", "Tokens"],
  ["duration", "Duration"],
];
const FIELDS_OF = { nr: "row" };
// What is first when a column is put in order: names from A on, of all others the greatest.
const ASCENDING = new Set(["row", "task", "agent", "model"]);

class RowList extends HTMLElement {
  /** The list of a cache: `total` rows, and `link(row)` for the address of one. */
  show(cache, link) {
    this._cache = cache;
    this._link = link;
    this._total = null;
    this._active = 0;
    this._place = 0;
    this._render();
    this.scrollTop = 0;
    cache.want(0, 99);
  }

  /** Take what the cache has heard. */
  refresh(total) {
    this._total = total;
    this._active = Math.min(this._active, Math.max(0, total - 1));
    this.setAttribute("aria-rowcount", total + 1);
    this._measure();
    this._render();
  }

  /** The number of the row that is opened beside the list; null for none. */
  get choice() {
    return this._chosen;
  }

  /** Show which row is opened beside the list; null for none. */
  choose(row) {
    this._chosen = row;
    this._render();
  }

  /** Move the active row, and bring it into view. */
  move(rows) {
    this.activate(this._active + rows);
  }

  /** Make a place in the list the active row. */
  activate(place) {
    if (!this._total) {
      return;
    }
    this._active = Math.min(Math.max(0, place), this._total - 1);
    const top = this._active * this._height;
    const lowest = top - (this._view - this._height);
    this._go(Math.min(top, Math.max(lowest, this._place)));
    this._say();
  }

  /** The summary of the active row, moved by a number of rows; undefined where it is not here. */
  summary(by = 0) {
    return this._cache?.row(this._active + by);
  }

  /** Open the active row. */
  open() {
    const summary = this.summary();
    if (summary) {
      location.hash = this._link(summary.row);
    }
  }

  connectedCallback() {
    if (this._spacer) {
      return;
    }
    this.tabIndex = 0;
    this.setAttribute("role", "grid");
    this.setAttribute("aria-label", "Trajectories");
    this.setAttribute("aria-colcount", COLUMNS.length);
    const titles = COLUMNS.map(([name, title]) => this._makeTitle(FIELDS_OF[name] ?? name, name, title));
    this._head = h("div.row.head", { role: "row", "aria-rowindex": 1 }, titles);
    this._spacer = h("div.spacer", { role: "rowgroup" });
    this._rows = new Map();
    this._chosen = null;
    this._top = 0;
    this.append(h("div.headgroup", { role: "rowgroup" }, this._head), this._spacer);
    this.addEventListener("scroll", () => this._scrolled(), { passive: true });
    this.addEventListener("keydown", (event) => this._pressed(event));
    new ResizeObserver(() => this._resized()).observe(this);
  }

  /** The title of a column, which puts the list in its order, and at a second click in the other one. */
  _makeTitle(field, name, title) {
    const first = ASCENDING.has(field) ? field : `-${field}`;
    const other = ASCENDING.has(field) ? `-${field}` : field;
    const act = () => this.dispatchEvent(new CustomEvent("sort", { detail: this._sort === first ? other : first }));
    return h(`span.${name}`, { role: "columnheader", data: { field } }, button(title, act, { class: "quiet", tabindex: -1 }));
  }

  /** Show in which order the list is, and whether with what runs took. */
  order(sort, measured) {
    this._sort = sort;
    this.classList.toggle("measured", measured);
    for (const title of this._head.children) {
      const sorted = title.dataset.field === sort.replace(/^-/, "");
      sorted ? title.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending") : title.removeAttribute("aria-sort");
    }
  }

  _resized() {
    if (this.clientHeight) {
      this._measure();
      this._go(this._place);
    }
  }

  _measure() {
    const style = getComputedStyle(this);
    this._height = parseFloat(style.getPropertyValue("--row")) || 32;
    this._view = Math.max(this._height, this.clientHeight - this._head.offsetHeight);
    this._shape = geometry((this._total ?? 0) * this._height, this._view);
    this._spacer.style.height = `${this._shape.height}px`;
  }

  _go(place) {
    this._place = Math.min(Math.max(0, place), this._shape.range);
    this._settle();
    this._render();
  }

  /** Put the element where it belongs for the place in the list: the rows that are seen stay where they are. */
  _settle() {
    this._top = Math.round(toElement(this._place, this._shape));
    this.scrollTop = this._top;
  }

  _scrolled() {
    const top = this.scrollTop;
    if (!this._shape || !this.clientHeight || top === this._top) {
      return;
    }
    this._place = follow(this._place, top - this._top, top, this._view * 2, this._shape);
    this._top = top;
    this._render();
    clearTimeout(this._idle);
    if (this._shape.height !== this._shape.total) {
      this._idle = setTimeout(() => this._rest(), IDLE_MS);
    }
  }

  _rest() {
    if (Math.abs(toList(this._top, this._shape) - this._place) > 1) {
      this._settle();
      this._render();
    }
  }

  _pressed(event) {
    if (event.target !== this) {
      return;
    }
    const page = Math.max(1, Math.floor(this._view / this._height) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.move(moves[event.key]);
    } else if (event.key === "Enter") {
      this.open();
    }
  }

  _render() {
    if (!this._cache || !this._shape || !this.clientHeight) {
      return;
    }
    const first = Math.max(0, Math.floor(this._place / this._height) - MORE_ROWS);
    const last = Math.min(this._total ?? 0, Math.ceil((this._place + this._view) / this._height) + MORE_ROWS);
    this._reuse(first, last);
    for (let place = first; place < last; place += 1) {
      this._draw(this._rows.get(place), place);
    }
    this._cache.want(first, Math.max(first, last - 1));
    const active = this._rows.get(this._active);
    active ? this.setAttribute("aria-activedescendant", active.id) : this.removeAttribute("aria-activedescendant");
  }

  _reuse(first, last) {
    const free = [];
    for (const [place, element] of this._rows) {
      if (place < first || place >= last) {
        this._rows.delete(place);
        free.push(element);
      }
    }
    for (let place = first; place < last; place += 1) {
      if (!this._rows.has(place)) {
        this._rows.set(place, free.pop() ?? this._makeRow());
      }
    }
    free.forEach((each) => each.remove());
  }

  _makeRow() {
    const cells = COLUMNS.map(([name]) =>
      h(`span.${name}`, { role: "gridcell" }, name === "task" ? h("a", { tabindex: -1 }) : ""),
    );
    const element = h("div.row", { role: "row" }, cells);
    element.addEventListener("click", (event) => {
      this._active = element.place;
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        this.open();
      }
    });
    this._spacer.append(element);
    return element;
  }

  _draw(element, place) {
    const summary = this._cache.row(place);
    const offset = this._top - this._place;
    element.style.transform = `translateY(${place * this._height + offset}px)`;
    element.classList.toggle("active", place === this._active);
    element.setAttribute("aria-selected", summary !== undefined && summary.row === this._chosen);
    if (element.place === place && element.summary === summary) {
      return;
    }
    Object.assign(element, { place, summary });
    element.id = `row-${place}`;
    element.setAttribute("aria-rowindex", place + 2);
    element.classList.toggle("waiting", !summary);
    this._fill(element.children, summary);
  }

  _fill([nr, task, agent, model, steps, result, date, cost, tokens, took], summary) {
    const { costUsd, promptTokens, completionTokens, seconds } = summary?.measures ?? {};
    tell(cost, isNumber(costUsd) ? dollars(costUsd) : "");
    tell(tokens, isNumber(promptTokens ?? completionTokens) ? count((promptTokens ?? 0) + (completionTokens ?? 0)) : "");
    tell(took, isNumber(seconds) ? duration(seconds) : "");
    nr.textContent = summary ? summary.row : "…";
    this._fillLink(task.firstChild, summary);
    tell(agent, oneLine(summary?.agent ?? ""));
    tell(model, oneLine(summary?.model ?? ""));
    tell(steps, summary ? count(summary.steps) : "", summary && counted(summary.steps, "message"));
    result.replaceChildren(...[resultChip(summary?.result)].filter(Boolean));
    tell(date, moment(summary?.date), summary?.date && oneLine(summary.date));
  }

  _fillLink(link, summary) {
    tell(link, summary ? nameOf(summary) : "");
    summary ? link.setAttribute("href", this._link(summary.row)) : link.removeAttribute("href");
  }

  _say() {
    const summary = this.summary();
    if (summary && document.activeElement !== this) {
      announce(`Row ${summary.row}: ${nameOf(summary)}`);
    }
  }
}

/** Put a text into a cell; what the cell is too small for is told by its title. */
function tell(cell, text, title = text) {
  cell.textContent = text;
  title ? cell.setAttribute("title", title) : cell.removeAttribute("title");
}

function isNumber(value) {
  return typeof value === "number";
}

/** What a row is called. */
function nameOf({ row, task, trialName, key, runId }) {
  return oneLine(task ?? trialName ?? key ?? runId ?? `row ${row}`);
}

customElements.define("hf-rows", RowList);
