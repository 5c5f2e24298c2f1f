// A shop's payment page with Adyen's Drop-in, version 5 or 6, in the sessions flow or in the advanced flow, as Adyen's
// documentation has it. `seen` is what the shop was told, in order: names of callbacks and their data.
"use strict";

const {version, flow, configuration, session, dropin = {}, details} = JSON.parse(document.getElementById("given").textContent);
const seen = [];
const told = (name, data) => seen.push([name, data]);
const plain = value => JSON.parse(JSON.stringify(value ?? null));

const ask = async (name, body) => (await fetch(`/api/${name}`, {method: "POST", body: JSON.stringify(body)})).json();

const told6 = {
  onPaymentCompleted: result => told("completed", plain(result)),
  onPaymentFailed: result => told("failed", plain(result)),
};
const common = {
  onError: error => told("error", `${error.name}: ${error.message}`),
  onOrderUpdated: ({order}) => told("order", plain(order)), // version 6
  onOrderCreated: order => told("order", plain(order)), // version 5, sessions
  onActionHandled: data => told("action", plain({type: data.componentType, what: data.actionDescription})),
};

const orders = {
  onBalanceCheck: (resolve, reject, data) => ask("balance", data).then(resolve, reject),
  onOrderRequest: (resolve, reject, data) => ask("orders", data).then(resolve, reject),
};
const methods = order => ask("paymentMethods", order ? {order} : {});

const advanced6 = {
  ...orders,
  onSubmit: (state, component, actions) => ask("payments", state.data).then(actions.resolve, actions.reject),
  onAdditionalDetails: (state, component, actions) => ask("details", state.data).then(actions.resolve, actions.reject),
  onOrderCancel: ({order}, {resolve}) => ask("cancel", order).then(() => resolve({amount: configuration.amount})),
  onPaymentMethodsRequest: ({order}, {resolve, reject}) => methods(order).then(resolve, reject),
};

async function version6() {
  const {AdyenCheckout, Dropin, components} = AdyenWeb;
  const {Dropin: _, ...others} = components;
  AdyenCheckout.register(...Object.values(others));
  const flows = flow === "sessions" ? {session} : {...advanced6, paymentMethodsResponse: await methods()};
  window.checkout = await AdyenCheckout({...configuration, ...common, ...told6, ...flows});
  if (details) return checkout.submitDetails({details});
  window.mounted = new Dropin(checkout, dropin).mount("#dropin");
}

// How a payment ended; a refused one may carry its order, which goes on without it.
function ended5({resultCode}) {
  const bad = ["Refused", "Cancelled", "Error"].includes(resultCode);
  told(bad ? "failed" : "completed", {resultCode});
  return bad ? "error" : "success";
}

async function paid5(component, found) {
  if (found.action) return component.handleAction(found.action);
  if (found.resultCode !== "Refused" && found.order?.remainingAmount?.value > 0) {
    const paymentMethodsResponse = await methods(found.order);
    await checkout.update({order: found.order, amount: found.order.remainingAmount, paymentMethodsResponse});
    return told("order", plain(found.order));
  }
  component.setStatus(ended5(found));
}

const advanced5 = {
  ...orders,
  onSubmit: (state, component) => ask("payments", state.data).then(found => paid5(component, found)),
  onAdditionalDetails: (state, component) => ask("details", state.data).then(found => paid5(component, found)),
  onOrderCancel: async ({order}) => {
    await ask("cancel", order);
    checkout.update({order: null, amount: configuration.amount, paymentMethodsResponse: await methods()});
  },
};

async function version5() {
  const flows = flow === "sessions" ? {session} : {...advanced5, paymentMethodsResponse: await methods()};
  const results = flow === "sessions" ? told6 : {};
  window.checkout = await AdyenCheckout({...configuration, ...common, ...results, ...flows, ...dropin});
  if (details && flow === "advanced") return ask("details", {details}).then(ended5); // the shop's own server completes it
  if (details) return checkout.submitDetails({details});
  window.mounted = checkout.create("dropin").mount("#dropin");
}

(version === 6 ? version6 : version5)().then(() => told("mounted", null), error => told("broken", String(error)));
