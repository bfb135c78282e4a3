// Searches as the state says, shows what is found page by page, and says how it went.

import { NO_FILTERS, USUAL, current, go, onChange, queryOf } from "./address.js";
import { order } from "./choices.js";
import { isFiltered, showProblem } from "./filters.js";
import { addCards, focusLast, grid, hasModifier, position, replaceCards, shownItems } from "./grid.js";
import { ask } from "./server.js";
import { pictures } from "./words.js";

const FIRST = 80; // fills the screen and what lies just below, so that typing asks once
const FURTHER = 200;
const LARGEST = 1000; // that the server gives at once
const MOST_AT_END = 10_000;

const [found, foundFor] = document.querySelector("#found").children;
const notes = document.querySelector("#notes");
const empty = document.querySelector("#empty");
const end = document.querySelector("#end");
const commandNote = document.querySelector("#command-note");
const commandLine = document.querySelector("#command-line");

let controller = new AbortController();
let next = null;
let loading = null;
let total = 0;
let missing = ""; // what to say of folders that are not there now
let running = Promise.resolve();
const listeners = [];

/** Return a promise of the end of the search that is under way. */
export const settled = () => running;

/** Call a listener whenever the pictures found have changed. */
export function onFound(listener) {
  listeners.push(listener);
}

export const numFound = () => total;
export const isQuery = ({ q, terms }) => Boolean(q.trim() || terms.length);

/** Search as the state says; `count`, `scroll`, `focused`: how far the reader had come. */
export function search(position = {}) {
  running = start(position);
  return running;
}

async function start({ count = FIRST, scroll = 0, focused = 0 }) {
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  loading = null;
  document.body.classList.add("busy");
  grid.ariaBusy = "true";
  try {
    const answer = await page(0, Math.min(Math.max(count, FIRST), LARGEST), signal);
    ({ total, missing } = answer);
    next = answer.next;
    replaceCards(answer.items, total, focused);
    scrollTo(0, scroll);
    describe(answer);
    observer.unobserve(end);
    observer.observe(end);
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  } finally {
    if (!signal.aborted) {
      document.body.classList.remove("busy");
      grid.ariaBusy = "false";
    }
  }
}

/** Search again without moving the reader. */
export const refresh = () => search(position());

/** Show the next page, if there is one. */
export function showFurther() {
  if (next === null) return Promise.resolve();
  loading ??= further(FURTHER, controller.signal).finally(() => (loading = null));
  return loading;
}

/** Show the last picture found, of up to 10,000. */
async function goToEnd() {
  const { signal } = controller;
  const { focused } = position();
  document.body.classList.add("busy");
  await loading;
  while (next !== null && shownItems().length < MOST_AT_END && !signal.aborted) {
    const before = next;
    loading = further(LARGEST, signal);
    await loading;
    loading = null;
    if (next === before) break; // it failed, and says so
  }
  if (signal.aborted) return;
  document.body.classList.remove("busy");
  if (position().focused === focused) focusLast(); // else the reader went on meanwhile
}

async function further(count, signal) {
  try {
    const answer = await page(next, count, signal);
    if (signal.aborted) return;
    next = answer.next;
    addCards(answer.items);
    observer.unobserve(end); // the end may still be in view, which is said only once
    observer.observe(end);
  } catch (error) {
    if (error.name !== "AbortError") showNotes([error.message]); // scrolling on asks again
  }
}

/** Count pictures that were taken out of the grid. */
export function forget(count) {
  total = Math.max(0, total - count);
  found.textContent = summary();
  showEmpty();
  callListeners();
}

function page(start, count, signal) {
  const query = queryOf(current());
  return ask(`/api/search?${query}${query && "&"}start=${start}&count=${count}`, signal);
}

function describe(answer) {
  found.textContent = summary();
  foundFor.textContent = ` ${document.title}`; // else the same number twice is said once
  commandLine.textContent = answer.command;
  document.querySelector("#command").hidden = !answer.command; // as for pasted pictures
  commandNote.textContent = answer.command_note;
  showNotes(answer.notes);
  const isInVain = !total && isFiltered(current());
  showProblem(isInVain ? ["Nothing found.", ...answer.notes].join(" ") : "");
  if (answer.date) offerWords(answer.date);
  showEmpty();
  callListeners();
}

function callListeners() {
  for (const listener of listeners) listener();
}

function summary() {
  if (!total) return "Nothing found";
  return `${pictures(total)}, ${order()}`;
}

function showNotes(sentences) {
  notes.hidden = !sentences.length;
  notes.replaceChildren();
  for (const text of sentences) {
    notes.append(Object.assign(document.createElement("li"), { textContent: text }));
  }
}

/** Put a button behind the note on the date that was taken out of the words. */
function offerWords(date) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `Search for \u201c${date}\u201d as words`;
  button.addEventListener("click", () => {
    go({ dates: "off" });
    document.querySelector("#words").focus(); // the button goes
  });
  notes.firstElementChild.append(" ", button);
}

function showEmpty() {
  const state = current();
  empty.hidden = total > 0;
  if (missing) explain("The pictures are not there now.", missing, "Try again", () => search());
  else if (state.folder && !isQuery(state) && !isFiltered(state)) {
    explain("There are no pictures in this folder.", "", "Show all folders", startAfresh);
  } else if (isQuery(state) || isFiltered(state)) {
    const advice = isFiltered(state)
      ? "Try fewer filters, other words, or another folder."
      : "Try other words, another folder, or fewer terms.";
    if (state.likely) explain("Nothing found.", advice, "Show unlikely ones", showUnlikely);
    else explain("Nothing found.", advice, "Start afresh", startAfresh);
  } else {
    explain("There are no pictures here yet.", "They appear once clipfind has indexed some.");
  }
}

function startAfresh() {
  go({ q: "", terms: [], folder: "", open: "", ...NO_FILTERS, ...USUAL });
  document.querySelector("#words").focus();
}

function showUnlikely() {
  go({ likely: "" });
  document.querySelector("#words").focus(); // the button goes
}

function fail(error) {
  empty.hidden = false;
  total = 0;
  next = null;
  replaceCards([], 0);
  showNotes([]);
  found.textContent = "";
  document.querySelector("#command").hidden = true;
  foundFor.textContent = error.message; // read aloud
  showProblem(error.status === 400 && isFiltered(current()) ? error.message : "");
  // What the address asks for is not served any more, or makes no sense: it fails again.
  const isInVain = [400, 404].includes(error.status) && queryOf(current());
  if (isInVain) explain("That did not work.", error.message, "Start afresh", startAfresh);
  else explain("That did not work.", error.message, "Try again", () => search());
}

function explain(what, why, label = "", run = null) {
  const [first, second, button] = empty.children;
  first.textContent = what;
  second.textContent = why;
  button.hidden = !run;
  button.textContent = label;
  button.onclick = run;
}

const observer = new IntersectionObserver(
  (entries) => entries.some((entry) => entry.isIntersecting) && showFurther(),
  { rootMargin: "1000px" },
);

grid.addEventListener("keydown", (event) => {
  if (event.key === "End" && !hasModifier(event)) goToEnd();
});
onChange((state, before, position) => {
  if (queryOf(state) !== queryOf(before)) search(position ?? {});
});
