// Tells the page around this frame what the page carries, as text: that is what Adyen Web listens for.
"use strict";

const told = document.querySelector("[data-message]");
if (told && window.parent !== window) window.parent.postMessage(told.dataset.message, told.dataset.target);
