// Saved searches: a sheet that lists them, opens and removes them, and saves the present one.

import { current, onChange, queryOf } from "./address.js";
import { say } from "./message.js";
import { ask, post } from "./server.js";
import { closeOutside } from "./sheets.js";

const box = document.querySelector("#saved");
const [list, none] = box.querySelectorAll("ul, p");
const form = box.querySelector("form");
const { name, submit } = form.elements;
let isTaken = false; // whether the name typed is that of another search, to be replaced

async function show() {
  try {
    const { searches } = await ask("/api/saved");
    list.replaceChildren(...searches.map(newEntry));
    none.hidden = searches.length > 0;
  } catch (error) {
    say(error.message);
  }
}

function newEntry(search) {
  const entry = document.createElement("li");
  const remove = Object.assign(document.createElement("button"), { type: "button" });
  remove.textContent = "Remove";
  remove.ariaLabel = `Remove ${search.name}`;
  remove.addEventListener("click", () => removeSearch(search.name, remove));
  remove.addEventListener("blur", () => (remove.textContent = "Remove"));
  entry.append(search.address === null ? commandOf(search) : linkTo(search), remove);
  return entry;
}

function linkTo({ name, address }) {
  return Object.assign(document.createElement("a"), { href: `/?${address}`, textContent: name });
}

/** Return what runs a search that this page cannot show. */
function commandOf({ name }) {
  const command = document.createElement("code");
  command.textContent = `clipfind run ${name}`;
  return command;
}

/** Remove a search once the button is pressed twice. */
async function removeSearch(name, button) {
  if (button.textContent === "Remove") {
    button.textContent = "Really remove?";
    button.ariaLabel = `Really remove ${name}?`;
    return;
  }
  try {
    await post("/api/saved/remove", { name });
    form.elements.name.focus(); // the button goes
    await show();
  } catch (error) {
    say(error.message);
  }
}

async function save() {
  const state = queryOf(current());
  try {
    const response = await post("/api/saved", { name: name.value, state, replace: isTaken });
    const answer = await response.json();
    offerToReplace(!answer.saved);
    if (!answer.saved) return;
    say(`Saved as ${answer.name}.`);
    name.value = "";
    await show();
  } catch (error) {
    say(error.message);
  }
}

function offerToReplace(taken) {
  isTaken = taken;
  submit.textContent = taken ? "Replace the one of this name" : "Save";
}

box.addEventListener("toggle", () => box.open && show());
name.addEventListener("input", () => offerToReplace(false));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
onChange(() => offerToReplace(false));
closeOutside(box);
