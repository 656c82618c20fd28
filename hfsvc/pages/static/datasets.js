// <hf-datasets>: what is on disk, what is known by name, and downloads as they go.

import { address, ask } from "./api.js";
import { datasetRow, namesOf, progressOf } from "./dataset-row.js";
import { confirm } from "./dialogs.js";
import { announce, h } from "./dom.js";
import { Downloads } from "./downloads.js";
import { keep, kept } from "./kept.js";
import { empty, failed, loading } from "./states.js";
import { oneLine } from "./text.js";
import { bytes, counted } from "./units.js";

const TITLES = ["Dataset", "State", "Rows", "Size", "Fetched", "Actions"];
const KEPT_DISMISSED = 50;
const PASSING = ["not_downloaded", "dataset_changed", "busy", "no_answer"];

class DatasetsView extends HTMLElement {
  connectedCallback() {
    this._busy = new Map();
    this._notes = new Map();
    this._rows = new Map();
    this._downloads = new Downloads(
      (job, progress) => this._received(job, progress),
      () => this.refresh(),
    );
    this._said = h("div.problem", { role: "alert" });
    this._content = h("div.content", {}, loading("Looking what is on disk …"));
    const title = h("h1", { tabindex: -1 }, "Datasets");
    this.replaceChildren(title, (this._form ??= this._makeForm()), this._said, this._content);
    this.refresh();
  }

  disconnectedCallback() {
    this._downloads.close();
  }

  /** Ask what is there, and show it. */
  async refresh() {
    try {
      [this._sources, this._datasets, this._jobs] = await Promise.all(
        ["api/sources", "api/datasets", "api/jobs"].map((each) => ask(each)),
      );
      this._form.hidden = false;
      this._show();
      this.isConnected && this._downloads.watch(this._jobs);
      this._countRows();
    } catch (error) {
      this._form.hidden = error.status === 401;
      this._content.replaceChildren(failed(error, () => this.refresh()));
    }
  }

  /** Ask for the rows of every dataset, one after the other: the first time a file of JSON is gone over for that. */
  async _countRows() {
    for (const { repo, commit } of this._datasets) {
      const known = `${repo} ${commit}`;
      if (!this._rows.has(known)) {
        this._rows.set(known, null);
        const page = await ask(address("api/trajectories", { source: repo, limit: 0 })).catch((error) => ({ error }));
        // What was on the move, or not to be reached, is asked for again.
        PASSING.includes(page.error?.code) ? this._rows.delete(known) : this._rows.set(known, page);
        this.isConnected && this._show();
      }
    }
  }

  _show() {
    const focused = document.activeElement?.dataset?.act;
    const entries = this._entries();
    const here = entries.filter(({ dataset, job }) => dataset || isNews(job));
    const known = entries.filter((each) => !here.includes(each));
    const titles = TITLES.map((each) => h("th", { scope: "col" }, each));
    const table = h("table.datasets", {}, h("thead", {}, h("tr", {}, titles)), [
      this._group("On this machine, or on the way", here, "Nothing is here yet: download one of those below, or any other by its id."),
      known.length ? this._group("Known by name", known, "") : null,
    ]);
    const none = empty("No datasets are known", "Download one by its id: owner/name on the Hub.");
    this._content.replaceChildren(entries.length ? table : none);
    focused && this.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
  }

  _group(title, entries, nothing) {
    const head = h("tr.kind", {}, h("th", { scope: "rowgroup", colspan: TITLES.length }, title));
    const none = h("tr", {}, h("td.about", { colspan: TITLES.length }, nothing));
    const rows = entries.map((entry) => {
      const { repo } = namesOf(entry);
      const rows = entry.dataset && this._rows.get(`${repo} ${entry.dataset.commit}`);
      return datasetRow(entry, { busy: this._busy.get(repo), note: this._notes.get(repo), rows }, this._acts());
    });
    return h("tbody", {}, head, rows.length ? rows : none);
  }

  /** Those that are being fetched or could not be first, then files of one's own, what else is on disk, and what could be. */
  _entries() {
    const here = new Map(this._datasets.map((each) => [each.repo.toLowerCase(), each]));
    const known = new Map(this._sources.map((each) => [each.repo.toLowerCase(), each]));
    const dismissed = kept("dismissed", "").split(" ");
    const jobs = new Map(this._jobs.filter(({ id }) => !dismissed.includes(id)).map((each) => [each.repo.toLowerCase(), each]));
    const ids = new Set([...jobs.keys(), ...here.keys(), ...known.keys()]);
    const entries = [...ids]
      .map((id) => ({ job: jobs.get(id), dataset: here.get(id), source: known.get(id) }))
      .filter(({ job, dataset, source }) => dataset || source || job.state !== "finished");
    const rank = ({ job, dataset }) => (isNews(job) ? 0 : dataset?.local ? 1 : dataset ? 2 : 3);
    return entries.sort((one, other) => rank(one) - rank(other));
  }

  // ---- what can be done ---------------------------------------------------------------------------------------------

  _acts() {
    return {
      download: (entry) => this._download({ repo: namesOf(entry).repo }),
      cancel: (entry) => this._cancel(entry),
      verify: (entry) => this._verify(namesOf(entry).repo, false),
      repair: (entry) => this._verify(namesOf(entry).repo, true),
      remove: (entry) => this._remove(entry),
      dismiss: (entry) => this._dismiss(entry.job),
    };
  }

  _download(order) {
    const start = () => ask("api/jobs", { method: "POST", body: order });
    return this._do(order.repo, "asking …", start, `Downloading ${oneLine(order.repo)}`);
  }

  _cancel(entry) {
    const cancel = () => ask(`api/jobs/${entry.job.id}`, { method: "DELETE" });
    return this._do(namesOf(entry).repo, "cancelling …", cancel, "Cancelled");
  }

  /** Leave what failed out of the table from now on. */
  _dismiss({ id }) {
    keep("dismissed", [...kept("dismissed", "").split(" "), id].slice(-KEPT_DISMISSED).join(" ").trim());
    announce("Dismissed");
    this._show();
  }

  async _verify(repo, repair) {
    const path = `api/datasets/${encodeURIComponent(repo)}/verify${repair ? "?repair=true" : ""}`;
    const report = await this._do(
      repo,
      repair ? "repairing …" : "hashing …",
      () => ask(path, { method: "POST" }),
      "Verified",
    );
    if (report) {
      this._notes.set(repo, noteOf(report));
      announce(noteOf(report).text);
      this._show();
    }
  }

  async _remove(entry) {
    const { repo, name } = namesOf(entry);
    const { fileCount, totalBytes } = entry.dataset;
    const meant = await confirm({
      title: `Delete ${oneLine(name)}?`,
      text: `${counted(fileCount, "file")}, ${bytes(totalBytes)}, removed from disk. Other files in its folder stay.`,
      yes: "Delete",
      no: "Keep it",
    });
    if (meant) {
      const path = `api/datasets/${encodeURIComponent(repo)}`;
      await this._do(repo, "deleting …", () => ask(path, { method: "DELETE" }), "Deleted");
    }
  }

  async _do(repo, busy, work, done) {
    this._busy.set(repo, busy);
    this._notes.delete(repo);
    this._said.textContent = "";
    this._show();
    try {
      const answer = await work();
      announce(done);
      return answer;
    } catch (error) {
      this._said.textContent = [error.message, error.hint].filter(Boolean).join(" ");
      return null;
    } finally {
      this._busy.delete(repo);
      await this.refresh();
    }
  }

  _makeForm() {
    const plain = { autocomplete: "off", spellcheck: "false" };
    const repo = h("input", { name: "repo", required: true, placeholder: "owner/name, an alias or an address", ...plain });
    const revision = h("input", { name: "revision", placeholder: "main", ...plain });
    const include = h("input", { name: "include", placeholder: "what may hold rows", ...plain });
    const form = h(
      "form.download",
      {},
      h("label", {}, "Download a dataset", repo),
      h("label", {}, "Revision", revision),
      h("label", { title: "Globs, with blanks between them: **/*.jsonl data/*" }, "Files", include),
      h("button.primary", { type: "submit" }, "Download"),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const [name, at] = [repo.value.trim(), revision.value.trim()];
      const globs = include.value.split(/\s+/).filter(Boolean);
      const order = { repo: name, ...(at && { revision: at }), ...(globs.length && { include: globs }) };
      (await this._download(order)) && form.reset();
    });
    return form;
  }

  _received(id, progress) {
    const job = this._jobs.find((each) => each.id === id);
    if (job?.state === "running") {
      Object.assign(job, progress);
      const row = [...this.querySelectorAll("tr[data-repo]")].find(
        (each) => each.dataset.repo.toLowerCase() === job.repo.toLowerCase(),
      );
      row?.querySelector(".progress")?.replaceWith(progressOf(job));
    }
  }
}

function isNews(job) {
  return job?.state === "running" || job?.state === "failed";
}

function noteOf({ damaged, repaired, checkedFiles }) {
  const left = damaged.length - repaired.length;
  if (left > 0) {
    return { text: `${counted(left, "file")} damaged`, bad: true, damaged: true };
  }
  return {
    text: repaired.length
      ? `${counted(repaired.length, "file")} repaired`
      : `${counted(checkedFiles, "file")} checked, none damaged`,
  };
}

customElements.define("hf-datasets", DatasetsView);
