// The large view: one picture, the facts about it, and the way to its neighbours.

import { closeOver, current, onChange, openOver } from "./address.js";
import { focusId, hasModifier, itemOf, neighbour, rankOf } from "./grid.js";
import { say } from "./message.js";
import { numFound, onFound, showFurther } from "./results.js";
import { copyPaths, hide, isSelected, onHidden, select, showAgain } from "./selection.js";
import { ask, whyMissing } from "./server.js";
import { closeWithState } from "./sheets.js";
import { addPicture } from "./terms.js";
import { LARGE, address } from "./thumbnails.js";
import { playOrPause, prepare, stop, video } from "./video.js";
import { alternative, breakable, bytes, date, foundBy, moment, number, pixels } from "./words.js";

const dialog = document.querySelector("#large");
const picture = dialog.querySelector("img");
const crop = dialog.querySelector(".shown");
const none = dialog.querySelector(".none");
const unplayed = dialog.querySelector(".unplayed");
const heading = dialog.querySelector("h2");
const facts = dialog.querySelector("dl");
const position = dialog.querySelector(".position");
const close = closeWithState(dialog, "open");
const ENOUGH = 1.3; // times the thumbnail's pixels, enlarged without harm
const REST_MS = 500;
const MIN_SWIPE = 50;

let item = null;
let lent = []; // the pictures of a group of copies, which is leafed through in place of those found

const find = (id) => (current().copies ? lent.find((each) => each.id === id) : itemOf(id));

function beside(id, step) {
  if (!current().copies) return neighbour(id, step);
  const index = lent.findIndex((each) => each.id === id);
  return index < 0 ? undefined : lent[index + step];
}

/** Show a picture large, among these and not among those found. */
export function openAmong(pictures, id) {
  lent = pictures;
  openOver("open", id);
}

async function show(id) {
  if (!dialog.open) {
    dialog.showModal();
    heading.focus(); // people want the name first, not the first button
  }
  item = find(id) ?? null;
  if (item) fill(item);
  try {
    const answer = await ask(`/api/picture/${encodeURIComponent(id)}`);
    if (current().open === id) fill({ ...answer, ...find(id) });
  } catch (error) {
    if (current().open !== id || item) return;
    closeOver("open");
    say(error.message);
  }
}

function fill(shown) {
  const isOther = picture.dataset.id !== shown.id || item?.second !== shown.second;
  item = shown;
  heading.textContent = item.name;
  const [rank, label] = position.children;
  const [at, total] = current().copies
    ? [lent.findIndex(({ id }) => id === item.id) + 1, lent.length]
    : [rankOf(item.id), numFound()];
  rank.textContent = at ? `${number(at)} of ${number(total)}` : "";
  label.textContent = ` ${alternative(item)}`;
  facts.replaceChildren(...factsOf(item).filter(([, value]) => value).flatMap(([name, value]) => {
    const [term, fact] = [document.createElement("dt"), document.createElement("dd")];
    term.append(name);
    fact.append(...breakable(value));
    return [term, fact];
  }));
  for (const [name, query] of [["open", ""], ["download", "?download=1"]]) {
    dialog.querySelector(`[data-link=${name}]`).href = `/original/${item.id}${query}`;
  }
  showButtons();
  if (isOther) load();
  markCrop();
}

/** Mark the crop of a long picture that was found, if it was not the whole. */
function markCrop() {
  const { crop: found, width, height } = item;
  crop.hidden = !found || picture.hidden;
  if (!found) return;
  const { style } = crop.firstElementChild;
  for (const [side, length] of [["left", found.x / width], ["top", found.y / height],
    ["width", found.width / width], ["height", found.height / height]]) {
    style.setProperty(side, `${100 * length}%`);
  }
}

function factsOf(shown) {
  const { path, paths = [], latitude, longitude } = shown;
  const size = [pixels(shown), shown.size_bytes && bytes(shown.size_bytes), shown.format];
  const when = date(shown.taken_at, { withTime: true });
  return [
    ["Path", path],
    [shown.taken_from === "file" ? "Date of the file" : "Date", when],
    ["Camera", shown.camera],
    ["Size", size.filter(Boolean).join(", ")],
    ["Place", shown.place],
    ["Location", Number.isFinite(latitude) && `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`],
    ["Copies", paths.filter((each) => each !== path).join("\n")],
    ["Found at", shown.second != null && moment(shown.second)],
    ["Score", shown.score?.toFixed(4)],
    [shown.by_words ? "Found by words alone" : "Words found", foundBy(shown)],
    ["Hidden", shown.hidden && "from searches"],
  ];
}

function showButtons() {
  const isIn = isSelected(item.id);
  const button = dialog.querySelector("[data-do=select]");
  button.ariaPressed = String(isIn);
  button.textContent = isIn ? "Selected" : "Select";
  dialog.querySelector("[data-do=hide]").textContent = item.hidden ? "Show again" : "Not this one";
  for (const [name, step] of [["back", -1], ["on", 1]]) {
    // Not disabled in fact: a button that is loses the focus, and with it all keys.
    dialog.querySelector(`[data-do=${name}]`).ariaDisabled = String(!beside(item.id, step));
  }
}

/** Show the small thumbnail, which is there, then the large one, then what the screen needs. */
async function load() {
  const { id, second, width = 0, height = 0 } = item;
  const isStill = () => dialog.open && picture.dataset.id === id && item.second === second;
  stop();
  unplayed.hidden = true;
  picture.dataset.id = id;
  picture.alt = alternative(item);
  picture.hidden = false;
  none.hidden = true;
  picture.src = address(item);
  for (const { style } of [picture, video, crop]) {
    style.setProperty("--width", width || LARGE);
    style.setProperty("--height", height || LARGE);
  }
  try {
    await exchange(address(item, LARGE), isStill);
  } catch {
    const why = await whyMissing(address({ id, second }, LARGE));
    if (!isStill()) return;
    picture.hidden = true;
    crop.hidden = true;
    none.hidden = false;
    none.textContent = why;
    return;
  }
  await new Promise((resolve) => setTimeout(resolve, REST_MS)); // not while somebody leafs through
  if (!isStill()) return;
  for (const next of [beside(id, 1), beside(id, -1)].filter(Boolean)) {
    new Image().src = address(next, LARGE); // kept by the browser for the next step
  }
  if (item.is_video) {
    await showVideo(isStill);
    return;
  }
  const needed = Math.max(picture.clientWidth, picture.clientHeight) * devicePixelRatio;
  if (needed > ENOUGH * LARGE) await exchange(`/original/${id}`, isStill).catch(() => {});
}

/** Put the video in the place of its frame, which stays where the browser does not play it. */
async function showVideo(isStill) {
  const isPlayed = await prepare(item, address(item, LARGE));
  if (!isStill()) return;
  video.hidden = !isPlayed;
  picture.hidden = isPlayed;
  crop.hidden ||= isPlayed;
  if (isPlayed) video.onerror = () => isStill() && showFrame(); // its file is gone, or damaged further on
  else showFrame();
}

function showFrame() {
  stop();
  picture.hidden = unplayed.hidden = false;
  const frame = item.second == null ? "one of its frames" : `its frame at ${moment(item.second)}`;
  unplayed.textContent = `This browser does not play the video; this is ${frame}.`;
}

/** Show a picture once it is decoded; an original may be of a format that browsers do not read. */
async function exchange(source, isStill) {
  const next = new Image();
  next.src = source;
  await next.decode();
  if (isStill()) picture.src = source;
}

async function step(by) {
  if (!beside(item.id, by) && by > 0 && !current().copies) await showFurther();
  const other = beside(item.id, by);
  if (!other) return;
  openOver("open", other.id);
  if (!beside(other.id, 2) && !current().copies) showFurther();
}

/** Hide the picture and go on to the next, or show it again; a group shows hidden ones, too. */
async function hideThis() {
  const { id, hidden } = item;
  if (!current().hidden && !current().copies) {
    const next = beside(id, 1) ?? beside(id, -1);
    if (next) openOver("open", next.id);
    else closeOver("open");
  }
  await (hidden ? showAgain : hide)([id]);
  if (dialog.open) show(current().open);
}

const ACTIONS = {
  back: () => step(-1),
  on: () => step(1),
  close: () => closeOver("open"),
  more: () => addPicture(item, 1),
  less: () => addPicture(item, -1),
  select: (isRange) => {
    select(item.id, isRange);
    showButtons();
  },
  copy: () => copyPaths([item.id]),
  hide: hideThis,
  play: playOrPause,
};

const KEYS = {
  ArrowLeft: "back",
  ArrowRight: "on",
  m: "more",
  l: "less",
  x: "select",
  " ": "select",
  c: "copy",
  h: "hide",
  p: "play",
};
const KEYS_OF_VIDEO = [" ", "ArrowLeft", "ArrowRight"]; // to play, and to go through it

dialog.addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (event.key === " " && event.target.closest("button, a")) return;
  if (event.target === video && KEYS_OF_VIDEO.includes(event.key)) return;
  if (!action || !item || hasModifier(event)) return;
  event.preventDefault();
  event.stopPropagation();
  ACTIONS[action]();
});
dialog.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-do]")?.dataset.do;
  if (item || action === "close") ACTIONS[action]?.();
});

let start = null;
dialog.addEventListener("touchstart", ({ target, touches }) => {
  start = touches.length === 1 && target !== video ? touches[0] : null;
}, { passive: true });
dialog.addEventListener("touchend", ({ changedTouches: [touch] }) => {
  const across = start ? touch.clientX - start.clientX : 0;
  const down = start ? Math.abs(touch.clientY - start.clientY) : 0;
  if (Math.abs(across) > MIN_SWIPE && Math.abs(across) > 2 * down) step(across < 0 ? 1 : -1);
});

export function showLarge(state) {
  if (state.open) {
    show(state.open);
  } else if (dialog.open) {
    close();
    if (item && !state.copies) focusId(item.id);
    item = null;
    stop();
    delete picture.dataset.id;
    picture.removeAttribute("src");
  }
}

onChange(showLarge);
onHidden((ids, hidden) => {
  lent = lent.map((each) => (ids.includes(each.id) ? { ...each, hidden } : each));
  if (dialog.open && current().copies) show(current().open);
});
onFound(() => dialog.open && item && fill({ ...item, ...find(item.id) }));
