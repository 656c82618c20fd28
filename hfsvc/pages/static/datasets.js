// <hf-datasets>: what is on disk, what is known by name, and downloads as they go.

import { address, ask } from "./api.js";
import { announce, button, h } from "./dom.js";
import { writeRoute } from "./route.js";
import { empty, failed, loading } from "./states.js";
import { bytes, counted, moment, oneLine } from "./text.js";

// Browsers hold few connections to one server: the rest of them is for everything else.
const WATCHED_JOBS = 3;

class DatasetsView extends HTMLElement {
  connectedCallback() {
    this._watched = new Map();
    this._busy = new Map();
    this.replaceChildren(loading("Looking what is on disk …"));
    this.refresh();
  }

  disconnectedCallback() {
    this._watched.forEach((each) => each.close());
  }

  /** Ask what is there, and show it. */
  async refresh() {
    try {
      [this._sources, this._datasets, this._jobs] = await Promise.all(
        ["api/sources", "api/datasets", "api/jobs"].map((each) => ask(each)),
      );
      this._show();
      this._watch();
    } catch (error) {
      this.replaceChildren(failed(error, () => this.refresh()));
    }
  }

  _show() {
    const focused = document.activeElement?.dataset?.act;
    const rows = this._entries().map((entry) => this._row(entry));
    const titles = ["Dataset", "State", "Size", "Fetched", "Actions"].map((each) => h("th", { scope: "col" }, each));
    const table = h("table.datasets", {}, h("thead", {}, h("tr", {}, titles)), h("tbody", {}, rows));
    const none = empty("No datasets are known", "Download one by its id: owner/name on the Hub.");
    this.replaceChildren(
      h("h1", { tabindex: -1 }, "Datasets"),
      (this._form ??= this._makeForm()),
      (this._said ??= h("div", { role: "alert" })),
      rows.length ? table : none,
    );
    focused && this.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
  }

  /** What is on disk first, then what could be; those that are being fetched without either at the top. */
  _entries() {
    const here = new Map(this._datasets.map((each) => [each.repo.toLowerCase(), each]));
    const known = new Map(this._sources.map((each) => [each.repo.toLowerCase(), each]));
    const jobs = new Map(this._jobs.map((each) => [each.repo.toLowerCase(), each]));
    const ids = new Set([...jobs.keys(), ...here.keys(), ...known.keys()]);
    const entries = [...ids]
      .map((id) => ({ job: jobs.get(id), dataset: here.get(id), source: known.get(id) }))
      .filter(({ job, dataset, source }) => dataset || source || job.state !== "finished");
    return entries.sort((one, other) => Number(Boolean(other.dataset)) - Number(Boolean(one.dataset)));
  }

  _row({ job, dataset, source }) {
    const repo = dataset?.repo ?? source?.repo ?? job.repo;
    const name = dataset?.alias ?? source?.alias ?? repo;
    const title = dataset
      ? h("a", { href: writeRoute({ source: name }) }, oneLine(name))
      : h("span", {}, oneLine(name));
    const about = [name === repo ? null : oneLine(repo), source?.about && oneLine(source.about)]
      .filter(Boolean)
      .join(" · ");
    return h(
      "tr",
      { data: { repo } },
      h(
        "th",
        { scope: "row" },
        h("div.name", {}, title, source?.default ? h("span.chip", {}, "default") : null),
        h("div.about", {}, about),
      ),
      h("td", { data: { title: "State" } }, this._state(repo, job, dataset)),
      h(
        "td",
        { data: { title: "Size" } },
        dataset ? [bytes(dataset.totalBytes), h("div.about", {}, counted(dataset.fileCount, "file"))] : "",
      ),
      h(
        "td",
        { data: { title: "Fetched" } },
        dataset
          ? [
              moment(dataset.downloadedAt),
              h(
                "div.about",
                {},
                [dataset.commit.slice(0, 8), dataset.license]
                  .filter(Boolean)
                  .map((each) => oneLine(each))
                  .join(" · "),
              ),
            ]
          : "",
      ),
      h("td.actions", {}, this._actions(repo, name, job, dataset)),
    );
  }

  _state(repo, job, dataset) {
    if (this._busy.has(repo)) {
      return h("span.chip.busy", { role: "status" }, this._busy.get(repo));
    }
    if (job?.state === "running") {
      return progress(job);
    }
    const failure =
      job?.state === "failed"
        ? h("div.problem", {}, job.error.message, job.error.hint ? ` ${job.error.hint}` : "")
        : null;
    const stopped = job?.state === "cancelled" ? h("div.about", {}, "Download cancelled; what came is kept") : null;
    return [dataset ? h("span.chip.here", {}, "on disk") : h("span.chip", {}, "not here"), failure, stopped];
  }

  _actions(repo, name, job, dataset) {
    const named = (label, act) =>
      button(label, act, { "aria-label": `${label} ${oneLine(name)}`, data: { act: `${label} ${repo}` } });
    if (job?.state === "running") {
      return named("Cancel", () =>
        this._do(repo, "cancelling …", () => ask(`api/jobs/${job.id}`, { method: "DELETE" }), "Cancelled"),
      );
    }
    const fetch = named(dataset ? "Update" : "Download", () => this._download({ repo }));
    if (!dataset) {
      return fetch;
    }
    return [fetch, named("Verify", () => this._verify(repo)), named("Delete", () => this._confirmDelete(repo, name))];
  }

  async _download(order) {
    this._say("");
    await this._do(
      order.repo,
      "asking …",
      () => ask("api/jobs", { method: "POST", body: order }),
      `Downloading ${oneLine(order.repo)}`,
    );
  }

  async _verify(repo) {
    const verify = () => ask(`api/datasets/${encodeURIComponent(repo)}/verify`, { method: "POST" });
    const report = await this._do(repo, "hashing …", verify, "Verified");
    if (report) {
      const damaged = report.damaged.length;
      this._say(
        damaged
          ? `${oneLine(repo)}: ${counted(damaged, "file")} damaged. hfsvc verify --repair fetches them again.`
          : `${oneLine(repo)}: ${counted(report.checkedFiles, "file")} checked, none damaged.`,
      );
    }
  }

  _confirmDelete(repo, name) {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "delete-title" },
      h("h2", { id: "delete-title" }, `Delete ${oneLine(name)}?`),
      h("p", {}, "Its recorded files are removed from disk. Other files in its folder stay."),
      h(
        "form.actions",
        { method: "dialog" },
        h("button", { value: "no" }, "Keep it"),
        h("button.danger", { value: "yes" }, "Delete"),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue === "yes") {
        this._do(
          repo,
          "deleting …",
          () => ask(`api/datasets/${encodeURIComponent(repo)}`, { method: "DELETE" }),
          "Deleted",
        );
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  async _do(repo, busy, work, done) {
    this._busy.set(repo, busy);
    this._show();
    try {
      const answer = await work();
      announce(done);
      return answer;
    } catch (error) {
      this._say([error.message, error.hint].filter(Boolean).join(" "));
      return null;
    } finally {
      this._busy.delete(repo);
      await this.refresh();
    }
  }

  _say(text) {
    this._said.textContent = text;
  }

  _makeForm() {
    const repo = h("input", {
      name: "repo",
      required: true,
      placeholder: "owner/name, an alias or an address",
      autocomplete: "off",
      spellcheck: "false",
    });
    const revision = h("input", { name: "revision", placeholder: "main", autocomplete: "off", spellcheck: "false" });
    const form = h(
      "form.download",
      {},
      h("label", {}, "Download a dataset", repo),
      h("label", {}, "Revision", revision),
      h("button.primary", { type: "submit" }, "Download"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._download({ repo: repo.value.trim(), ...(revision.value.trim() && { revision: revision.value.trim() }) });
    });
    return form;
  }

  _watch() {
    const running = this._jobs.filter((job) => job.state === "running").slice(-WATCHED_JOBS);
    for (const { id } of running.filter((job) => !this._watched.has(job.id))) {
      const events = new EventSource(address(`api/jobs/${id}/events`));
      this._watched.set(id, events);
      events.addEventListener("bytesReceived", (event) => this._received(id, JSON.parse(event.data)));
      events.addEventListener("ended", () => this._ended(id));
      // It comes back by itself after a break, but not after a refusal.
      events.addEventListener("error", () => events.readyState === EventSource.CLOSED && this._ended(id));
    }
  }

  _received(id, { received, total }) {
    const job = this._jobs.find((each) => each.id === id);
    if (job?.state === "running") {
      Object.assign(job, { received, total });
      const row = [...this.querySelectorAll("tr[data-repo]")].find(
        (each) => each.dataset.repo.toLowerCase() === job.repo.toLowerCase(),
      );
      row?.querySelector(".progress")?.replaceWith(progress(job));
    }
  }

  _ended(id) {
    this._watched.get(id)?.close();
    this._watched.delete(id);
    this.refresh();
  }
}

function progress({ received, total }) {
  const part = total ? `${Math.floor((100 * received) / total)} %` : "";
  const text = total ? `${part} · ${bytes(received)} of ${bytes(total)}` : "planning …";
  return h(
    "div.progress",
    {},
    h("progress", { max: total || 1, value: total ? received : null, "aria-label": "Download" }),
    h("span", {}, text),
  );
}

customElements.define("hf-datasets", DatasetsView);
