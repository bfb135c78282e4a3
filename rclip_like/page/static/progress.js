// How far an index run is, asked gently, and a button that shows what is new.

import { current } from "./address.js";
import { isQuery, numFound, onFound, refresh } from "./results.js";
import { ask } from "./server.js";
import { loadFolders } from "./folders.js";
import { number } from "./words.js";

const box = document.querySelector("#indexing");
const text = document.querySelector("#progress");
const bar = document.querySelector("#progress-bar");
const button = document.querySelector("#show-new");
const BUSY_MS = 2_000;
const IDLE_MS = 30_000;

let seen = null; // pictures in the index when the grid was last filled
let timer;

/** Ask now, and again later; not while nobody looks at the window. */
export async function follow() {
  clearTimeout(timer);
  if (document.hidden) return;
  let isRunning = false;
  try {
    const progress = await ask("/api/progress");
    isRunning = progress.running;
    show(progress);
  } catch {
    box.hidden = true; // the next search says what is wrong
  }
  timer = setTimeout(follow, isRunning ? BUSY_MS : IDLE_MS);
}

function show(progress) {
  seen ??= progress.indexed;
  const fresh = progress.indexed - seen;
  if (fresh > 0 && !numFound() && !isQuery(current())) refresh(); // nothing there that would move
  text.textContent = progress.sentence;
  bar.hidden = !progress.running;
  bar.max = progress.total || 1;
  if (progress.total) bar.value = progress.done;
  else bar.removeAttribute("value");
  button.hidden = fresh <= 0;
  button.textContent = `${number(fresh)} more ${fresh === 1 ? "picture" : "pictures"} indexed: show`;
  box.hidden = !progress.sentence && fresh <= 0;
}

button.addEventListener("click", async () => {
  button.hidden = true;
  document.querySelector("#words").focus();
  await Promise.all([refresh(), loadFolders()]);
  follow();
});
document.addEventListener("visibilitychange", follow);
onFound(() => (seen = null));
