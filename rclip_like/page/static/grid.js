// The grid of pictures: cards in justified rows, and the keyboard's way among them.

import { addressOf, current } from "./address.js";
import { whyMissing } from "./server.js";
import { alternative, date } from "./words.js";

export const grid = document.querySelector("#grid");
const template = document.querySelector("#card").content.firstElementChild;
const MIN_RATIO = 0.66;
const MAX_RATIO = 2.6;

let items = [];
let places = new Map();
let focused = 0;

export const shownItems = () => items;
export const itemOf = (id) => items[places.get(id)];
export const focusedItem = () => items[focused];
export const cardOf = (id) => grid.children[places.get(id)];
export const neighbour = (id, step) => (places.has(id) ? items[places.get(id) + step] : undefined);

/** Show these pictures instead of those that are there. */
export function replaceCards(found, total) {
  const hadFocus = grid.contains(document.activeElement);
  items = [];
  places = new Map();
  grid.replaceChildren();
  addCards(found, total);
  focused = 0;
  if (items.length) markFocused(0);
  if (hadFocus) (grid.children[0]?.firstElementChild ?? grid).focus();
}

/** Show further pictures after those that are there; one that is there already stays as it is. */
export function addCards(found, total) {
  const cards = document.createDocumentFragment();
  for (const item of found) {
    if (places.has(item.id)) continue;
    places.set(item.id, items.length);
    items.push(item);
    cards.append(card(item, total));
  }
  grid.append(cards);
  if (items.length && focused === 0) markFocused(0);
}

/** Take pictures out of the grid, and keep the focus near where it was. */
export function removeCards(ids) {
  const hadFocus = grid.contains(document.activeElement);
  for (const id of ids) cardOf(id)?.classList.add("gone");
  for (const gone of grid.querySelectorAll(".gone")) gone.remove();
  const taken = new Set(ids);
  const before = items.slice(0, focused).filter((item) => !taken.has(item.id)).length;
  items = items.filter((item) => !taken.has(item.id));
  places = new Map(items.map((item, index) => [item.id, index]));
  focused = Math.max(0, Math.min(before, items.length - 1));
  if (items.length) markFocused(focused);
  if (hadFocus && items.length) focusCard(focused);
}

function card(item, total) {
  const element = template.cloneNode(true);
  const [link, caption, tick, more, less] = element.children;
  const ratio = item.width && item.height ? item.width / item.height : 4 / 3;
  element.style.setProperty("--ratio", Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio)).toFixed(4));
  element.dataset.id = item.id;
  element.ariaPosInSet = item.rank;
  element.ariaSetSize = total;
  element.classList.toggle("hidden", item.hidden);
  link.tabIndex = -1;
  link.href = addressOf({ ...current(), open: item.id });
  link.firstElementChild.alt = alternative(item);
  link.firstElementChild.src = `/thumbnail/${item.id}?size=256`;
  caption.firstElementChild.textContent = item.name;
  caption.lastElementChild.textContent = [date(item.taken_at), item.score?.toFixed(4)].filter(Boolean).join(" · ");
  tick.ariaLabel = `Select ${item.name}`;
  more.ariaLabel = `More like ${item.name}`;
  less.ariaLabel = `Less like ${item.name}`;
  return element;
}

/** Make one card the one that Tab reaches, with its buttons. */
function markFocused(index) {
  for (const tabIndex of [-1, 0]) {
    for (const element of grid.children[focused]?.querySelectorAll("a, button") ?? []) element.tabIndex = tabIndex;
    focused = tabIndex < 0 ? index : focused;
  }
}

export function focusCard(index) {
  if (!items.length) return;
  markFocused(Math.max(0, Math.min(index, items.length - 1)));
  const link = grid.children[focused].firstElementChild;
  link.focus({ preventScroll: true });
  link.scrollIntoView({ block: "nearest" });
}

export const focusId = (id) => places.has(id) && focusCard(places.get(id));
export const focusFirst = () => focusCard(focused);

/** Return the index of the card so many rows below (above, if negative), nearest across. */
function acrossRows(rows) {
  const cards = grid.children;
  const step = Math.sign(rows);
  const middle = (index) => cards[index].offsetLeft + cards[index].offsetWidth / 2;
  const start = middle(focused);
  let best = focused;
  let at = focused;
  for (let row = 0; row < Math.abs(rows); row += 1) {
    const top = cards[best].offsetTop;
    while (cards[at] && cards[at].offsetTop === top) at += step;
    if (!cards[at]) break;
    const next = cards[at].offsetTop;
    for (best = at; cards[at] && cards[at].offsetTop === next; at += step) {
      if (Math.abs(middle(at) - start) < Math.abs(middle(best) - start)) best = at;
    }
    at = best;
  }
  return best;
}

function rowsInView() {
  return Math.max(1, Math.floor((innerHeight * 0.7) / (grid.children[focused].offsetHeight || 200)));
}

const MOVES = {
  ArrowLeft: () => focused - 1,
  ArrowRight: () => focused + 1,
  ArrowUp: () => acrossRows(-1),
  ArrowDown: () => acrossRows(1),
  PageUp: () => acrossRows(-rowsInView()),
  PageDown: () => acrossRows(rowsInView()),
  Home: () => 0,
  End: () => items.length - 1,
};

grid.addEventListener("keydown", (event) => {
  if (!(event.key in MOVES) || event.ctrlKey || event.altKey || event.metaKey || !items.length) return;
  event.preventDefault();
  focusCard(MOVES[event.key]());
});
grid.addEventListener("focusin", (event) => {
  const id = event.target.closest("li")?.dataset.id;
  if (places.has(id) && places.get(id) !== focused) markFocused(places.get(id));
});
grid.addEventListener("error", async ({ target }) => {
  const why = document.createElement("span");
  why.className = "none";
  why.textContent = target.alt;
  target.after(why);
  target.hidden = true;
  why.textContent = `${target.alt}: ${await whyMissing(target.src)}`;
}, true);
