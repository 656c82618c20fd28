// Exchanges the server's token for a cookie that scripts do not see.

import { ask } from "./api.js";

/** Take the token of an address such as /#token=… out of it, and exchange it. Raises `Failure` for a wrong one. */
export async function openSession() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (found) {
    history.replaceState(null, "", location.pathname + location.search);
    await showToken(decoded(found[1]));
  }
}

/** Exchange a token for the cookie. */
export function showToken(token) {
  return ask("session", { method: "POST", body: { token } });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
