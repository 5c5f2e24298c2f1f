// An order's page follows what the shop learns: it asks once a second, and takes over the new page when there is news.
const order = document.querySelector("[data-live]");
let known;

async function ask() {
  try {
    const facts = await (await fetch(order.dataset.live)).json();
    if (known === undefined || known === facts.version || (await renew())) known = facts.version;
  } catch {
    // the shop is away for a moment; the next question finds it again
  }
  setTimeout(ask, document.hidden ? 5000 : 1000);
}

async function renew() {
  if (document.activeElement?.matches("input")) return false; // somebody is typing
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  order.replaceChildren(...page.querySelector("article").childNodes);
  return true;
}

if (order) ask();
