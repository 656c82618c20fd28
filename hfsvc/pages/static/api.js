// Asks the server. Addresses are relative: the server may be mounted below any prefix.

/** An answer that is no success: `code`, `hint` and `message` as docs/server.md has them. */
export class Failure extends Error {
  constructor(status, document) {
    super(document.message);
    this.status = status;
    this.code = document.code;
    this.hint = document.hint;
  }
}

const SILENT = { code: "no_answer", message: "The server does not answer.", hint: "Is it still running?" };

/** The JSON of an answer. Raises `Failure`, or `AbortError` where the signal says so. */
export async function ask(address, { method = "GET", body, signal } = {}) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(address, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(0, SILENT);
  }
  if (!answer.ok) {
    throw new Failure(answer.status, await errorOf(answer));
  }
  return answer.status === 204 ? null : answer.json();
}

/** The lines of an answer as they come, each as JSON. Raises as `ask`; a line that is an error is one. */
export async function* askLines(address, { signal } = {}) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) {
    throw new Failure(answer.status, await errorOf(answer));
  }
  let rest = "";
  for await (const text of piecesOf(answer.body)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines.map(JSON.parse)) {
      if (line.error) {
        throw new Failure(answer.status, line.error);
      }
      yield line;
    }
  }
}

async function* piecesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    yield part.value;
  }
}

/** Whether the server answers. */
export async function isThere() {
  try {
    return (await fetch("healthz")).ok;
  } catch {
    return false;
  }
}

async function errorOf(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return { code: "failed", message: `The server answered ${answer.status}.`, hint: null };
  }
}

/** An address with a query, without the parts that are empty. */
export function address(path, parts = {}) {
  const given = Object.entries(parts).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Whether a request was called off. */
export function isAborted(error) {
  return error?.name === "AbortError";
}
