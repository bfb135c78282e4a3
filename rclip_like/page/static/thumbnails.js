// Loads the cards' thumbnails, few at a time, and sharper ones where the screen shows more pixels.

const MOST = 4; // of a browser's six connections two stay free for searches
const SMALL = 256;
export const LARGE = 1024;
const ENOUGH = 1.5; // times the thumbnail's pixels
const REST_MS = 700;

const waiting = new Map(); // image -> address, the first comes first
const running = new Set();
const items = new WeakMap(); // image -> item
const sharpened = new WeakMap(); // image -> address
let timer;

/** Return the address of the thumbnail of a picture, or of the moment of a video that was found. */
export const address = ({ id, second }, size = SMALL) =>
  `/thumbnail/${id}?size=${size}${second == null ? "" : `&second=${second}`}`;

/** Load the thumbnail of a picture into an image, when its turn comes. */
export function load(image, item) {
  const source = address(item);
  if (items.has(image) && address(items.get(image)) === source) return;
  stop(image);
  items.set(image, item);
  waiting.set(image, source);
  advance();
}

/** Ask no longer for the thumbnail of an image that went. */
export function stop(image) {
  waiting.delete(image);
  if (running.delete(image)) image.removeAttribute("src");
  items.delete(image);
  advance();
}

function advance() {
  for (const [image, source] of waiting) {
    if (running.size >= MOST) return;
    waiting.delete(image);
    running.add(image);
    image.src = source;
  }
  clearTimeout(timer);
  timer = setTimeout(sharpen, REST_MS);
}

function settle({ target }) {
  if (running.delete(target)) advance();
}

/** Exchange visible thumbnails for larger ones if they are too few pixels, one after the other. */
async function sharpen() {
  const begun = timer;
  for (const image of document.querySelectorAll("#grid img")) {
    const { top, bottom, width, height } = image.getBoundingClientRect();
    const isShown = bottom > 0 && top < innerHeight && image.naturalWidth > 0;
    if (!isShown || !items.has(image)) continue;
    const source = address(items.get(image), LARGE);
    if (sharpened.get(image) === source) continue;
    const needed = Math.max(width, height) * devicePixelRatio;
    if (needed < ENOUGH * Math.max(image.naturalWidth, image.naturalHeight)) continue;
    const larger = new Image();
    larger.src = source;
    await larger.decode().catch(() => {});
    if (timer !== begun) return;
    sharpened.set(image, source); // its original may have no more pixels
    if (larger.naturalWidth > image.naturalWidth) image.src = larger.src;
  }
}

const grid = document.querySelector("#grid");
grid.addEventListener("load", settle, true);
grid.addEventListener("error", settle, true);
