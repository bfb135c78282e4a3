// How pictures are sorted, and whether unlikely ones are left out.

import { current, go, onChange } from "./address.js";

const sort = document.querySelector("#sort");
const likely = document.querySelector("#likely");

function show(state) {
  const isQuery = Boolean(state.q.trim() || state.terms.length);
  const [usual, newest] = sort.options;
  usual.textContent = isQuery ? "Most similar first" : "Newest first";
  newest.hidden = !isQuery && state.sort !== "date"; // else it is there twice
  sort.value = state.sort === "score" ? "" : state.sort;
  if (sort.selectedIndex < 0) usual.selected = true; // the server says that there is no such order
  likely.checked = state.likely === "1";
}

/** Return how the pictures are sorted, as in "newest first". */
export function order() {
  const [first, ...rest] = sort.selectedOptions[0].textContent;
  return first.toLowerCase() + rest.join("");
}

sort.addEventListener("change", () => go({ sort: sort.value }));
likely.addEventListener("change", () => go({ likely: likely.checked ? "1" : "" }));

onChange(show);
show(current());
