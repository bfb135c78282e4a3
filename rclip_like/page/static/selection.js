// The selected pictures, and what can be done with them or with one.

import { current, queryOf } from "./address.js";
import { cardOf, focusedItem, grid, itemOf, removeCards, shownItems } from "./grid.js";
import { say } from "./message.js";
import { forget, refresh } from "./results.js";
import { download, post } from "./server.js";
import { number, pictures } from "./words.js";

const bar = document.querySelector("#selection");
const count = bar.querySelector("b");
const hideButton = bar.querySelector("[data-do=hide]");
export const REFUSED = "The browser does not let this page copy.";
const STORED = "clipfind selection"; // of this tab, so that it survives a reload
const selected = new Set(stored());
const listeners = [];
let anchor = null;

export const isSelected = (id) => selected.has(id);

/** Select a picture or take it out; with `isRange` select all from the last one on. */
export function select(id, isRange = false) {
  const ids = shownItems().map((item) => item.id);
  const [from, to] = [ids.indexOf(anchor), ids.indexOf(id)].sort((a, b) => a - b);
  if (isRange && from >= 0) for (const each of ids.slice(from, to + 1)) selected.add(each);
  else if (!selected.delete(id)) selected.add(id);
  anchor = id;
  showSelection();
}

export function clearSelection() {
  selected.clear();
  anchor = null;
  showSelection();
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED)) ?? [];
  } catch {
    return []; // the browser lets this page keep nothing
  }
}

function store() {
  try {
    sessionStorage.setItem(STORED, JSON.stringify([...selected]));
  } catch {
    // as above
  }
}

/** Mark the selected cards, also those that have just come. */
function showSelection() {
  for (const element of grid.children) mark(element);
  bar.hidden = !selected.size;
  count.textContent = selected.size ? `${number(selected.size)} selected` : "";
  hideButton.textContent = areHidden([...selected]) ? "Show again" : "Not these";
  document.body.classList.toggle("selecting", selected.size > 0);
  store();
}

function mark(element) {
  const isIn = selected.has(element.dataset.id);
  if (element.classList.contains("selected") === isIn) return;
  element.classList.toggle("selected", isIn);
  element.querySelector(".tick").ariaPressed = String(isIn);
}

/** Return what an action is about: the selection, or else the picture given. */
export function targets(item = focusedItem()) {
  if (selected.size) return [...selected];
  return item ? [item.id] : [];
}

export async function copyPaths(ids) {
  await report(async () => {
    const { text } = await (await post("/api/paths", { ids })).json();
    if (!text) throw new Error("These pictures are not here any more.");
    const isCopied = await copy(text);
    const what = ids.length === 1 ? "Path" : `${number(ids.length)} paths`;
    say(isCopied ? `${what} copied.` : REFUSED);
  });
}

/** Copy a text; return whether it went. Browsers refuse the clipboard to other hosts without TLS. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

function copyOldWay(text) {
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  area.className = "off";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.focus();
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  before?.focus();
  return isCopied;
}

const areHidden = (ids) => ids.length > 0 && ids.every((id) => itemOf(id)?.hidden);

/** Hide pictures from searches, or show them again if all are hidden; with a way back. */
export function hideOrShow(ids) {
  return areHidden(ids) ? showAgain(ids) : hide(ids);
}

/** Call `listener(ids, isHidden)` whenever pictures were hidden, or shown again. */
export function onHidden(listener) {
  listeners.push(listener);
}

export function hide(ids) {
  return report(async () => {
    await post("/api/hide", { ids });
    const deselected = ids.filter((id) => selected.delete(id));
    setHidden(ids, true);
    if (!current().hidden) {
      const shown = ids.filter((id) => itemOf(id)).length;
      removeCards(ids);
      forget(shown);
    }
    const undo = { label: "Undo", run: () => showAgain(ids, deselected) };
    say(`${pictures(ids.length)} hidden from searches.`, undo);
  });
}

export function showAgain(ids, reselected = []) {
  return report(async () => {
    await post("/api/unhide", { ids });
    for (const id of reselected) selected.add(id);
    setHidden(ids, false);
    if (!current().hidden) await refresh();
    say(`${pictures(ids.length)} shown again.`);
  });
}

function setHidden(ids, isHidden) {
  for (const id of ids) {
    if (itemOf(id)) itemOf(id).hidden = isHidden;
    cardOf(id)?.classList.toggle("hidden", isHidden);
  }
  showSelection();
  for (const listener of listeners) listener(ids, isHidden);
}

async function report(action) {
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
}

const ACTIONS = {
  copy: (ids) => copyPaths(ids),
  list: (ids) => report(() => download("/api/list", { ids }, "clipfind.txt")),
  sheet: (ids) => {
    const state = queryOf(current());
    return report(async () => {
      say("Making the contact sheet …");
      await download("/api/sheet", { ids, state }, "clipfind.html");
      say("The contact sheet is among your downloads.");
    });
  },
  hide: (ids) => hideOrShow(ids),
  clear: () => clearSelection(),
};

bar.addEventListener("click", async ({ target }) => {
  const action = ACTIONS[target.closest("button")?.dataset.do];
  if (!action) return;
  await action([...selected]);
  if (bar.hidden) (grid.querySelector('a[tabindex="0"]') ?? grid).focus();
});
new MutationObserver(showSelection).observe(grid, { childList: true });
