// The grid of pictures: the cards near the window are there, and the keyboard's way among all.
//
// With 10,000 cards in the document a scrolled frame took 100 ms, whatever their containment; with
// those of three screens it takes what the screen takes.

import { addressOf, current, positionIs } from "./address.js";
import { justify } from "./rows.js";
import { whyMissing } from "./server.js";
import { load, stop } from "./thumbnails.js";
import { alternative, date, foundBy, number, playedFrom } from "./words.js";

export const grid = document.querySelector("#grid");
const [header, box] = document.querySelectorAll("header, #search");
const template = document.querySelector("#card").content.firstElementChild;
const MIN_RATIO = 0.66;
const MAX_RATIO = 2.6;
const SIDES = ["left", "top", "width", "height"];

let items = [];
let indexes = new Map(); // by id
let boxes = [];
let focused = 0;
let total = 0;
const cards = new Map(); // those in the document, by id

export const shownItems = () => items;
export const itemOf = (id) => items[indexes.get(id)];
export const cardOf = (id) => cards.get(id);
/** Return the number of a picture among those found, from 1 on. */
export const rankOf = (id) => indexes.get(id) + 1;
export const focusedItem = () => items[focused];
export const neighbour = (id, step) => (indexes.has(id) ? items[indexes.get(id) + step] : undefined);

/** How far the reader has come. */
export const position = () => ({ count: items.length, scroll: scrollY, focused });

/** Show these pictures, of `numFound`, instead of those that are there; Tab comes to one. */
export function replaceCards(found, numFound, index = 0) {
  const hadFocus = grid.contains(document.activeElement);
  focused = Math.max(0, Math.min(index, found.length - 1));
  total = numFound;
  show(found);
  for (const [id, element] of cards) fill(element, itemOf(id));
  if (hadFocus) (cards.get(items[focused]?.id)?.firstElementChild ?? grid).focus({ preventScroll: true });
}

/** Show further pictures after those that are there; one that is there already stays as it is. */
export function addCards(found) {
  show([...items, ...found.filter(({ id }) => !indexes.has(id))]);
}

/** Take pictures out of the grid, and keep the focus near where it was. */
export function removeCards(ids) {
  const hadFocus = grid.contains(document.activeElement);
  const taken = new Set(ids);
  const left = items.filter(({ id }) => !taken.has(id));
  const before = items.slice(0, focused).filter(({ id }) => !taken.has(id)).length;
  focused = Math.max(0, Math.min(before, left.length - 1));
  total -= items.length - left.length;
  show(left);
  for (const [id, element] of cards) fill(element, itemOf(id));
  if (hadFocus) focusCard(focused);
}

function show(shown) {
  items = shown;
  indexes = new Map(items.map(({ id }, index) => [id, index]));
  arrange();
}

function arrange() {
  const style = getComputedStyle(grid);
  const [rowHeight, gap] = [style.lineHeight, style.columnGap].map(parseFloat);
  boxes = justify(items.map(ratioOf), grid.clientWidth, rowHeight, gap);
  const last = boxes.at(-1);
  grid.style.setProperty("--height", `${last ? last.top + last.height : 0}px`);
  render();
}

function ratioOf({ width, height }) {
  return Math.min(MAX_RATIO, Math.max(MIN_RATIO, width && height ? width / height : 4 / 3));
}

/** Put the cards of three screens into the document, and the one that Tab reaches. */
function render() {
  const top = scrollY - offsetTop();
  const from = firstBelow(top - innerHeight);
  const to = firstBelow(top + 2 * innerHeight, from);
  const wanted = new Set(items.slice(from, to).map(({ id }) => id));
  if (items[focused]) wanted.add(items[focused].id);
  for (const [id, element] of cards) {
    if (wanted.has(id)) continue;
    stop(element.querySelector("img"));
    element.remove();
    cards.delete(id);
  }
  let next = grid.firstElementChild;
  for (const index of [...wanted].map((id) => indexes.get(id)).sort((a, b) => a - b)) {
    const element = cards.get(items[index].id) ?? newCard(items[index]);
    if (element === next) next = next.nextElementSibling;
    else grid.insertBefore(element, next);
    for (const side of SIDES) element.style[side] = `${boxes[index][side]}px`;
    for (const each of element.querySelectorAll("a, button")) {
      each.tabIndex = index === focused ? 0 : -1;
    }
  }
}

/** Return the height of what stays above the pictures: the box alone on a phone. */
const heightAbove = () => header.offsetHeight || box.offsetHeight;
const offsetTop = () => grid.getBoundingClientRect().top + scrollY;

/** Return the index of the first picture that ends below `top`, from `start` on. */
function firstBelow(top, start = 0) {
  let [low, high] = [start, boxes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boxes[middle].top + boxes[middle].height < top) low = middle + 1;
    else high = middle;
  }
  return low;
}

function newCard(item) {
  const element = template.cloneNode(true);
  cards.set(item.id, element);
  fill(element, item);
  return element;
}

function fill(element, item) {
  const [link, caption, tick, more, less, mark] = element.children;
  const image = link.firstElementChild;
  element.dataset.id = item.id;
  element.ariaPosInSet = rankOf(item.id);
  element.ariaSetSize = total;
  element.classList.toggle("hidden", item.hidden);
  link.href = addressOf({ ...current(), open: item.id });
  const marks = [playedFrom(item), item.by_words && "by words"].filter(Boolean);
  image.alt = [alternative(item), playedFrom(item), foundBy(item)].filter(Boolean).join(", ");
  load(image, item);
  const [name, about, words] = caption.children;
  name.textContent = item.name;
  const rank = `${number(rankOf(item.id))} of ${number(total)}`;
  const facts = [rank, date(item.taken_at), item.score?.toFixed(4)];
  about.textContent = facts.filter(Boolean).join(" · ");
  words.textContent = foundBy(item);
  mark.hidden = !marks.length;
  mark.textContent = marks.join(" · ");
  tick.ariaLabel = `Select ${item.name}`;
  more.ariaLabel = `More like ${item.name}`;
  less.ariaLabel = `Less like ${item.name}`;
}

/** Move the focus to a card, and the window only as far as it must. */
function focusCard(index) {
  if (!items.length) return;
  focused = Math.max(0, Math.min(index, items.length - 1));
  const { top, height } = boxes[focused];
  const above = offsetTop() + top - heightAbove() - 8;
  const below = offsetTop() + top + height + 88 - innerHeight; // room for the bar of the selection
  if (scrollY > above) scrollTo(0, above);
  else if (scrollY < below) scrollTo(0, Math.min(above, below));
  render();
  cards.get(items[focused].id).firstElementChild.focus({ preventScroll: true });
}

export const focusId = (id) => indexes.has(id) && focusCard(indexes.get(id));
export const focusLast = () => focusCard(items.length - 1);
export const focusFirst = () => focusCard(focused);

/** Return the index of the picture so many rows below (above, if negative), nearest across. */
function acrossRows(rows) {
  const wanted = Math.max(0, Math.min(boxes[focused].row + rows, boxes.at(-1).row));
  const middle = ({ left, width }) => left + width / 2;
  const away = (index) => Math.abs(middle(boxes[index]) - middle(boxes[focused]));
  const step = Math.sign(wanted - boxes[focused].row);
  let best = focused;
  for (let at = focused; step && boxes[at] && (boxes[at].row - wanted) * step <= 0; at += step) {
    const isFirst = boxes[best].row !== wanted;
    if (boxes[at].row === wanted && (isFirst || away(at) < away(best))) best = at;
  }
  return best;
}

const rowsInView = () => Math.max(1, Math.floor((innerHeight * 0.7) / boxes[focused].height));

const MOVES = {
  ArrowLeft: () => focused - 1,
  ArrowRight: () => focused + 1,
  ArrowUp: () => acrossRows(-1),
  ArrowDown: () => acrossRows(1),
  PageUp: () => acrossRows(-rowsInView()),
  PageDown: () => acrossRows(rowsInView()),
  Home: () => 0,
  End: () => items.length - 1, // of those that are there; results.js brings the others
};

export const hasModifier = ({ ctrlKey, altKey, metaKey }) => ctrlKey || altKey || metaKey;

grid.addEventListener("keydown", (event) => {
  if (!(event.key in MOVES) || hasModifier(event) || !items.length) return;
  event.preventDefault();
  focusCard(MOVES[event.key]());
});
grid.addEventListener("focusin", (event) => {
  const index = indexes.get(event.target.closest("li")?.dataset.id);
  if (index === undefined || index === focused) return;
  focused = index;
  render();
});
grid.addEventListener("error", async ({ target }) => {
  const why = document.createElement("span");
  why.className = "none";
  why.textContent = target.alt;
  target.after(why);
  target.hidden = true;
  why.textContent = `${target.alt}: ${await whyMissing(target.src)}`;
}, true);

let isWaiting = false;
addEventListener("scroll", () => {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    render();
  });
}, { passive: true });

let width = grid.clientWidth;
new ResizeObserver(() => {
  if (grid.clientWidth === width) return;
  width = grid.clientWidth;
  const at = firstBelow(scrollY - offsetTop() + heightAbove());
  const isScrolled = scrollY > offsetTop();
  arrange();
  if (isScrolled && boxes[at]) scrollTo(0, offsetTop() + boxes[at].top - heightAbove());
}).observe(grid);

positionIs(position);
