// The rows of a list, page by page as they are looked at; what is no longer looked at is called off or forgotten.

import { isAborted } from "./api.js";

const PAGE_ROWS = 100;
const KEPT_PAGES = 60;
const MOMENT_MS = 40;

/** Pages of rows that are fetched on demand. */
export class RowCache {
  /**
   * @param {(offset: number, limit: number, signal: AbortSignal) => Promise<{total: number, items: Array}>} fetchPage
   * @param {(page: {total: number, items: Array}|null, error: Error|null) => void} heard Called when something came.
   */
  constructor(fetchPage, heard) {
    this._fetchPage = fetchPage;
    this._heard = heard;
    this._pages = new Map();
    this._asked = new Map();
    this._wanted = [];
    this._timer = null;
    this._failed = false;
  }

  /** The row at a place in the list; undefined while it is not here. */
  row(place) {
    const number = Math.floor(place / PAGE_ROWS);
    return this._pages.get(number)?.[place - number * PAGE_ROWS];
  }

  /** The place of a row among those that are here; null where it is not. */
  placeOf(row) {
    for (const [number, items] of this._pages) {
      const place = items.findIndex((each) => each.row === row);
      if (place >= 0) {
        return number * PAGE_ROWS + place;
      }
    }
    return null;
  }

  /** The summary of a row by its number, where it is here. */
  find(row) {
    return [...this._pages.values()].flat().find((each) => each.row === row);
  }

  /** Say which rows are looked at: their pages are fetched a moment later, and all other requests called off. */
  want(first, last) {
    const from = Math.max(0, Math.floor(first / PAGE_ROWS));
    const to = Math.max(from, Math.floor(last / PAGE_ROWS));
    this._wanted = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    for (const [number, asked] of this._asked) {
      if (number < from || number > to) {
        asked.abort();
        this._asked.delete(number);
      }
    }
    if (this._timer === null && !this._failed && this._missing().length) {
      const wait = this._pages.size || this._asked.size ? MOMENT_MS : 0;
      this._timer = setTimeout(() => this._fetchWanted(), wait);
    }
  }

  /** Ask again, after a failure: nothing is fetched until then. */
  retry() {
    this._failed = false;
    this._fetchWanted();
  }

  /** Call off everything. */
  close() {
    clearTimeout(this._timer);
    this._asked.forEach((each) => each.abort());
    this._asked.clear();
  }

  _missing() {
    return this._wanted.filter((number) => !this._pages.has(number) && !this._asked.has(number));
  }

  _fetchWanted() {
    this._timer = null;
    for (const number of this._missing()) {
      const asked = new AbortController();
      this._asked.set(number, asked);
      this._fetch(number, asked);
    }
  }

  async _fetch(number, asked) {
    try {
      const page = await this._fetchPage(number * PAGE_ROWS, PAGE_ROWS, asked.signal);
      if (!asked.signal.aborted) {
        this._asked.delete(number);
        this._keep(number, page.items);
        this._heard(page, null);
      }
    } catch (error) {
      if (!isAborted(error) && !asked.signal.aborted) {
        this._asked.delete(number);
        this._failed = true;
        this._heard(null, error);
      }
    }
  }

  _keep(number, items) {
    this._pages.set(number, items);
    const wanted = new Set(this._wanted);
    for (const old of this._pages.keys()) {
      if (this._pages.size <= KEPT_PAGES) {
        break;
      }
      if (!wanted.has(old)) {
        this._pages.delete(old);
      }
    }
  }
}
