// A file is chosen, looked at and sent.

import { $, ask, bytes, fault, odd, unreadable } from "./dom.js";
import { choice, steps } from "./choice.js";
import { recent } from "./recent.js";
import { OF_PIPELINES, chosen, forget, look, options } from "./look.js";

const CHANGED = { detail: "The file was changed while it was sent: the job, which is listed below, may have parts of it from before and from after.", hint: "Send it again when nobody writes to it." };
const INVITATION = [$("chosen").textContent, $("chosen-size").textContent];

const pipeline = choice("");
let request = null;

function file() {
  return $("file").files[0];
}

function choose() {
  [$("chosen").textContent, $("chosen-size").textContent] = file() ? [file().name, bytes(file().size)] : INVITATION;
  forget();
  inspect();
}

async function inspect() {
  pipeline.clear();
  const problem = await look(file(), pipeline.fields());
  if (problem) pipeline.blame(problem);
  // The service may be away, which the list notices, and when it is back.
  if (!$("look-fault").hidden) recent();
}

function progress(part, sent, total) {
  const size = part < 1 ? `Sending ${file().name}: ${bytes(sent)} of ${bytes(total)}` : `Sent ${file().name}; storing it …`;
  $("upload-bar").value = part;
  $("upload-text").textContent = size;
}

function busy(sending) {
  $("asked").disabled = $("look").inert = sending;
  $("upload").hidden = !sending;
}

// `opened` is told the id of the new job, and what was open when it was sent.
function send(event, opened) {
  event.preventDefault();
  const form = new FormData();
  for (const [name, value] of [...pipeline.fields(), ...chosen($("look-options"))]) form.append(name, value);
  // In the name of a part browsers write %22 for a quotation mark.
  form.append("filename", file().name);
  form.append("file", file());
  const open = location.hash;
  request = new XMLHttpRequest();
  request.upload.onprogress = (at) => progress(at.loaded / at.total, at.loaded, at.total);
  request.onloadend = () => ended(opened, open);
  request.open("POST", "/upload_csv");
  $("refused").hidden = true;
  progress(0, 0, file().size);
  busy(true);
  $("stop").focus();
  request.send(form);
}

async function ended(opened, open) {
  const { status, responseText } = request;
  const stopped = request.stopped;
  // A browser notices it only where it begins to read.
  const changed = status === 202 && (await unreadable(file()));
  request = null;
  busy(false);
  if (status !== 202) {
    document.querySelector("#submit .primary").focus();
    if (!stopped) refused(await why(status, responseText));
    return;
  }
  $("file").value = "";
  choose();
  if (!changed) return opened(JSON.parse(responseText).job_id, open);
  document.querySelector("#submit .primary").focus();
  fault($("refused"), CHANGED);
  recent();
}

// At its place, where it may be told already.
function refused(problem) {
  const told = problem.code && !$("look-fault").hidden && $("look-fault").textContent.includes(problem.detail);
  if (OF_PIPELINES.includes(problem.code)) pipeline.blame(problem);
  else if (!told) fault($("refused"), problem);
}

async function why(status, text) {
  if (!status) return (await unreadable(file())) ?? lost();
  try {
    return JSON.parse(text);
  } catch {
    return odd(status);
  }
}

async function lost() {
  const { body, ok } = await ask("/healthz");
  return ok ? { detail: "The connection was lost while the file was sent.", hint: "Send it again." } : body;
}

// Without folders, which look like files of some bytes that cannot be read.
function files({ items }) {
  const those = [...items].filter((item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory);
  return those.map((item) => item.getAsFile());
}

function dropping() {
  const drop = $("drop");
  // Beside the box the browser would leave the page to show the file; a text may be dropped where it is written.
  const kept = (event) => event.dataTransfer.types.includes("Files") && event.preventDefault();
  for (const name of ["dragover", "drop"]) document.addEventListener(name, kept);
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if ($("asked").disabled) return;
    const given = files(event.dataTransfer);
    if (!given.length && event.dataTransfer.files.length) fault($("refused"), { detail: "That is a folder.", hint: "Drop one of the files in it." });
    if (!given.length) return;
    const first = new DataTransfer();
    first.items.add(given[0]);
    $("file").files = first.files;
    choose();
    $("refused").hidden = true;
    if (given.length > 1) fault($("refused"), { detail: `One file at a time: only ${given[0].name} was taken.`, hint: "Send the others after it." });
  });
}

export function sending(known, opened) {
  // What was refused is told until something else is asked for.
  const afresh = (look) => () => {
    $("refused").hidden = true;
    look();
  };
  options($("look-options"), "look", afresh(inspect));
  steps($("steps"), pipeline.add);
  $("file").addEventListener("change", afresh(choose));
  $("file").addEventListener("click", () => ($("refused").hidden = true));
  for (const id of ["pipeline", "text", "look-options"]) $(id).addEventListener("change", afresh(inspect));
  $("submit").addEventListener("submit", (event) => send(event, opened));
  $("stop").onclick = () => {
    request.stopped = true;
    request.abort();
  };
  addEventListener("beforeunload", (event) => request && event.preventDefault());
  document.addEventListener("back", () => $("look-fault").hidden || inspect());
  dropping();
  known.then((all) => {
    pipeline.offer(all);
    if (file() && $("look").hidden) choose();
  });
}

// Makes ready to process a file with what a job has learnt.
export function applying(job) {
  pipeline.apply(job);
  if (file()) inspect();
  $("submit").scrollIntoView({ block: "start" });
  $("file").focus({ preventScroll: true });
}
