// Tells the page around this frame a name for this kind of browser: what Adyen Web sends along as risk data.

const size = `${screen.width}x${screen.height}`;
const seen = [navigator.userAgent, navigator.language, size, new Date().getTimezoneOffset()];
let hash = 0x811c9dc5;
for (const byte of new TextEncoder().encode(seen.join("|"))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
const value = `mockpsp-${hash.toString(16).padStart(8, "0")}`;
const told = {type: "deviceFingerprint", value, persistentCookie: [], components: {}};
if (parent !== window) parent.postMessage(JSON.stringify(told), "*");
