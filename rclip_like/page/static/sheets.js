// What closes sheets, which open below a button of the bar, and dialogs that lie over the pictures.

import { closeOver } from "./address.js";

/** Close a sheet on a press elsewhere, and on Escape, which gives the focus back to its button. */
export function closeOutside(box) {
  document.addEventListener("pointerdown", ({ target }) => {
    if (!box.contains(target)) box.open = false;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    event.stopPropagation();
    box.open = false;
    box.firstElementChild.focus();
  });
}

/**
 * Let Escape close the dialog of `openOver(name)`. Return how to close it once the state says so.
 *
 * The event of that comes a frame later, when a step Forward may have opened the dialog again. An
 * event without it is of the browser itself, and closes what the state says.
 */
export function closeWithState(dialog, name) {
  let numExpected = 0;
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    closeOver(name);
  });
  dialog.addEventListener("close", () => {
    if (numExpected) numExpected -= 1;
    else if (!dialog.open) closeOver(name);
  });
  return () => {
    if (!dialog.open) return;
    numExpected += 1;
    dialog.close();
  };
}
