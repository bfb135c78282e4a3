// The terms beside the typed words, as chips: heavier, lighter, gone.

import { current, endStep, go, onChange } from "./address.js";
import { itemOf } from "./grid.js";
import { ask } from "./server.js";
import { address } from "./thumbnails.js";

const list = document.querySelector("#terms");
const template = document.querySelector("#term").content.firstElementChild;
const adder = document.querySelector("#add");
const form = document.querySelector("#new-term");
const input = form.querySelector("input");
// What keeps the subject of the query and still takes the picture out of the first screen: measured,
// see tests/bench/NOTES.md. At 1, what is found is the opposite of the picture, whatever was asked.
const LESS_LIKE = 0.25;
const LESS_OF = 0.5;
const PAUSE_MS = 120;
const WEIGHTS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5];

let others = []; // the terms beside the one that is being typed
let timer;
const names = new Map(); // of pictures that were met in this window

/** Make a picture a term; one that is a term already changes its sign. */
export function addPicture(item, sign) {
  names.set(item.id, item.name);
  const term = { sign, weight: sign > 0 ? 1 : LESS_LIKE, kind: "picture", value: item.id };
  go({ terms: withTerm(current().terms, term), open: "", copies: "" });
}

/** Return the terms with one more, which takes the place of an equal one. */
function withTerm(terms, term) {
  const isOther = ({ kind, value }) => kind !== term.kind || value !== term.value;
  return [...terms.filter(isOther), term];
}

/** Return a term in words, as in "more like IMG_1.jpg". */
export function inWords({ sign, weight, kind, value }) {
  const way = sign > 0 ? "more" : "less";
  const what = kind === "words" ? `of ${value}` : `like ${nameOf({ kind, value })}`;
  return `${way} ${what}${weight === 1 ? "" : ` (${weight}×)`}`;
}

/** Learn the names of pictures that came with the address. */
async function learnNames(terms) {
  const isUnknown = ({ value }) => !names.has(value) && !itemOf(value);
  const unknown = terms.filter((term) => term.kind === "picture" && isUnknown(term));
  for (const { value } of unknown) {
    names.set(value, "this picture");
    const { name } = await ask(`/api/picture/${value}`).catch(() => ({}));
    if (name) names.set(value, name);
  }
  if (unknown.length) show(current());
}

function nameOf({ kind, value }) {
  if (kind === "words") return value;
  if (kind === "pasted") return "your picture";
  return names.get(value) ?? itemOf(value)?.name ?? "this picture";
}

function chip(term, index) {
  const element = template.cloneNode(true);
  const group = element.firstElementChild;
  const [sign, picture, words, down, weight, up, remove] = group.children;
  group.className = term.sign > 0 ? "more" : "less";
  group.ariaLabel = inWords(term);
  element.dataset.index = index;
  sign.textContent = `${term.sign > 0 ? "more" : "less"} ${term.kind === "words" ? "of" : "like"}`;
  words.textContent = nameOf(term);
  if (term.kind !== "words") {
    picture.hidden = false;
    picture.onerror = () => (picture.hidden = true);
    picture.src = term.kind === "picture" ? address({ id: term.value }) : `/pasted/${term.value}`;
  }
  weight.textContent = `${term.weight}×`;
  down.ariaLabel = `Lighter: ${inWords(term)}`;
  up.ariaLabel = `Heavier: ${inWords(term)}`;
  remove.ariaLabel = `Remove: ${inWords(term)}`;
  down.disabled = term.weight <= WEIGHTS[0];
  up.disabled = term.weight >= WEIGHTS.at(-1);
  return element;
}

function show({ terms }) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const index = focused?.closest("li").dataset.index;
  list.replaceChildren(...terms.map(chip));
  learnNames(terms);
  if (!focused || focused.isConnected) return;
  const same = list.children[Math.min(index, terms.length - 1)];
  const button =
    same?.querySelector(`[data-do="${focused.dataset.do}"]:enabled`) ??
    same?.querySelector("[data-do=remove]") ??
    document.querySelector("#words");
  button.focus();
}

function act(index, what) {
  const { terms } = current();
  const { weight } = terms[index];
  const change = {
    up: () => [{ ...terms[index], weight: WEIGHTS.find((each) => each > weight) ?? weight }],
    down: () => [{ ...terms[index], weight: WEIGHTS.findLast((each) => each < weight) ?? weight }],
    remove: () => [],
  };
  go({ terms: terms.toSpliced(index, 1, ...change[what]()) });
}

/** Ask for the words of a new term, and search by them as they are typed. */
function edit(sign) {
  endStep();
  others = current().terms;
  form.hidden = false;
  adder.hidden = true;
  form.dataset.sign = sign;
  form.classList.toggle("less", sign < 0);
  form.firstElementChild.textContent = sign > 0 ? "more of" : "less of";
  input.ariaLabel = sign > 0 ? "More of" : "Less of";
  input.value = "";
  input.focus();
}

function searchTyped() {
  clearTimeout(timer);
  const value = input.value.trim();
  const sign = Number(form.dataset.sign);
  const term = { sign, weight: sign > 0 ? 1 : LESS_OF, kind: "words", value };
  go({ terms: value ? withTerm(others, term) : others }, { typing: true });
}

function stopEditing() {
  const hadFocus = form.contains(document.activeElement);
  clearTimeout(timer);
  endStep();
  form.hidden = true;
  adder.hidden = false;
  if (hadFocus) adder.querySelector(`[data-sign="${form.dataset.sign}"]`).focus();
}

list.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) act(Number(button.closest("li").dataset.index), button.dataset.do);
});
list.addEventListener("keydown", (event) => {
  if (!["Delete", "Backspace"].includes(event.key)) return;
  event.preventDefault();
  act(Number(event.target.closest("li").dataset.index), "remove");
});
adder.addEventListener("click", ({ target }) => {
  const { sign } = target.closest("button")?.dataset ?? {};
  if (sign) edit(Number(sign));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  searchTyped();
  stopEditing();
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(searchTyped, PAUSE_MS);
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // the selection stays
  input.value = "";
  searchTyped();
  stopEditing();
});
input.addEventListener("blur", () => {
  if (form.hidden) return;
  searchTyped();
  stopEditing();
});

onChange(show);
show(current());
