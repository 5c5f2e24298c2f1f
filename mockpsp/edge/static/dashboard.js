// Live updates and small conveniences; every page is complete without them. base.html tells how a page uses this.
"use strict";

// -- live: when the journal grows, get this page again and take over what differs -------------------------------------

const original = new WeakMap(); // an element's HTML as it came: open <details> and typed text change the element itself
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

for (const region of document.querySelectorAll("[data-live]")) remember(region);

function remember(element) {
  original.set(element, element.outerHTML);
  for (const child of element.querySelectorAll("[id]")) original.set(child, child.outerHTML);
}

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
  const focus = document.activeElement;
  for (const region of document.querySelectorAll("[data-live][id]")) {
    const now = fresh.getElementById(region.id);
    if (now) merge(region, now);
  }
  if (focus && !focus.isConnected) refocus(focus);
  document.dispatchEvent(new CustomEvent("live:updated"));
}

// Children with an id are kept where nothing changed in them; the rest is replaced as a whole.
function merge(old, now) {
  const html = now.outerHTML;
  if (original.get(old) === html) return;
  if (!keyed(old) || !keyed(now)) {
    if (old.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
    const kept = [...old.querySelectorAll("details[open][id]")].map((each) => each.id);
    old.replaceWith(now);
    for (const id of kept) document.getElementById(id)?.setAttribute("open", "");
    remember(now);
    prepare(now);
    return;
  }
  original.set(old, html);
  for (const name of now.getAttributeNames()) old.setAttribute(name, now.getAttribute(name));
  const had = new Map([...old.children].map((child) => [child.id, child]));
  let place = old.firstElementChild;
  for (const child of [...now.children]) {
    const same = had.get(child.id);
    had.delete(child.id);
    if (!same) {
      remember(child);
      child.classList.add("fresh");
      old.insertBefore(child, place);
      prepare(child);
      continue;
    }
    if (same === place) place = place.nextElementSibling;
    else old.insertBefore(same, place);
    merge(same, child);
  }
  for (const gone of had.values()) gone.remove();
}

function keyed(element) {
  return [...element.childNodes].every((node) => node.id || (node.nodeType !== Node.ELEMENT_NODE && !node.textContent.trim()));
}

function refocus(gone) {
  const { id, dataset } = gone;
  const found = (id && document.getElementById(id)) || (dataset.testid && document.querySelector(`[data-testid="${CSS.escape(dataset.testid)}"]`));
  if (found) found.focus({ preventScroll: true });
}

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
    each.skew ??= Date.parse(each.dateTime) - Date.now();
    const part = Object.fromEntries(wall.formatToParts(Date.now() + each.skew).map(({ type, value }) => [type, value]));
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
