// What is known of card numbers, dates and codes, without a page: brands by their first digits, formats, checks.

const range = (from, to) => digits => {
  const head = digits.slice(0, from.length);
  return from.slice(0, head.length) <= head && head <= to.slice(0, head.length);
};
const any = (...tests) => digits => tests.some(test => test(digits));
const starts = (...heads) => any(...heads.map(head => range(head, head)));

const ANY = {lengths: [12, 13, 14, 15, 16, 17, 18, 19], usual: 19};

// `usual` is the length at which a wrong check digit is worth telling; shorter ones are only a stage of typing.
const BRANDS = {
  visa: {is: starts("4"), lengths: [13, 16, 19], usual: 16},
  mc: {is: any(range("51", "55"), range("2221", "2720")), lengths: [16]},
  amex: {is: starts("34", "37"), lengths: [15], gaps: [4, 10], code: 4},
  bcmc: {is: starts("6703", "479658", "606005"), lengths: [16, 17, 18, 19], cvcPolicy: "hidden"},
  maestro: {is: starts("50", "56", "57", "58", "63", "67"), lengths: ANY.lengths, usual: 16, cvcPolicy: "optional"},
  cartebancaire: {is: starts("4", "5", "6"), lengths: [16]},
  diners: {is: starts("30", "36", "38", "39"), lengths: [14, 15, 16, 17, 18, 19], usual: 14},
  discover: {is: starts("6011", "644", "645", "646", "647", "648", "649", "65"), lengths: [16, 17, 18, 19], usual: 16},
  jcb: {is: range("3528", "3589"), lengths: [16, 17, 18, 19], usual: 16},
  cup: {is: starts("62", "81"), lengths: [14, 15, 16, 17, 18, 19], usual: 16},
};

export const digitsOf = text => text.replace(/[^0-9]/g, "");

// The first of the shop's brands that these digits can be, or "card".
export const guess = (digits, brands) => (digits && brands.find(name => BRANDS[name]?.is(digits))) || "card";

export function brandRules(name, panLength = 0) {
  const rules = {gaps: [4, 8, 12, 16], code: 3, cvcPolicy: "required", ...(BRANDS[name] ?? ANY)};
  if (panLength) rules.lengths = [panLength];
  rules.longest = rules.lengths.at(-1);
  rules.usual = panLength || rules.usual || rules.longest;
  return rules;
}

// The rules of a voucher or gift card: `extra` is {"length": "15-32", "maskInterval": 4} as JSON.
export function voucherRules(extra) {
  const {length = "3-32", maskInterval = 0} = JSON.parse(extra || "{}");
  const [shortest, longest] = `${length}-${length}`.split("-").map(Number);
  const gaps = maskInterval ? Array.from({length: longest}, (_, index) => (index + 1) * maskInterval) : [];
  return {shortest, longest, gaps};
}

// Digits with a space at each gap that has digits after it.
export const spaced = (digits, gaps) =>
  [...digits].map((digit, index) => (gaps.includes(index) ? ` ${digit}` : digit)).join("");

export function luhn(digits) {
  const total = [...digits].reverse().reduce((sum, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return total % 10 === 0;
}

// Four digits at most: a year of four, as password managers fill in, is cut to two; a month from 2 to 9 gets its 0.
export function dateDigits(text) {
  const [before, after] = text.includes("/") ? text.split("/", 2) : [text, ""];
  let [month, year] = [digitsOf(before), digitsOf(after)];
  if (/^[2-9]$/.test(month) || (text.includes("/") && month === "1")) month = `0${month}`;
  if (month.length > 2) [month, year] = [month.slice(0, 2), month.slice(2) + year];
  if (/^20[0-9]{2}$/.test(year)) year = year.slice(2);
  return month + year.slice(0, 2);
}

// MM/YY; while somebody deletes, the slash goes with the digit before it.
export const slashed = (digits, deleting) =>
  digits.length > 2 || (digits.length === 2 && !deleting) ? `${digits.slice(0, 2)}/${digits.slice(2)}` : digits;

// What versions of the fields below 5 called the same errors.
const FORMER = {
  "cc.num.901": "error.va.sf-cc-num.04",
  "cc.num.902": "error.va.sf-cc-num.01",
  "cc.dat.911": "error.va.sf-cc-dat.05",
  "cc.dat.912": "error.va.sf-cc-dat.01",
  "cc.dat.913": "error.va.sf-cc-dat.02",
  "cc.dat.914": "error.va.sf-cc-dat.03",
  "cc.yr.918": "error.va.sf-cc-yr.02",
  "cc.cvc.921": "error.va.sf-cc-cvc.02",
  "kcp.pwd.941": "error.va.sf-kcp-pwd.02",
  "err.gen.9100": "error.va.gen.01",
  "err.gen.9101": "error.va.gen.02",
};
export const errorCode = (code, version) => (version < 5 && FORMER[code]) || code;

const YEARS_AHEAD = 30;
const months = (year, month) => Number(year) * 12 + Number(month);

// The error of MM and YYYY, or "". `today` is YYYY-MM, `minimum` MM/YY or nothing.
export function dateProblem(month, year, today, minimum) {
  if (month < "01" || month > "12") return "cc.dat.911";
  const [thisYear, thisMonth] = today.split("-");
  const last = months(year, month);
  if (last < months(thisYear, thisMonth)) return "cc.dat.912";
  if (last > months(thisYear, thisMonth) + YEARS_AHEAD * 12) return "cc.dat.913";
  const least = /^([0-9]{2})\/(?:20)?([0-9]{2})$/.exec(minimum ?? "");
  return least && last < months(`20${least[2]}`, least[1]) ? "cc.dat.914" : "";
}
