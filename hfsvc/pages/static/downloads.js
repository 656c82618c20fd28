// Follows downloads while they run.

import { address } from "./api.js";

// Browsers hold few connections to one server: the rest of them is for everything else.
const WATCHED = 3;

/** The events of the newest downloads that run. */
export class Downloads {
  /**
   * @param {(job: string, progress: {received: number, total: number}) => void} received
   * @param {() => void} ended
   */
  constructor(received, ended) {
    this._received = received;
    this._ended = ended;
    this._watched = new Map();
  }

  /** Follow those of these jobs that run. */
  watch(jobs) {
    const running = jobs.filter((job) => job.state === "running").slice(-WATCHED);
    for (const { id } of running.filter((job) => !this._watched.has(job.id))) {
      const events = new EventSource(address(`api/jobs/${id}/events`));
      this._watched.set(id, events);
      events.addEventListener("bytesReceived", (event) => this._received(id, JSON.parse(event.data)));
      events.addEventListener("ended", () => this._end(id));
      // It comes back by itself after a break, but not after a refusal.
      events.addEventListener("error", () => events.readyState === EventSource.CLOSED && this._end(id));
    }
  }

  /** Follow none any more. */
  close() {
    this._watched.forEach((each) => each.close());
    this._watched.clear();
  }

  _end(id) {
    this._watched.get(id)?.close();
    this._watched.delete(id);
    this._ended();
  }
}
