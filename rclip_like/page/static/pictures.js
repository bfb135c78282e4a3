// A picture of the reader's own as a query: dropped, pasted or chosen.

import { go } from "./address.js";
import { say } from "./message.js";
import { post } from "./server.js";

const drop = document.querySelector("#drop");
const file = document.querySelector("#file");

async function searchBy(picture) {
  say("Looking at your picture …");
  try {
    const { id } = await (await post("/api/pasted", picture)).json();
    go({ q: "", terms: [{ sign: 1, weight: 1, kind: "pasted", value: id }], open: "", copies: "" });
    say("Searching by your picture.");
  } catch (error) {
    say(error.message);
  }
}

const hasFile = (transfer) => [...(transfer?.types ?? [])].includes("Files");

addEventListener("dragover", (event) => {
  if (!hasFile(event.dataTransfer)) return;
  event.preventDefault();
  drop.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.hidden = true;
});
addEventListener("drop", (event) => {
  drop.hidden = true;
  if (!hasFile(event.dataTransfer)) return;
  event.preventDefault();
  searchBy(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const [picture] = event.clipboardData.files;
  if (!picture) return; // words go where the cursor is
  event.preventDefault();
  searchBy(picture);
});

document.querySelector("#choose").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  if (file.files[0]) searchBy(file.files[0]);
  file.value = "";
});
