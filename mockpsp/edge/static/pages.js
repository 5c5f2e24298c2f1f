// Conveniences; every page is complete without them.
"use strict";

// What only scripts make true.
for (const element of document.querySelectorAll("[data-live]")) element.hidden = false;

// One click writes a row of test data into the page's form.
for (const button of document.querySelectorAll("[data-fill]")) {
  button.hidden = false;
  button.addEventListener("click", () => fill(JSON.parse(button.dataset.fill)));
}

function fill(values) {
  let first = null;
  for (const input of document.querySelectorAll("form[data-main] input:not([type=hidden])")) {
    if (!Object.hasOwn(values, input.name)) continue;
    if (input.type === "radio") input.checked = input.value === values[input.name];
    else input.value = values[input.name];
    if (input.type !== "radio" || input.checked) first ??= input;
  }
  first?.focus();
}

// A form that only carries something on to the shop sends itself. A field may be called "submit" and hide the method.
const carrier = document.querySelector("form[data-send]");
if (carrier) HTMLFormElement.prototype.submit.call(carrier);

// A page that waits asks how things stand, and loads itself again once that is no longer what it shows.
const { statusUrl, status } = document.body.dataset;
// Not while a form is on its way: what it changes would be noticed here before its answer is, and the answer be lost.
let leaving = false;
addEventListener("submit", () => { leaving = true; });
addEventListener("pageshow", () => { leaving = false; });
if (statusUrl) watch();

async function watch() {
  let pause = 1000;
  for (;;) {
    await new Promise((resume) => setTimeout(resume, pause));
    try {
      const answer = await fetch(statusUrl, { cache: "no-store", headers: { Accept: "application/json" } });
      pause = 1000;
      if (answer.ok && String((await answer.json()).status) !== status && !leaving) break;
    } catch {
      pause = Math.min(pause * 2, 15000); // the server is away for a moment
    }
  }
  // Not reload(): after a form was posted, that would ask to post it again.
  location.replace(location.pathname + location.search);
}
