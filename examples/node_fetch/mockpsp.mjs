// The control API of mockpsp in thirty lines: a sandbox, and calls below it. Needs fetch, which Node.js has.
const server = process.env.MOCKPSP_URL ?? "http://localhost:8080";
const token = process.env.MOCKPSP_CONTROL_TOKEN; // of a server that other machines can reach

export async function call(method, url, body, headers = {}) {
  const steering = token && url.includes("/_mockpsp/") ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", ...steering, ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

// A fresh sandbox: { id, credentials, base_urls, ask(), verify(), end() }. `wanted` may name scenario, seed and clock.
export async function sandbox(wanted = {}) {
  const made = await call("POST", `${server}/_mockpsp/sandboxes`, wanted);
  const ask = (method, path, body) => call(method, `${server}/_mockpsp/sandboxes/${made.id}${path}`, body);
  return {
    ...made,
    ask,
    // Throws, and shows what came nearest, unless the check holds.
    async verify(check) {
      const { ok, checks } = await ask("POST", "/journal/verify", check);
      if (!ok) throw new Error(JSON.stringify(checks, null, 2));
    },
    end: () => ask("DELETE", ""),
  };
}
