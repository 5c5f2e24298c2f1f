// The scenario's editor: line numbers, colours, a check while one writes, and the way to a mistake. The page is complete
// without it: then the button checks, and mistakes quote their lines.

const editor = document.getElementById("editor");
const area = document.getElementById("text");
const box = document.getElementById("editor-box");
const gutter = document.getElementById("gutter");
const result = document.getElementById("result");
const told = document.getElementById("told");
const draft = `mockpsp scenario ${editor.dataset.sandbox}`;
const loaded = area.value;
const MOST_PAINTED = 60000;
let wrong = new Set();

// -- line numbers and colours ----------------------------------------------------------------------------------------------

// Colours lie in a copy of the text under it; that fits only where the text's box grows with what stands in it.
const paint = CSS.supports("field-sizing", "content") ? document.createElement("pre") : null;
if (paint) {
  paint.className = "paint";
  paint.setAttribute("aria-hidden", "true");
  area.before(paint);
}

const TOKEN = /(^|\s)(#.*)$|("(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)|([\w.$-]+(?=:(?:\s|$)))|((?:^|(?<=[\s[{,:-]))-?\d[\d.:TZ+-]*(?: [A-Z]{3})?(?=[\s,\]}]|$))/g;

function painted(line) {
  const parts = [];
  let from = 0;
  for (const found of line.matchAll(TOKEN)) {
    const [whole, before, comment, text, key] = found;
    const kind = comment !== undefined ? "c" : text !== undefined ? "s" : key !== undefined ? "k" : "n";
    const start = found.index + (before?.length ?? 0);
    if (start > from) parts.push(line.slice(from, start));
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = line.slice(start, found.index + whole.length);
    parts.push(span);
    from = found.index + whole.length;
  }
  if (from < line.length) parts.push(line.slice(from));
  return parts;
}

function draw() {
  const lines = area.value.split("\n");
  area.rows = lines.length + 1;
  const numbers = [];
  lines.forEach((_, index) => {
    if (wrong.has(index + 1)) {
      const mark = document.createElement("span");
      mark.className = "wrong";
      mark.textContent = index + 1;
      numbers.push(mark, "\n");
    } else {
      numbers.push(`${index + 1}\n`);
    }
  });
  gutter.replaceChildren(...numbers);
  const colourful = paint !== null && area.value.length <= MOST_PAINTED;
  box.classList.toggle("painted", colourful);
  if (colourful) paint.replaceChildren(...lines.flatMap((line) => [...painted(line), "\n"]));
  else paint?.replaceChildren();
}

// -- the check ---------------------------------------------------------------------------------------------------------------

let timer = 0;
let asking = null;

async function check() {
  asking?.abort();
  asking = new AbortController();
  const body = new URLSearchParams({ text: area.value, name: editor.elements.name.value });
  try {
    const answer = await fetch(editor.dataset.check, { method: "POST", body, signal: asking.signal });
    if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    else told.textContent = "The text could not be checked.";
  } catch (error) {
    if (error.name !== "AbortError") told.textContent = "The server does not answer; the text was not checked.";
  }
}

function take(found) {
  result.replaceChildren(...found.body.childNodes);
  const summary = result.querySelector("[data-summary]")?.textContent ?? "";
  if (told.textContent !== summary) told.textContent = summary;
  mark();
}

function mark() {
  wrong = new Set([...result.querySelectorAll("[data-line]:not([data-note])")].map((each) => Number(each.dataset.line)));
  draw();
}

area.addEventListener("input", () => {
  draw();
  clearTimeout(timer);
  timer = setTimeout(check, 300);
  try {
    sessionStorage.setItem(draft, area.value);
  } catch {
    // no storage, or the text is too long for it: then nothing is brought back
  }
});

// -- to the line of a mistake ------------------------------------------------------------------------------------------------

result.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-line]");
  if (!link) return;
  event.preventDefault();
  jump(Number(link.dataset.line), Number(link.dataset.column));
});

function jump(line, column) {
  const lines = area.value.split("\n");
  const number = Math.min(Math.max(line, 1), lines.length);
  const start = lines.slice(0, number - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const end = start + lines[number - 1].length;
  area.focus({ preventScroll: true });
  area.setSelectionRange(Math.min(start + Math.max(column - 1, 0), end), end);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  box.scrollTop = (number - 1) * height - box.clientHeight / 3;
  box.scrollLeft = 0;
  box.scrollIntoView({ block: "nearest" });
}

// A new line begins where the one before it does.
area.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const before = area.value.slice(0, area.selectionStart);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const indent = line.match(/^ */)[0] + (/^ *- /.test(line) ? "  " : "");
  if (!indent) return;
  event.preventDefault();
  document.execCommand("insertText", false, `\n${indent}`); // the one way that undo knows of
});

// -- what was written and never applied --------------------------------------------------------------------------------------

const rescue = document.getElementById("rescue");

function kept() {
  try {
    return sessionStorage.getItem(draft);
  } catch {
    return null;
  }
}

editor.addEventListener("submit", () => {
  try {
    sessionStorage.removeItem(draft);
  } catch {
    // no storage, nothing kept
  }
});

if (kept() !== null && kept() !== loaded) {
  rescue.hidden = false;
  rescue.querySelector("button").addEventListener("click", () => {
    area.value = kept();
    rescue.hidden = true;
    draw();
    check();
    area.focus();
  });
}

// -- scenarios to start from -------------------------------------------------------------------------------------------------

const finder = document.getElementById("finder");
const starts = [...document.querySelectorAll("#starting > li")];

function find() {
  const words = finder.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  const tag = finder.elements.tag.value;
  let shown = 0;
  for (const each of starts) {
    const spoken = each.dataset.find.toLowerCase();
    each.hidden = !words.every((word) => spoken.includes(word)) || (tag !== "" && !each.dataset.tags.split("|").includes(tag));
    shown += !each.hidden;
  }
  const text = shown === 1 ? "1 scenario" : `${shown} scenarios`;
  const found = document.getElementById("found");
  if (found.textContent !== text) found.textContent = text;
}

finder.addEventListener("input", find);

mark();
