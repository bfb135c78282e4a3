// Groups of copies: the server looks for them in the background, and people look them through.

import { addressOf, closeOver, current } from "./address.js";
import { decodeName } from "./folders.js";
import { hasModifier } from "./grid.js";
import { openAmong } from "./large.js";
import { say } from "./message.js";
import { REFUSED, copy, hide, onHidden, showAgain } from "./selection.js";
import { ask, post } from "./server.js";
import { closeWithState } from "./sheets.js";
import { address } from "./thumbnails.js";
import { bytes, date, number, pixels } from "./words.js";

const dialog = document.querySelector("#copies");
const [heading, about, working, notes, again, script, list, pages] = dialog.children[0].children;
const [step, bar] = working.children;
const [range, back, on] = pages.children;
const groupTemplate = document.querySelector("#group").content.firstElementChild;
const copyTemplate = document.querySelector("#copy").content.firstElementChild;
const close = closeWithState(dialog, "copies");
const AT_ONCE = 20;
const WAIT_MS = 500;

let folder = null;
let start = 0;
let groups = [];
let timer;
let numAsked = 0;

const query = () => (folder ? `folder=${folder}` : "");

/** Open or close the groups, as the state says. */
export function showCopies(state) {
  if (!state.copies) {
    clearTimeout(timer);
    close();
  } else if (!dialog.open || folder !== state.folder) {
    folder = state.folder;
    open();
    find();
  }
}

function open() {
  const large = document.querySelector("#large[open]");
  if (!dialog.open) dialog.showModal();
  heading.focus();
  if (!large) return;
  large.close(); // it lies over the groups, whichever came first
  large.showModal();
  large.querySelector("h2").focus();
}

/** Look for copies; those that the server keeps and that are still right do, unless `anew`. */
async function find({ anew = false } = {}) {
  clearTimeout(timer);
  numAsked += 1; // an answer that comes now is of the run before
  start = 0;
  list.replaceChildren();
  groups = [];
  pages.hidden = again.hidden = true;
  notes.replaceChildren();
  about.textContent = `Looking for copies in ${folder ? decodeName(folder) : "all folders"} …`;
  try {
    await post("/api/copies/find", { state: query(), anew });
    await follow();
  } catch (error) {
    fail(error);
  }
}

/** Ask how far the run is until it has ended, and show what it has found. */
async function follow() {
  clearTimeout(timer);
  const asked = (numAsked += 1);
  const inFolder = query();
  const answer = await ask(`/api/copies?${inFolder}${inFolder && "&"}start=${start}&count=${AT_ONCE}`);
  if (!dialog.open || asked !== numAsked) return; // closed, or asked again since
  if (!answer.running && working.contains(document.activeElement)) heading.focus(); // Stop goes
  working.hidden = !answer.running;
  script.querySelector("code").textContent = answer.command;
  if (!answer.running) {
    show(answer);
    return;
  }
  step.textContent = answer.sentence;
  bar.max = answer.total || 1;
  if (answer.total) bar.value = answer.done;
  else bar.removeAttribute("value");
  timer = setTimeout(() => follow().catch(fail), WAIT_MS);
}

function fail(error) {
  working.hidden = true;
  again.hidden = false;
  about.textContent = error.message;
}

function show({ found, sentence }) {
  again.hidden = false;
  about.textContent = [sentence, found && `${found.summary}.`].filter(Boolean).join(" ") || "Stopped.";
  if (!found) return;
  const changed = "The index has changed since these were looked for.";
  const sentences = found.is_current ? found.notes : [changed, ...found.notes];
  const element = (textContent) => Object.assign(document.createElement("li"), { textContent });
  notes.replaceChildren(...sentences.map(element));
  groups = found.groups;
  list.replaceChildren(...groups.map(newGroup));
  mark(list.querySelector("a"));
  pages.hidden = found.total <= AT_ONCE;
  range.textContent = `Groups ${number(start + 1)} to ${number(start + groups.length)} of ${number(found.total)}`;
  back.disabled = start === 0;
  on.disabled = start + groups.length >= found.total;
}

function newGroup(group) {
  const element = groupTemplate.cloneNode(true);
  const [title, why, shown, button] = element.children;
  const others = group.size - 1;
  title.textContent = group.why
    ? `Group ${number(group.number)}: ${others === 1 ? "1 copy" : `${number(others)} copies`}`
    : `Group ${number(group.number)}: burst`;
  why.textContent = sentencesOn(group).join(" ");
  shown.replaceChildren(...group.pictures.map((picture) => newPicture(picture, group)));
  button.hidden = !targetsOf(group).length;
  button.textContent = actionOn(group);
  return element;
}

function sentencesOn({ why, pictures, size, are_equal: areEqual }) {
  if (why && pictures[0].gone) return ["The picture to keep is gone or has changed. Look again."];
  return [
    why ? `The first is proposed to be kept: ${why}.` : "Several shots; none is a copy.",
    areEqual && "Equal files, which searches here show once.",
    size > pictures.length && `${number(size - pictures.length)} more are not shown.`,
  ].filter(Boolean);
}

/** Return the copies to hide, or to show again if all are hidden: those that are other contents. */
const targetsOf = ({ hide: toHide, show: toShow }) => (toHide.length ? toHide : toShow);

function actionOn({ hide: toHide }) {
  if (!toHide.length) return "Show again in searches";
  return `Hide ${toHide.length === 1 ? "the near copy" : `${number(toHide.length)} near copies`}`;
}

function newPicture(picture, { why }) {
  const element = copyTemplate.cloneNode(true);
  const link = element.firstElementChild;
  const [image, role, name, inFolder, facts] = link.children;
  link.href = addressOf({ ...current(), open: picture.id });
  link.dataset.id = picture.id;
  element.classList.toggle("kept", Boolean(why) && !picture.role);
  element.classList.toggle("hidden", picture.hidden);
  if (picture.gone) image.remove();
  else image.src = address(picture);
  const what = picture.role || (why ? "keep" : "burst");
  role.textContent = [what, picture.hidden && "hidden", picture.gone && "gone or changed"]
    .filter(Boolean).join(", ");
  name.textContent = picture.name;
  inFolder.textContent = picture.folder;
  facts.textContent = [pixels(picture), bytes(picture.size_bytes), date(picture.taken_at)]
    .filter(Boolean).join(", ");
  return element;
}

/** Let Tab come to one picture, and to the button of its group. */
function mark(link) {
  for (const each of list.querySelectorAll("a, button")) each.tabIndex = -1;
  if (!link) return;
  link.tabIndex = 0;
  link.closest(".group").querySelector(":scope > button").tabIndex = 0;
}

const groupOf = (target) => groups[[...list.children].indexOf(target.closest(".group"))];

/** Show a picture large, to be leafed through with the different ones of its group. */
function openLarge(link) {
  const item = link.parentElement;
  const { pictures } = groupOf(link);
  const opened = pictures[[...item.parentElement.children].indexOf(item)];
  const isFirst = ({ id }, index) => pictures.findIndex((each) => each.id === id) === index;
  const isShown = (each, index) => each === opened || (each.id !== opened.id && isFirst(each, index));
  openAmong(pictures.filter((each, index) => !each.gone && isShown(each, index)), opened.id);
}

function hideOrShow(group) {
  const ids = targetsOf(group);
  if (ids.length) (group.hide.length ? hide : showAgain)(ids);
}

/** Show the same groups as they are now, and keep the focus where it was. */
async function reload() {
  if (!dialog.open) return;
  const links = [...list.querySelectorAll("a")];
  const at = links.findIndex(({ tabIndex }) => tabIndex === 0);
  const hadFocus = list.contains(document.activeElement);
  await follow().catch(fail);
  const link = list.querySelectorAll("a")[at] ?? list.querySelector("a");
  mark(link);
  if (hadFocus) link?.focus({ preventScroll: true });
}

async function turn(by) {
  start = Math.max(0, start + by);
  await follow().catch(fail);
  dialog.scrollTo(0, 0);
  heading.focus();
}

/** Return the link that a key leads to from another one. */
function linkAt(key, link) {
  const links = [...list.querySelectorAll("a")];
  const index = links.indexOf(link);
  const group = link.closest(".group");
  return {
    ArrowLeft: () => links[index - 1],
    ArrowRight: () => links[index + 1],
    ArrowUp: () => group.previousElementSibling?.querySelector("a"),
    ArrowDown: () => group.nextElementSibling?.querySelector("a"),
    Home: () => links[0],
    End: () => links.at(-1),
  }[key]?.();
}

list.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = event.target.closest("a, button");
  if (!target) return;
  event.preventDefault();
  if (target.matches("a")) openLarge(target);
  else hideOrShow(groupOf(target));
});
list.addEventListener("keydown", (event) => {
  if (hasModifier(event)) return;
  const link = event.target.closest("a") ?? event.target.closest(".group").querySelector("a");
  const next = linkAt(event.key, link);
  if (next) {
    next.focus();
    next.closest(".group").scrollIntoView({ block: "nearest" });
  } else if (event.key === "h") hideOrShow(groupOf(link));
  else return;
  event.preventDefault();
});
list.addEventListener("focusin", ({ target }) => target.matches("a") && mark(target));
list.addEventListener("error", ({ target }) => (target.hidden = true), true);

const ACTIONS = {
  close: () => closeOver("copies"),
  stop: () => post("/api/copies/stop", {}).catch(fail),
  again: () => {
    heading.focus(); // the button goes
    find({ anew: true });
  },
  back: () => turn(-AT_ONCE),
  on: () => turn(AT_ONCE),
  copy: async () => {
    const isCopied = await copy(script.querySelector("code").textContent);
    say(isCopied ? "Command line copied." : REFUSED);
  },
};
dialog.addEventListener("click", ({ target }) => ACTIONS[target.closest("[data-do]")?.dataset.do]?.());
onHidden(reload);

const style = document.createElement("link");
await new Promise((resolve) => {
  style.onload = style.onerror = resolve;
  Object.assign(style, { rel: "stylesheet", href: "/static/copies.css" });
  document.head.append(style);
});
