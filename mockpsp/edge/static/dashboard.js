// Live updates and small conveniences; every page is complete without them. base.html tells how a page uses this.
"use strict";

// -- live: when the journal grows, get this page again and take over what differs -------------------------------------

const main = document.getElementById("content");
const panel = document.getElementById("live");
const state = panel?.querySelector("[role=status]");
const toggle = panel?.querySelector("button");
const stream = document.body.dataset.stream;
const every = Number(main?.dataset.refresh ?? 0);
let source = null;
let last = 0;
let timer = 0;
let busy = false;
let again = false;
let paused = false;
let leaving = false;

function say(kind, text) {
  panel.hidden = false;
  panel.dataset.state = kind;
  if (state.textContent !== text) state.textContent = text;
}

function soon() {
  if (busy) { again = true; return; }
  timer ||= setTimeout(refresh, 120);
}

async function refresh() {
  timer = 0;
  busy = true;
  again = false;
  const began = performance.now();
  try {
    const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (answer.ok && !paused && !leaving) take(new DOMParser().parseFromString(text, "text/html"));
  } catch {
    // the server is away for a moment; the stream says so and comes back
  }
  const pause = Math.max(250, 2 * (performance.now() - began)); // a busy sandbox must not be kept busy by being watched
  setTimeout(() => { busy = false; if (again) soon(); }, pause);
}

function take(fresh) {
  for (const region of document.querySelectorAll("[data-live][id]")) {
    const now = fresh.getElementById(region.id);
    if (!now) continue;
    merge(region, now);
    prepare(region);
  }
  document.dispatchEvent(new CustomEvent("live:updated"));
}

// Elements stay where they are and only what differs in them changes, so that focus and what was unfolded survive.
// Children are found again by their id, those without one by their place.
function merge(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  dress(old, now);
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const child of [...now.childNodes]) {
    while (place && place.id && place.id !== child.id && !now.querySelector(`:scope > #${CSS.escape(place.id)}`)) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
    const same = child.id ? known.get(child.id) : place && !place.id && place.nodeName === child.nodeName ? place : null;
    if (!same || same.nodeName !== child.nodeName) {
      if (child.id) child.classList.add("fresh");
      old.insertBefore(child, place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    merge(same, child);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

function dress(old, now) {
  const fresh = old.classList.contains("fresh");
  for (const name of now.getAttributeNames()) {
    if (name !== "open" && old.getAttribute(name) !== now.getAttribute(name)) old.setAttribute(name, now.getAttribute(name));
  }
  for (const name of old.getAttributeNames()) if (name !== "open" && !now.hasAttribute(name)) old.removeAttribute(name);
  if (fresh) old.classList.add("fresh");
}

addEventListener("animationend", (event) => event.target.classList.remove("fresh"));

// -- the stream: open only while somebody looks, since a browser has few connections to one server ----------------------

function connect() {
  if (!stream || paused || source || document.hidden) return;
  const address = new URL(stream, location.href);
  if (last) address.searchParams.set("after", String(last));
  source = new EventSource(address);
  source.onopen = () => say("on", "Live");
  source.onerror = () => say("off", "Reconnecting…");
  const heard = (event) => { last = Number(event.lastEventId) || last; soon(); };
  source.onmessage = heard;
  for (const kind of ["answered", "dropped"]) source.addEventListener(kind, heard);
  source.addEventListener("reset", () => { last = 0; soon(); });
  source.addEventListener("gone", () => { disconnect(); say("off", "This sandbox was deleted"); toggle.hidden = true; });
}

function disconnect() {
  source?.close();
  source = null;
}

function look() {
  if (document.hidden) return disconnect();
  if (!paused && source === null && (stream || every)) soon(); // what came while nobody looked
  connect();
}

if (stream || every) {
  toggle.addEventListener("click", () => {
    paused = !paused;
    toggle.setAttribute("aria-pressed", String(paused));
    if (paused) { disconnect(); say("off", "Paused"); } else { say("on", "Live"); look(); }
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => { leaving = false; if (event.persisted) look(); });
  addEventListener("submit", () => { leaving = true; }); // what a form changes is for its own answer to tell
  say("on", "Live");
  connect();
}
if (every) setInterval(() => { if (!paused && !document.hidden) soon(); }, every);

// -- a clock that runs ---------------------------------------------------------------------------------------------------

const wall = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", weekday: "short", day: "numeric", month: "long", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

setInterval(() => {
  for (const each of document.querySelectorAll("time[data-ticks]")) {
    if (each.from !== each.dateTime) {
      each.from = each.dateTime;
      each.ahead = Date.parse(each.dateTime) - Date.now();
    }
    const part = Object.fromEntries(wall.formatToParts(Date.now() + each.ahead).map(({ type, value }) => [type, value]));
    each.textContent = `${part.weekday} ${part.day} ${part.month} ${part.year}, ${part.hour}:${part.minute}:${part.second} UTC`;
  }
}, 1000);

// -- conveniences ----------------------------------------------------------------------------------------------------------

function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = !navigator.clipboard;
}

prepare(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  const text = button && document.getElementById(button.dataset.copy)?.textContent;
  if (typeof text !== "string") return;
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Not copied";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 1500);
});

// A choice among filters is applied at once; the button stays for the keyboard and for pages without script.
for (const select of document.querySelectorAll("form[data-auto] select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
