// The filters and where words are looked for: a sheet of fields, and what is set in its summary.

import { NO_FILTERS, USUAL, current, go, onChange } from "./address.js";
import { say } from "./message.js";
import { ask } from "./server.js";
import { closeOutside } from "./sheets.js";

const box = document.querySelector("#filters");
const summary = box.querySelector("summary");
const form = box.querySelector("form");
const clear = form.querySelector("button");
const problem = form.querySelector(".problem");
const NAMES = Object.keys(NO_FILTERS);
let usualWords = "on";
const CONTRADICTED = { on: ["after", "before"], after: ["on"], before: ["on"] };

/** Learn which cameras and places there are, for the lists. */
export async function loadFacts() {
  try {
    const { cameras, places, words, videos } = await ask("/api/facts");
    if (!videos) form.querySelector("[value=video]")?.remove();
    form.elements.camera.append(...cameras.map((name) => new Option(name, name)));
    document.querySelector("#places").replaceChildren(...places.map((name) => new Option("", name)));
    usualWords = words;
    show(current());
  } catch (error) {
    say(error.message);
  }
}

export const isFiltered = (state) => NAMES.some((name) => state[name]);

/** Open the sheet, with the focus on its first field. */
export function openFilters() {
  box.open = true;
  form.elements.on.focus();
}

/** Say on the sheet, which may cover the results, why a filter finds nothing; "" takes it away. */
export function showProblem(text) {
  problem.hidden = !text;
  problem.textContent = text;
}

function show(state) {
  for (const name of NAMES) {
    const field = form.elements[name];
    const isMissing = field.options && ![...field.options].some(({ value }) => value === state[name]);
    if (isMissing) field.append(new Option(state[name], state[name])); // part of a name, as typed
    field.value = state[name];
  }
  const { words } = form.elements;
  words.value = state.words || usualWords;
  const { on, after, before, camera, type, orientation, place, near, likely, hidden } = state;
  const dates = [on, after && `from ${after}`, before && `before ${before}`];
  const size = state["min-size"] && `${state["min-size"]} or larger`;
  const where = [place, near && `around ${near}`];
  const search = words.value !== usualWords && words.selectedOptions[0]?.textContent.toLowerCase();
  const which = [search, likely && "only likely ones", hidden && "hidden ones too"];
  const set = [...dates, camera, type, size, orientation, ...where, ...which].filter(Boolean);
  summary.querySelector("b").textContent = set.length ? `: ${set.join(", ")}` : "";
  clear.disabled = !set.length;
}

form.addEventListener("change", ({ target }) => {
  if (!target.name) return; // a switch, which its own module looks after
  const typed = target.value.trim();
  const value = target.name === "words" && typed === usualWords ? "" : typed;
  const others = value ? CONTRADICTED[target.name] ?? [] : [];
  go({ [target.name]: value, ...Object.fromEntries(others.map((name) => [name, ""])) });
});
form.addEventListener("submit", (event) => event.preventDefault());
clear.addEventListener("click", () => {
  go({ ...NO_FILTERS, ...USUAL, hidden: false });
  form.elements.on.focus(); // a button that is disabled loses the focus
});
closeOutside(box);

onChange(show);
show(current());
