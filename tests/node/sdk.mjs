// The unmodified Worldline SDK for Node behind two pipes (pipe.mjs); ``context`` comes back as the SDK left it.
//
//   {"call": "payments.createPayment", "with": [merchant id, body, context]} → {"resolved": …, "context": …} | {"thrown": text}
//
// The configuration of the SDK is the first argument; webhooks are verified with the secrets of the second.
import { init, webhooks } from "onlinepayments-sdk-nodejs";
import { serve } from "./pipe.mjs";

const [configuration, secrets] = process.argv.slice(2).map((given) => JSON.parse(given));
for (const [id, secret] of Object.entries(secrets)) webhooks.inMemorySecretKeyStore.storeSecretKey(id, secret);
const helper = webhooks.init(webhooks.inMemorySecretKeyStore);
await serve({
  ...init(configuration),
  helper: { unmarshal: (body, headers) => helper.unmarshal(Buffer.from(body, "base64"), headers) },
});
