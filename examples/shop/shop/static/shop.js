// An order's page follows what the shop learns: it asks once a second, and takes over the new page when there is news.
const order = document.querySelector("[data-live]");
let known = order?.dataset.version; // what the page shows already: news may come before the first question

async function ask() {
  try {
    const facts = await (await fetch(order.dataset.live)).json();
    if (known !== facts.version) await renew();
  } catch {
    // the shop is away for a moment; the next question finds it again
  }
  setTimeout(ask, document.hidden ? 5000 : 1000);
}

async function renew() {
  if (document.activeElement?.matches("input")) return; // somebody is typing
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const renewed = page.querySelector("article");
  order.replaceChildren(...renewed.childNodes);
  known = renewed.dataset.version;
}

if (order) ask();
