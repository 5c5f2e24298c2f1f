// Encrypts a value as compact JWE (RSA-OAEP-256, A256GCM) for the server's key. Without a key, or on an origin on which
// browsers have no WebCrypto, it is the plain form that Adyen's test platform takes: "test_" and the value.

const bytes = text => new TextEncoder().encode(text);
const base64url = raw =>
  btoa(String.fromCharCode(...new Uint8Array(raw))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function sealed(key, plain) {
  const rsa = await crypto.subtle.importKey("jwk", key, {name: "RSA-OAEP", hash: "SHA-256"}, false, ["encrypt"]);
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const head = base64url(bytes(JSON.stringify({alg: "RSA-OAEP-256", enc: "A256GCM", kid: key.kid})));
  const wrapped = await crypto.subtle.encrypt({name: "RSA-OAEP"}, rsa, secret);
  const aes = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt"]);
  const gcm = {name: "AES-GCM", iv, additionalData: bytes(head), tagLength: 128};
  const both = await crypto.subtle.encrypt(gcm, aes, bytes(plain));
  const [text, tag] = [both.slice(0, -16), both.slice(-16)];
  return [head, ...[wrapped, iv, text, tag].map(base64url)].join(".");
}

// `generated` is the sandbox's time when the field was opened: how old the value may be goes by the sandbox's clock.
export const makeSeal = (key, generated) => (field, value) =>
  key && globalThis.crypto?.subtle
    ? sealed(key, JSON.stringify({field, value, generated}))
    : Promise.resolve(`test_${value}`);

export const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
