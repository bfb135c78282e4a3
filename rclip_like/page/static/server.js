// Requests to the program that serves this window, and its refusals as sentences.

export const GONE =
  "clipfind does not answer. If it was stopped, start clipfind serve again and open the address " +
  "that it prints.";

class Refusal extends Error {
  constructor(sentence, status = 0) {
    super(sentence);
    this.status = status;
  }
}

/** Return the answer to a GET as JSON. Raises Refusal, or AbortError when the signal says so. */
export async function ask(path, signal) {
  return (await request(path, { signal })).json();
}

/** Post JSON, or a Blob as it is; return the response. */
export function post(path, content) {
  const isBlob = content instanceof Blob;
  return request(path, {
    method: "POST",
    headers: { "Content-Type": isBlob ? "application/octet-stream" : "application/json" },
    body: isBlob ? content : JSON.stringify(content),
  });
}

/** Post, and save what comes back under a name in the browser's downloads. */
export async function download(path, content, name) {
  const response = await post(path, content);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Return why a picture has no thumbnail. */
export async function whyMissing(address) {
  try {
    await request(address);
    return "This picture cannot be shown.";
  } catch (error) {
    return error.message;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(GONE);
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new Refusal(error ?? `clipfind answered ${response.status} ${response.statusText}.`, response.status);
}
