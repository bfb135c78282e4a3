// What the window shows, as its address holds it, and the steps from one such state to the next.

/** The filters, as typed: their names are those of the options of the command line. */
export const NO_FILTERS = {
  ...{ on: "", after: "", before: "", camera: "", type: "", "min-size": "", orientation: "" },
  ...{ place: "", near: "", "within-km": "" },
};
/** How the pictures that pass are searched: where for the words, and whether for likely ones alone. */
export const USUAL = { words: "", likely: "" };
const TEXTS = Object.keys({ ...NO_FILTERS, sort: "", ...USUAL });
const EMPTY = {
  ...{ q: "", terms: [], folder: "", hidden: false, dates: "", open: "", copies: "", sort: "" },
  ...{ ...NO_FILTERS, ...USUAL },
};

const PICTURE = /^(picture|pasted):([0-9a-f]{64})$/; // anything else is words

const listeners = [];
let position = () => ({});
let state = parse(location.search);
let isTyping = false;
let isGoingBack = false;
history.scrollRestoration = "manual";

export const current = () => state;

/** Call `listener(state, before, position)` after each step; position: where the reader was. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Say how to learn how far the reader has come: kept in the history for Back and for a reload. */
export function positionIs(ask) {
  position = ask;
}

/** Change parts of the state. Typing makes one step in the history, however many letters. */
export function go(changes, { typing = false, replace = false } = {}) {
  const next = { ...state, ...changes };
  if (format(next) === format(state)) return;
  const isSameStep = replace || (typing && isTyping);
  isTyping = typing;
  if (!isSameStep) rememberPosition();
  if (isSameStep) history.replaceState(history.state, "", addressOf(next));
  else history.pushState({ isOurs: true }, "", addressOf(next));
  change(next, null);
}

/** Open what lies over the pictures: `open`, a picture by its id, or `copies`. */
export function openOver(name, value) {
  const isOpen = Boolean(state[name]);
  go({ [name]: value }, { replace: isOpen });
  if (!isOpen) history.replaceState({ ...history.state, over: name }, "");
}

/** Close it: a step back if it was opened here, so that Back does not open it again. */
export function closeOver(name) {
  if (!state[name] || isGoingBack) return;
  isGoingBack = Boolean(history.state?.isOurs) && history.state.over === name;
  if (isGoingBack) history.back(); // which takes a moment; a second step would leave the window
  else go({ [name]: "" }, { replace: true });
}

/** Let what is typed next be a step of its own. */
export function endStep() {
  isTyping = false;
}

export const addressOf = (next) => format(next) ? `?${format(next)}` : location.pathname;

/** Return the query string of a state, without its question mark. */
export function format(state) {
  const { q, terms, folder, hidden, dates, open, copies } = state;
  const parts = [];
  if (q.trim()) parts.push(`q=${encodeURIComponent(q.trim())}`);
  for (const term of terms) {
    parts.push(`${term.sign > 0 ? "add" : "subtract"}=${encodeURIComponent(formatTerm(term))}`);
  }
  if (folder) parts.push(`folder=${folder}`); // percent-encoded bytes, which need not be UTF-8
  for (const name of TEXTS) {
    if (state[name]) parts.push(`${name}=${encodeURIComponent(state[name])}`);
  }
  if (dates === "off" && q.trim()) parts.push("dates=off");
  if (hidden) parts.push("hidden=1");
  if (copies) parts.push("copies=1");
  if (open) parts.push(`open=${encodeURIComponent(open)}`);
  return parts.join("&");
}

/** Return the query string of what is searched for, without what lies over the pictures. */
export const queryOf = (state) => format({ ...state, open: "", copies: "" });

function parse(search) {
  const next = { ...EMPTY, terms: [] };
  for (const part of search.slice(1).split("&")) {
    const name = part.split("=", 1)[0];
    const raw = part.slice(name.length + 1);
    if (name === "q") next.q = decode(raw);
    else if (name === "add" && raw) next.terms.push(parseTerm(1, decode(raw)));
    else if (name === "subtract" && raw) next.terms.push(parseTerm(-1, decode(raw)));
    else if (name === "folder") next.folder = raw;
    else if (name === "dates" || TEXTS.includes(name)) next[name] = decode(raw).trim();
    else if (name === "hidden") next.hidden = raw === "1";
    else if (name === "copies") next.copies = raw === "1" ? "1" : "";
    else if (name === "open") next.open = decode(raw);
  }
  return next;
}

function decode(raw) {
  try {
    return decodeURIComponent(raw.replaceAll("+", " "));
  } catch {
    return raw;
  }
}

function formatTerm({ weight, kind, value }) {
  const needsWeight = weight !== 1 || (kind === "words" && /^[\d.]+:/.test(value));
  return `${needsWeight ? `${weight}:` : ""}${kind === "words" ? "" : `${kind}:`}${value}`;
}

function parseTerm(sign, text) {
  const [, weight, rest] = text.match(/^(?:(\d+\.?\d*|\.\d+):)?(.*)$/s);
  const [, kind, id] = rest.match(PICTURE) ?? [];
  return { sign, weight: weight ? Number(weight) : 1, kind: kind ?? "words", value: id ?? rest };
}

function change(next, positionThen) {
  const before = state;
  state = next;
  for (const listener of listeners) listener(state, before, positionThen);
}

function rememberPosition() {
  history.replaceState({ ...history.state, ...position() }, "");
}

addEventListener("pagehide", rememberPosition);
addEventListener("popstate", ({ state: positionThen }) => {
  isTyping = false;
  isGoingBack = false;
  change(parse(location.search), positionThen ?? {});
});
