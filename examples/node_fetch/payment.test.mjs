// A card at Adyen, refused once, then paid; and the webhooks that tell of it. Run it: mockpsp serve &  node --test
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { call, sandbox } from "./mockpsp.mjs";

const scenario = {
  mockpsp: 1,
  title: "The first attempt is refused",
  rules: [{ operation: "adyen.payments", times: 1, then: { outcome: "refused", reason: "not_enough_balance" } }],
};
let box;
let shop;
const received = [];

before(async () => {
  box = await sandbox({ scenario, clock: "2026-07-01T09:00:00Z" });
  // The shop's own webhook endpoint.
  shop = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    received.push(...JSON.parse(body).notificationItems.map((item) => item.NotificationRequestItem));
    response.end("[accepted]");
  });
  await new Promise((ready) => shop.listen(0, "127.0.0.1", ready));
  await box.ask("PUT", "/webhook-endpoints/adyen", { url: `http://127.0.0.1:${shop.address().port}/adyen` });
});

after(async () => {
  await box.end();
  shop.close();
  shop.closeAllConnections();
});

function pay(cents) {
  const { api_key, merchant_account } = box.credentials.adyen;
  const body = {
    merchantAccount: merchant_account,
    reference: "NODE-1",
    amount: { currency: "EUR", value: cents },
    paymentMethod: { type: "scheme", number: "4111111111111111", expiryMonth: "03", expiryYear: "2030", cvc: "737" },
    returnUrl: "https://shop.example/back",
  };
  return call("POST", `${box.base_urls.adyen}/v72/payments`, body, { "X-API-Key": api_key });
}

test("a refused card can pay at the second attempt", async () => {
  assert.equal((await pay(1850)).resultCode, "Refused");
  assert.equal((await pay(1850)).resultCode, "Authorised");
  await box.verify({ operation: "payments", count: 2 });

  await box.ask("POST", "/webhooks/settle"); // returns when all have been delivered
  assert.deepEqual(received.map((each) => [each.eventCode, each.success]), [
    ["AUTHORISATION", "false"],
    ["AUTHORISATION", "true"],
  ]);
  await box.verify({ kind: "delivery", provider: "adyen", status: 200, count: 2 });
});
