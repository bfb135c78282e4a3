// The filter by folder: a box that lists the folders as you type.

import { current, go, onChange } from "./address.js";
import { say } from "./message.js";
import { ask } from "./server.js";
import { number } from "./words.js";

const box = document.querySelector("#folder");
const list = document.querySelector("#folders");
const ALL = { name: "All folders", address: "", depth: 0 };

let folders = [];
let matching = [];
let active = 0;

export async function loadFolders() {
  try {
    folders = await ask("/api/folders");
    if (list.hidden) show(current());
    else open();
  } catch (error) {
    say(error.message);
  }
}

function show({ folder }) {
  const chosen = folders.find(({ address }) => address === folder);
  box.value = folder ? chosen?.name ?? decodeName(folder) : "";
}

/** Return a folder's address as people read it. */
export function decodeName(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** Return a folder's name with that of the folder around it, which tells two of a name apart. */
const inContext = ({ name, address, depth }) =>
  depth ? decodeName(address).split("/").slice(-2).join("/") : name;

function open(typed = "") {
  const wanted = typed.trim().toLowerCase();
  const isWanted = (folder) => !wanted || inContext(folder).toLowerCase().includes(wanted);
  matching = [ALL, ...folders].filter(isWanted);
  const chosen = matching.findIndex(({ address }) => address === current().folder);
  active = wanted ? 0 : Math.max(0, chosen);
  const options = matching.map((folder, index) => option(folder, index, Boolean(wanted)));
  list.replaceChildren(...(options.length ? options : [noFolder(typed)]));
  list.hidden = false;
  box.ariaExpanded = String(!list.hidden);
  mark(active);
}

function option(folder, index, isFlat) {
  const element = document.createElement("li");
  const name = document.createElement("bdi");
  const count = document.createElement("span");
  element.id = `folder-${index}`;
  element.setAttribute("role", "option");
  element.ariaSelected = String(folder.address === current().folder);
  element.style.setProperty("--depth", isFlat ? 0 : folder.depth);
  name.textContent = isFlat ? inContext(folder) : folder.name;
  count.textContent = folder.count === undefined ? "" : number(folder.count);
  element.append(name, count);
  return element;
}

function noFolder(typed) {
  const element = document.createElement("li");
  element.setAttribute("role", "option");
  element.ariaDisabled = "true";
  element.textContent = noneCalled(typed);
  return element;
}

const noneCalled = (typed) => `No folder with pictures is called “${typed.trim()}”.`;

function mark(index) {
  list.children[active]?.classList.remove("active");
  active = index;
  const element = list.children[active];
  element?.classList.add("active");
  element?.scrollIntoView({ block: "nearest" });
  if (element?.id) box.setAttribute("aria-activedescendant", element.id);
}

function close() {
  list.hidden = true;
  box.ariaExpanded = "false";
  box.removeAttribute("aria-activedescendant");
}

function choose(index) {
  const folder = matching[index];
  if (!folder) say(noneCalled(box.value));
  close();
  if (folder) go({ folder: folder.address });
  show(current());
}

const KEYS = {
  ArrowDown: () => (list.hidden ? open() : mark(Math.min(active + 1, matching.length - 1))),
  ArrowUp: () => (list.hidden ? open() : mark(Math.max(active - 1, 0))),
  Enter: () => (list.hidden ? open() : choose(active)),
  Escape: () => {
    close();
    show(current());
  },
};

box.addEventListener("keydown", (event) => {
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  event.stopPropagation();
  KEYS[event.key]();
});
box.addEventListener("input", () => open(box.value));
box.addEventListener("click", () => list.hidden && open());
box.addEventListener("focus", () => box.select());
box.addEventListener("blur", () => {
  close();
  show(current());
});
list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
list.addEventListener("click", ({ target }) => {
  const element = target.closest("li");
  if (element) choose([...list.children].indexOf(element));
});

onChange(show);
