// A customer pays a payment link in a browser. Run it: npm install;  mockpsp serve &  node --test
//
// playwright-core downloads no browser: it drives the Chromium that is installed (CHROMIUM names another one).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const server = process.env.MOCKPSP_URL ?? "http://localhost:8080";
const token = process.env.MOCKPSP_CONTROL_TOKEN; // of a server that other machines can reach
let box;
let browser;

async function call(method, url, body, headers = {}) {
  const steering = token && url.includes("/_mockpsp/") ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", ...steering, ...headers },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

before(async () => {
  box = await call("POST", `${server}/_mockpsp/sandboxes`, { scenario: "default" });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"], // for containers
  });
});

after(async () => {
  await browser?.close();
  await call("DELETE", `${server}/_mockpsp/sandboxes/${box.id}`);
});

test("a customer pays a link with a card", async () => {
  const { api_key, merchant_account } = box.credentials.adyen;
  const link = await call(
    "POST",
    `${box.base_urls.adyen}/v72/paymentLinks`,
    {
      merchantAccount: merchant_account,
      reference: "LINK-1",
      amount: { currency: "EUR", value: 4350 },
      countryCode: "FR",
      shopperLocale: "en-GB",
    },
    { "X-API-Key": api_key },
  );

  // Names of the fields: mockpsp/providers/adyen/templates/TESTIDS.md
  const page = await browser.newPage();
  await page.goto(link.url);
  await page.getByTestId("method-scheme").check();
  await page.getByTestId("continue").click();
  await page.getByTestId("number").fill("4111 1111 1111 1111");
  await page.getByTestId("holder").fill("Camille Martin");
  await page.getByTestId("expiry").fill("03/30");
  await page.getByTestId("cvc").fill("737");
  await page.getByTestId("pay-card").click();
  assert.equal(await page.getByTestId("outcome").getAttribute("data-outcome"), "paid");

  const checked = await call("POST", `${server}/_mockpsp/sandboxes/${box.id}/journal/verify`, {
    kind: "webhook",
    operation: "AUTHORISATION",
    body: { notificationItems: [{ NotificationRequestItem: { success: "true" } }] },
    count: 1,
  });
  assert.ok(checked.ok, JSON.stringify(checked, null, 2));
});
