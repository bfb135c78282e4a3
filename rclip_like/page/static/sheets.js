// Sheets that open below a button of the bar.

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
