// One secured field of a shop's payment form, in a frame of its own: the shop's page draws label and errors around it
// and never sees what is typed. It speaks what Adyen Web (@adyen/adyen-web 5 and 6) speaks with such frames: messages
// are JSON texts, the first one says which field this is, and each carries the number that the shop's page gave it.

import {
  brandRules, dateDigits, dateProblem, digitsOf, errorCode, guess, luhn, slashed, spaced, voucherRules,
} from "./rules.js";
import {makeSeal, randomId} from "./seal.js";

const page = document.body.dataset;
const seal = makeSeal(page.key && JSON.parse(page.key), page.opened);
const shop = atob(new URLSearchParams(location.search).get("d") ?? "");
// Of the fields that the shop's Adyen Web asked for: 4 is that of Adyen Web 5, which has other codes of errors, and takes
// words that it does not know for one.
const VERSION = parseInt(location.pathname.split("/").at(-2), 10);
const BIN = 8; // digits of a card number that the shop may know
const LOOKUP = 11; // digits from which on its brand is looked up

class Field {
  pressed = "numberKeyPressed"; // what is told when an error goes away
  autocomplete = "off";
  digits = "";
  error = "";
  encrypted = false;
  turn = 0; // encryption takes a moment: what was typed meanwhile makes its result void

  constructor(config) {
    this.config = config;
    this.name = config.fieldType;
    this.aria = config.iframeUIConfig?.ariaConfig?.[this.name] ?? {};
    this.placeholders = config.iframeUIConfig?.placeholders ?? {};
  }

  start() {
    const input = (this.input = document.createElement("input"));
    input.id = input.name = this.name;
    input.type = this.config.legacyInputMode ? "tel" : "text";
    input.inputMode = "numeric";
    input.autocomplete = this.autocomplete;
    input.setAttribute("aria-label", this.aria.label ?? "");
    input.setAttribute("aria-describedby", "context problem");
    this.context = aloud("context");
    this.problem = aloud("problem");
    document.querySelector("main").replaceChildren(input, this.context, this.problem);
    document.documentElement.lang = this.config.iframeUIConfig?.ariaConfig?.lang ?? "en";
    document.title = this.aria.iframeTitle || this.aria.label || this.name;
    this.dress();
    style(this.config.iframeUIConfig?.sfStyles);
    input.addEventListener("input", event => this.typed(event.inputType?.startsWith("delete")));
    input.addEventListener("focus", () => this.focused(true));
    input.addEventListener("blur", () => this.focused(false));
    input.addEventListener("keydown", event => this.key(event));
    this.tell("config");
  }

  tell(action, more = {}) {
    parent.postMessage(JSON.stringify({action, fieldType: this.name, numKey: this.config.numKey, ...more}), shop);
  }

  // -- what somebody does ---------------------------------------------------------------------------------------------

  typed(deleting) {
    const {input} = this;
    const before = digitsOf(input.value.slice(0, input.selectionStart)).length;
    const atEnd = input.selectionStart === input.value.length;
    const digits = this.read(input.value);
    this.show(digits, deleting);
    if (!atEnd) {
      const caret = placeAfter(input.value, before);
      input.setSelectionRange(caret, caret);
    }
    if (digits === this.digits) return;
    this.digits = digits;
    this.changed();
    this.judge();
  }

  show(digits, deleting) {
    const text = this.shown(digits, deleting);
    if (this.input.value !== text) this.input.value = text;
  }

  changed() {}

  focused(focus) {
    this.tell("focus", {focus, numChars: this.input.value.length});
    if (!focus && this.digits && !this.encrypted) this.judge(true);
  }

  key(event) {
    if (event.key === "Enter" && VERSION >= 5) this.tell("enterKeyPressed");
    if (event.key === "Tab" && event.shiftKey) this.tell("shifttab");
  }

  // -- whether it is right --------------------------------------------------------------------------------------------

  // `fault` says "" of what is complete, a code of what is wrong, null of what may still become right.
  judge(leaving = false) {
    const code = this.fault(leaving);
    if (code === "") this.complete();
    else this.incomplete(code, leaving);
  }

  async complete() {
    const turn = ++this.turn;
    const sealed = async ([type, name, value]) => ({type, encryptedFieldName: name, blob: await seal(name, value)});
    const told = await Promise.all(this.parts().map(sealed));
    if (turn !== this.turn) return;
    this.encrypted = true;
    this.mark("");
    this.tell("encryption", {type: told.at(-1).type, [this.name]: told, ...this.besides()});
  }

  besides() {
    return {};
  }

  parts() {
    return [[this.name, this.name, this.digits]];
  }

  incomplete(code, leaving) {
    const [was, before] = [this.encrypted, this.error];
    this.turn += 1;
    this.encrypted = false;
    this.mark(code ?? "");
    if (code && (was || code !== before)) this.tell(this.reproach(code, leaving), {error: errorCode(code, VERSION)});
    if (!code && (was || before)) this.tell(was ? "delete" : this.pressed, {error: ""});
  }

  reproach(code, leaving) {
    return leaving ? "incomplete field" : this.pressed;
  }

  mark(code) {
    this.error = code;
    this.input.classList.toggle("error", Boolean(code));
    this.input.classList.toggle("validated", this.encrypted);
    this.input.setAttribute("aria-invalid", String(Boolean(code)));
    this.problem.textContent = (code && this.aria.error?.[errorCode(code, VERSION)]) || "";
  }

  // -- what the shop's page says --------------------------------------------------------------------------------------

  hear(told) {
    if (told.destroy) return this.end();
    if (told.styleObject) style(told.styleObject);
    if (told.focus) this.input.focus();
    if (told.fieldClick && told.fieldType !== this.name) this.input.blur();
    if (told.externalValidation) this.mark(told.code ?? "");
    if (typeof told.autoComplete === "string") this.fill(told.autoComplete);
  }

  fill(text) {
    this.input.value = text;
    this.typed(false);
  }

  end() {
    this.turn += 1;
    removeEventListener("message", hear);
    this.input.remove();
  }

  require(policy) {
    if (!policy) return;
    this.policy = policy;
    this.input.hidden = policy === "hidden";
    this.input.setAttribute("aria-required", String(policy === "required"));
  }

  furnish(placeholder, longest, context) {
    this.input.placeholder = placeholder ?? "";
    this.input.maxLength = longest;
    this.context.textContent = context ?? "";
  }
}

class CardNumber extends Field {
  autocomplete = "cc-number";
  brand = "card";
  bin = "";
  unsupported = false;
  lookedUp = null; // what the look-up said: brand, enableLuhnCheck, panLength

  dress() {
    if (this.config.txVariant !== "card") this.brand = this.config.txVariant;
    this.require("required");
    this.outfit();
  }

  outfit() {
    this.rules = brandRules(this.brand, this.lookedUp?.panLength);
    this.maxLength = this.shown("0".repeat(this.rules.longest)).length;
    this.furnish(this.placeholders[this.name], this.maxLength, this.aria.contextualTexts?.[this.name]);
  }

  read(text) {
    return digitsOf(text).slice(0, 19);
  }

  shown(digits) {
    return spaced(digits, this.rules.gaps);
  }

  changed() {
    if (!this.lookedUp) this.recognise();
    const bin = this.digits.slice(0, this.digits.length < LOOKUP ? BIN : LOOKUP);
    if (bin !== this.bin) this.tellBin(bin);
  }

  recognise(again = false) {
    if (this.config.txVariant !== "card") return;
    const brand = guess(this.digits, this.config.cardGroupTypes ?? []);
    if (brand === this.brand && !again) return;
    this.brand = brand;
    this.outfit();
    this.show(this.digits);
    this.tell("brand", {
      brand,
      cvcPolicy: this.rules.cvcPolicy,
      cvcText: "Security code",
      expiryDatePolicy: "required",
      maxLength: this.maxLength,
      showSocialSecurityNumber: false,
      ...(this.unsupported ? {} : {error: ""}),
    });
  }

  async tellBin(bin) {
    this.bin = bin;
    const told = {binValue: this.digits.slice(0, BIN)};
    if (bin.length === LOOKUP) {
      told.encryptedBin = await seal("encryptedBin", bin);
      told.uuid = randomId();
    }
    if (bin === this.bin) this.tell("binValue", told);
  }

  fault(leaving) {
    const {digits, rules} = this;
    const long = rules.lengths.includes(digits.length);
    const right = this.lookedUp?.enableLuhnCheck === false || luhn(digits);
    if (long && right) return "";
    if (leaving) return long ? "cc.num.902" : "cc.num.901";
    return long && digits.length >= rules.usual ? "cc.num.902" : null;
  }

  reproach(code) {
    return code === "cc.num.902" ? "luhnCheck" : "incomplete field";
  }

  async complete() {
    if (!this.unsupported) await super.complete();
  }

  incomplete(code, leaving) {
    if (!this.unsupported) super.incomplete(code, leaving);
  }

  besides() {
    return {endDigits: this.digits.slice(-4), issuerBin: this.digits.slice(0, BIN)};
  }

  hear(told) {
    super.hear(told);
    if (told.brand) this.learn(told);
    if ("unsupportedCard" in told) this.support(told);
  }

  learn(told) {
    this.lookedUp = told.brand === "reset" ? null : told;
    if (this.lookedUp) {
      this.brand = told.brand;
      this.outfit();
      this.show(this.digits);
    } else {
      this.encrypted = false;
      this.recognise(true);
    }
    if (this.digits && !this.encrypted) this.judge();
  }

  support({unsupportedCard, code}) {
    if (unsupportedCard === this.unsupported) return;
    this.unsupported = unsupportedCard;
    this.encrypted = false;
    this.turn += 1;
    this.mark(unsupportedCard ? code : "");
    if (!unsupportedCard && this.digits) this.judge();
  }
}

class Dated extends Field {
  pressed = "dateKeyPressed";
  autocomplete = "cc-exp";

  dress() {
    this.furnish(this.placeholders[this.name], 7, this.aria.contextualTexts?.[this.name]);
    this.require(this.config.expiryDatePolicy ?? "required");
  }

  hear(told) {
    super.hear(told);
    this.require(told.expiryDatePolicy);
  }
}

class ExpiryDate extends Dated {
  read(text) {
    return dateDigits(text);
  }

  shown(digits, deleting) {
    return slashed(digits, deleting);
  }

  get date() {
    return [this.digits.slice(0, 2), `20${this.digits.slice(2)}`];
  }

  fault(leaving) {
    if (this.digits.length === 4) return dateProblem(...this.date, page.today, this.config.minimumExpiryDate);
    return leaving ? "cc.dat.911" : null;
  }

  parts() {
    const [month, year] = this.date;
    return [["month", "encryptedExpiryMonth", month], ["year", "encryptedExpiryYear", year]];
  }

  besides() {
    return this.config.exposeExpiryDate ? {expiryDate: this.input.value} : {};
  }
}

class ExpiryMonth extends Dated {
  pressed = "monthKeyPressed";
  autocomplete = "cc-exp-month";

  read(text) {
    return dateDigits(text).slice(0, 2);
  }

  shown(digits) {
    return digits;
  }

  fault(leaving) {
    if (this.digits.length === 2) return this.digits < "01" || this.digits > "12" ? "err.gen.9101" : "";
    return leaving ? "err.gen.9100" : null;
  }
}

class ExpiryYear extends Dated {
  pressed = "yearKeyPressed";
  autocomplete = "cc-exp-year";

  read(text) {
    const digits = digitsOf(text);
    return (digits.length === 4 ? digits.slice(2) : digits).slice(0, 2);
  }

  shown(digits) {
    return digits;
  }

  fault(leaving) {
    const {digits, config} = this;
    if (digits.length === 2) return dateProblem("12", `20${digits}`, page.today, config.minimumExpiryDate);
    return leaving ? "cc.yr.918" : null;
  }

  parts() {
    return [[this.name, this.name, `20${this.digits}`]];
  }
}

class SecurityCode extends Field {
  pressed = "cvcKeyPressed";
  autocomplete = "cc-csc";

  dress() {
    if (this.config.maskSecurityCode) this.input.type = "password";
    this.fit(this.config.txVariant);
    this.require(this.config.cvcPolicy ?? "required");
  }

  fit(brand) {
    const known = brand && brand !== "card" && brand !== "unrecognised-single-brand";
    const {code} = brandRules(brand);
    [this.shortest, this.longest] = known ? [code, code] : [3, 4];
    const which = code === 4 ? "encryptedSecurityCode4digits" : "encryptedSecurityCode3digits";
    this.furnish(this.placeholders[which], this.longest, this.aria.contextualTexts?.[which]);
  }

  read(text) {
    return digitsOf(text).slice(0, 4);
  }

  shown(digits) {
    return digits;
  }

  fault(leaving) {
    const {length} = this.digits;
    if (length >= this.shortest && length <= this.longest) return "";
    return leaving || length > this.longest ? "cc.cvc.921" : null;
  }

  hear(told) {
    super.hear(told);
    this.require(told.cvcPolicy);
    if (!told.brand) return;
    this.fit(told.brand);
    if (this.digits && (this.fault() !== "") === this.encrypted) this.judge();
  }
}

class Password extends Field {
  pressed = "passwordKeyPressed";

  dress() {
    this.input.type = "password";
    this.furnish(this.placeholders[this.name], 2, this.aria.contextualTexts?.[this.name]);
    this.require("required");
  }

  read(text) {
    return digitsOf(text).slice(0, 2);
  }

  shown(digits) {
    return digits;
  }

  fault(leaving) {
    if (this.digits.length === 2) return "";
    return leaving ? "kcp.pwd.941" : null;
  }
}

// Number or code of a gift card or meal voucher: any length between two, no brand, no check digit.
class Voucher extends Field {
  dress() {
    this.rules = voucherRules(this.config.extraFieldData);
    this.isNumber = this.name === "encryptedCardNumber";
    this.pressed = this.isNumber ? "numberKeyPressed" : "pinKeyPressed";
    const longest = this.shown("0".repeat(this.rules.longest)).length;
    this.furnish(this.placeholders[this.name], longest, "");
    this.require("required");
  }

  read(text) {
    return digitsOf(text).slice(0, this.rules.longest);
  }

  shown(digits) {
    return spaced(digits, this.rules.gaps);
  }

  fault(leaving) {
    if (this.digits.length >= this.rules.shortest) return "";
    if (!leaving) return null;
    return this.isNumber ? "cc.num.901" : "cc.cvc.921";
  }

  besides() {
    return this.isNumber ? {endDigits: this.digits.slice(-4), issuerBin: this.digits.slice(0, BIN)} : {};
  }
}

const KINDS = {
  encryptedCardNumber: CardNumber,
  encryptedExpiryDate: ExpiryDate,
  encryptedExpiryMonth: ExpiryMonth,
  encryptedExpiryYear: ExpiryYear,
  encryptedSecurityCode: SecurityCode,
  encryptedPassword: Password,
};
const VOUCHERS = ["encryptedCardNumber", "encryptedSecurityCode"];

const kindOf = ({isCreditCardType, fieldType}) =>
  !isCreditCardType && VOUCHERS.includes(fieldType) ? Voucher : KINDS[fieldType];

function aloud(id) {
  const text = document.createElement("span");
  text.id = id;
  text.className = "aloud";
  return text;
}

// Where the cursor stands after so many digits.
function placeAfter(text, digits) {
  let index = 0;
  for (let left = digits; left > 0 && index < text.length; index += 1) if (/[0-9]/.test(text[index])) left -= 1;
  return index;
}

const STATES = {base: "input", placeholder: "input::placeholder", error: "input.error", validated: "input.validated"};

// The shop's styles, one rule for each state of the field; what browsers do not know they leave out.
function style(wanted = {}) {
  const sheet = new CSSStyleSheet();
  for (const [state, selector] of Object.entries(STATES)) {
    const rule = sheet.cssRules[sheet.insertRule(`${selector} {}`, sheet.cssRules.length)];
    for (const [name, value] of Object.entries(wanted[state] ?? {})) {
      rule.style.setProperty(name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`), String(value));
    }
  }
  document.adoptedStyleSheets = [sheet];
}

let field = null;

function hear(event) {
  if (event.source !== parent || event.origin !== shop || typeof event.data !== "string") return;
  let told;
  try {
    told = JSON.parse(event.data);
  } catch {
    return; // other scripts of the shop talk to all frames, too
  }
  if (!told || typeof told !== "object") return;
  if (field) {
    if (told.numKey === field.config.numKey) field.hear(told);
  } else if ("numKey" in told && kindOf(told)) {
    field = new (kindOf(told))(told);
    field.start();
  }
}

addEventListener("message", hear);
