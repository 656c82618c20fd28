// Exchanges the token of an address such as /#token=… for a cookie, once, and takes it out of the address.
const found = /^#token=(.+)$/.exec(location.hash);

if (found) {
  history.replaceState(null, "", location.pathname + location.search);
  const answer = await fetch("session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: decodeURIComponent(found[1]) }),
  });
  if (!answer.ok) {
    document.body.append("The server does not take the token of this address.");
  }
}
