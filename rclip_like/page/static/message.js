// One short message at the foot of the window, at times with a way back.

const box = document.querySelector("#message");
const [sentence, button] = box.children;
const SECONDS = 10;
let timer;
const undos = []; // what can be taken back in this window, the last one last

/** Say something; `action` ({label, run}) becomes a button, and what Ctrl+Z does then and later. */
export function say(text, action = null) {
  appendBox();
  box.hidden = false;
  sentence.textContent = text;
  button.hidden = !action;
  button.textContent = action?.label ?? "";
  if (action) undos.push(action.run);
  wait();
}

/** Put the box where it is seen: over what lies over the window. */
function appendBox() {
  (document.querySelector("dialog[open]") ?? document.body).append(box);
}

/** Take the last action back that was not yet. */
export function takeBack() {
  const run = undos.pop();
  if (!run) return;
  hide();
  run();
}

function wait() {
  clearTimeout(timer);
  const end = () => (box.matches(":hover, :focus-within") ? wait() : hide());
  timer = setTimeout(end, SECONDS * 1000);
}

function hide() {
  if (box.contains(document.activeElement)) {
    const dialog = document.querySelector("dialog[open] h2");
    (dialog ?? document.querySelector('#grid a[tabindex="0"]'))?.focus();
  }
  clearTimeout(timer);
  box.hidden = true;
  sentence.textContent = "";
}

button.addEventListener("click", takeBack);
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", appendBox);
}
