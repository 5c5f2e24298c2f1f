// The unmodified Node SDK behind two pipes: each line in is one call, each line out is what became of it.
//
//   {"call": "payments.createPayment", "with": [merchant id, body, context]} → {"resolved": …, "context": …} | {"thrown": text}
//
// The configuration of the SDK is the first argument; webhooks are verified with the secrets of the second.
import { createInterface } from "node:readline";
import { init, webhooks } from "onlinepayments-sdk-nodejs";

const [configuration, secrets] = process.argv.slice(2).map((given) => JSON.parse(given));
for (const [id, secret] of Object.entries(secrets)) webhooks.inMemorySecretKeyStore.storeSecretKey(id, secret);
const helper = webhooks.init(webhooks.inMemorySecretKeyStore);
const roots = {
  ...init(configuration),
  helper: { unmarshal: (body, headers) => helper.unmarshal(Buffer.from(body, "base64"), headers) },
};

async function answer({ call, with: given }) {
  try {
    const [part, name] = call.split(".");
    return { resolved: await roots[part][name](...given), context: given[2] };
  } catch (error) {
    return { thrown: String(error.message) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
