// The unmodified Adyen library for Node behind two pipes (pipe.mjs), over https as it cannot do without.
//
//   {"call": "PaymentsApi.payments", "with": [body, options]} → {"resolved": …} | {"thrown": {"name": …, …}}
//
// Arguments: the configuration of the client, and the base address of the Checkout API.
import library from "@adyen/api-library";
import { serve } from "./pipe.mjs";

const { Client, CheckoutAPI, hmacValidator: HmacValidator } = library;
const [configuration, baseUrl] = process.argv.slice(2).map((given) => JSON.parse(given));
const checkout = new CheckoutAPI(new Client(configuration));
// Each look at checkout.PaymentsApi makes a new object, which knows nothing of a baseUrl that was set before.
const apis = ["PaymentsApi", "OrdersApi", "ModificationsApi", "PaymentLinksApi"].map((name) => [
  name,
  Object.assign(checkout[name], { baseUrl }),
]);
const validator = new HmacValidator();
await serve(
  {
    ...Object.fromEntries(apis),
    hmac: { validateHMAC: (item, key) => validator.validateHMAC(item, key) },
  },
  ({ name, message, statusCode, errorCode, apiError }) => ({ name, message, statusCode, errorCode, apiError }),
);
