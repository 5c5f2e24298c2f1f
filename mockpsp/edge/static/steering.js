// Clock, Scenario and Shoppers: what makes them quicker to use. Every page is complete without it.

// What a form has led to, or what was wrong with it, is read first.
document.querySelector("[data-focus]")?.focus();

// -- the large clock: Paris, every second --------------------------------------------------------------------------------

const face = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/Paris", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

setInterval(() => {
  for (const each of document.querySelectorAll("time[data-runs]")) {
    each.skew ??= Date.parse(each.dateTime) - Date.now();
    each.textContent = face.format(Date.now() + each.skew);
  }
}, 1000);
