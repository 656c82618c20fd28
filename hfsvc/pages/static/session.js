// Exchanges the server's token for a cookie that scripts do not see.

import { ask } from "./api.js";

/** Take the token or the code of an address such as /#token=… out of it, and exchange it. Raises `Failure` for a wrong one. */
export async function openSession() {
  const found = /^#(token|code)=(.+)$/.exec(location.hash);
  if (found) {
    history.replaceState(null, "", location.pathname + location.search);
    await exchange({ [found[1]]: decoded(found[2]) });
  }
}

/** Exchange a token for the cookie. */
export function showToken(token) {
  return exchange({ token });
}

function exchange(body) {
  return ask("session", { method: "POST", body });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
