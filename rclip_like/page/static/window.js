// The window of clipfind serve: the search box, the keys, and the start of all parts.

import { addressOf, closeOver, current, go, onChange, openOver } from "./address.js";
import { loadFacts, openFilters } from "./filters.js";
import { loadFolders } from "./folders.js";
import { focusedItem, focusFirst, grid, hasModifier, itemOf } from "./grid.js";
import { showLarge } from "./large.js";
import { say, takeBack } from "./message.js";
import { follow } from "./progress.js";
import { search, settled } from "./results.js";
import { REFUSED, clearSelection, copy, copyPaths, hideOrShow, select, targets } from "./selection.js";
import { GONE } from "./server.js";
import { closeOutside } from "./sheets.js";
import { addPicture, inWords } from "./terms.js";
import "./pictures.js";
import "./saved.js";

const PAUSE_MS = 120;
const words = document.querySelector("#words");
const withHidden = document.querySelector("#hidden");
const keys = document.querySelector("#keys");
let timer = 0; // of words that are typed and not yet searched for

function searchWords(typing = true) {
  forgetTyped();
  const isSame = words.value.trim() === current().q.trim();
  go({ q: words.value, dates: isSame ? current().dates : "" }, { typing });
}

function forgetTyped() {
  clearTimeout(timer);
  timer = 0;
}

function show(state, before, position) {
  if (position) forgetTyped(); // a step in the history, which has words of its own
  if (!timer && words.value.trim() !== state.q.trim()) words.value = state.q;
  withHidden.checked = state.hidden;
  const query = [state.q.trim(), ...state.terms.map(inWords)].filter(Boolean).join(", ");
  document.title = query ? `${query} – clipfind` : "clipfind";
  for (const card of grid.children) {
    card.firstElementChild.href = addressOf({ ...state, open: card.dataset.id });
  }
}

words.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(searchWords, PAUSE_MS);
});
words.addEventListener("keydown", (event) => {
  if (event.key === "/" && !words.value) event.preventDefault(); // it came here already
  if (event.key === "Escape" && !words.value) words.blur();
  if (!["ArrowDown", "Enter"].includes(event.key) || event.isComposing) return;
  event.preventDefault();
  searchWords();
  settled().then(focusFirst);
});
document.querySelector("#search").addEventListener("submit", (event) => event.preventDefault());
withHidden.addEventListener("change", () => go({ hidden: withHidden.checked }));
document.querySelector("#show-keys").addEventListener("click", () => keys.showModal());
closeOutside(document.querySelector("#command"));
document.querySelector("#copy-command").addEventListener("click", async () => {
  const isCopied = await copy(document.querySelector("#command-line").textContent);
  say(isCopied ? "Command line copied." : REFUSED);
});

const copies = document.querySelector("#copies");
document.querySelector("#show-copies").addEventListener("click", () => openOver("copies", "1"));

/** Show the groups of copies, or close them; their module is loaded when they are first opened. */
async function showCopies(state) {
  if (!state.copies && !copies.open) return;
  try {
    (await import("./copies.js")).showCopies(current());
  } catch {
    closeOver("copies");
    say(GONE);
  }
}

document.querySelector("#unfold").addEventListener("click", ({ currentTarget }) => {
  const isUnfolded = currentTarget.parentElement.classList.toggle("unfolded");
  currentTarget.ariaExpanded = String(isUnfolded);
});

const ACTIONS = {
  more: (item) => addPicture(item, 1),
  less: (item) => addPicture(item, -1),
  select: (item, event) => select(item.id, event.shiftKey),
  copy: (item) => copyPaths(targets(item)),
  hide: (item) => hideOrShow(targets(item)),
};
const KEYS = { m: "more", l: "less", x: "select", X: "select", " ": "select", c: "copy", h: "hide" };

grid.addEventListener("click", (event) => {
  const item = itemOf(event.target.closest("li")?.dataset.id);
  const action = event.target.closest("button")?.dataset.do;
  if (!item || event.ctrlKey || event.metaKey) return;
  if (action) ACTIONS[action](item, event);
  else if (event.shiftKey) select(item.id, true);
  else if (event.target.closest("a")) openOver("open", item.id);
  else return;
  event.preventDefault();
});
grid.addEventListener("keydown", (event) => {
  const action = ACTIONS[KEYS[event.key]];
  const pressesButton = event.key === " " && event.target.closest("button");
  if (!action || hasModifier(event) || pressesButton) return;
  event.preventDefault();
  action(focusedItem(), event);
});

const isTyping = (target) => target.matches("input:not([type=checkbox]), textarea");

/** Copy the selection's paths wherever the focus is, unless words are selected. */
function copySelection() {
  const ids = targets(null);
  if (ids.length && !String(getSelection())) copyPaths(ids);
}

function focusWords() {
  words.focus({ preventScroll: true });
  words.select();
}

/** Return whether a key, pressed where nothing has the focus, begins a search. */
function beginsSearch(key) {
  const isKey = key in WINDOW_KEYS && (key !== "c" || targets(null).length);
  return /^[\p{L}\p{N}]$/u.test(key) && !isKey;
}

const WINDOW_KEYS = {
  "/": focusWords,
  Escape: clearSelection,
  c: copySelection,
  f: openFilters,
  "?": () => keys.showModal(),
};

addEventListener("keydown", (event) => {
  if (isTyping(event.target) || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey) {
    event.preventDefault(); // else the browser changes the words in the search box
    takeBack();
    return;
  }
  const dialog = document.querySelector("dialog[open]");
  if (hasModifier(event)) return;
  if (!dialog && event.target === document.body && beginsSearch(event.key)) {
    focusWords();
    return;
  }
  if (!(event.key in WINDOW_KEYS)) return;
  if (dialog && (event.key !== "?" || dialog === keys)) return;
  event.preventDefault();
  WINDOW_KEYS[event.key]();
});

onChange(show);
onChange(showCopies);
show(current());
showCopies(current());
await search(history.state ?? {});
showLarge(current());
const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)").matches;
const isBusy = document.activeElement !== document.body || current().q;
if (hasKeyboard && !isBusy) words.focus({ preventScroll: true });
loadFolders();
loadFacts();
follow();
