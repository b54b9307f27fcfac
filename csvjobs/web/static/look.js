// How a file would be read, seen from its beginning, and the options that say it otherwise.

import { $, SHOWN_COLUMNS, ask, bytes, element, fault, fill, many, number, unreadable } from "./dom.js";
import { hide, preview } from "./preview.js";

const BEGINNING = 256_000;
// These say at their end what they hold.
const WHOLE = /\.(xlsx|parquet|zip)$/i;
const MOST_WHOLE = 20_000_000;
const BY_PIPELINE = "set by the pipeline";
const UNSURE = 0.8;
const OTHERS = 3;
const PLAIN = "tidy";
export const OF_PIPELINES = ["invalid-pipeline", "pipeline-not-found"];
const CHARACTERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space", ":": "colon", "^": "caret", "~": "tilde", "#": "hash", '"': 'double "', "'": "single '", "": "none" };
const HEADER = { true: "header", false: "data" };
// No way of reading helps with these.
const HOPELESS = ["damaged-archive", "empty-file", "empty-upload", "encrypted-archive", "not-csv"];

let asking = null;

export function told(name, value) {
  if (name === "header") return HEADER[value];
  if (["encoding", "skip", "format", "sheet", "compression"].includes(name)) return String(value);
  return CHARACTERS[value] ?? JSON.stringify(value);
}

function control(box, name) {
  return box.querySelector(`[name="${name}"]`);
}

function fields(box) {
  return [...box.querySelectorAll("select, input")];
}

// The controls for read options, as the template has them; `prefix` keeps their ids apart, `entered` is told
// of Enter in one of them, which means that one and not the whole form.
export function options(box, prefix, entered) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    entered();
  });
  box.append($("options").content.cloneNode(true));
  for (const field of fields(box)) {
    field.id = `${prefix}-${field.name}`;
    const hint = field.nextElementSibling;
    hint.id = `${field.id}-found`;
    field.setAttribute("aria-describedby", hint.id);
    field.previousElementSibling.htmlFor = field.id;
  }
}

// What is set; what was kept, and is set no longer, is to be detected.
export function chosen(box) {
  const pairs = fields(box).map((field) => [field.name, field.value || (field.dataset.kept && "detect")]);
  return pairs.filter(([, value]) => value);
}

// Sets the controls to what was declared before; a sheet is never detected.
export function keep(box, detected) {
  for (const field of fields(box)) {
    const found = detected[field.name];
    const kept = found?.declared && field.name !== "sheet" ? String(found.value) || "none" : "";
    field.value = kept;
    if (field.value !== kept) {
      field.append(element("option", told(field.name, kept), { value: kept }));
      field.value = kept;
    }
    field.dataset.kept = kept;
  }
}

// Says beside each control what was found, how sure that is, and what else it may be; `declared` is what it
// says of what was declared elsewhere.
export function tell(box, detected, declared) {
  for (const field of fields(box)) {
    const found = field.dataset.kept ? null : detected[field.name];
    const value = found ? told(field.name, found.value) : "";
    offer(field, field.value === "" ? value : "");
    // What was not looked for in such a file means nothing there.
    const aside = detected.format || field.name === "sheet";
    field.parentElement.hidden = Boolean(aside) && !detected[field.name] && field.value === "";
    const hint = field.nextElementSibling;
    hint.textContent = origin(field, found, declared);
    hint.classList.toggle("unsure", field.value === "" && found?.confidence < UNSURE);
  }
}

function origin(field, found, declared) {
  if (field.value !== "") return field.value === field.dataset.kept ? declared : "set by you";
  if (!found) return "";
  return found.declared ? declared : `found, ${sure(field.name, found)}`;
}

function offer(field, value) {
  if (field.tagName === "INPUT") field.placeholder = value;
  else field.options[0].text = value || field.dataset.usual || "detect";
}

export function sure(name, { confidence, alternatives }) {
  const others = confidence < UNSURE ? alternatives.slice(0, OTHERS).map((one) => told(name, one)) : [];
  return [`${Math.round(confidence * 100)} % sure`, ...others].join(", or ");
}

export function forget() {
  asking?.abort();
  hide();
  $("look").hidden = true;
  for (const field of fields($("look-options"))) field.value = "";
}

// Sends the beginning of the file to be looked at, with the fields that say the pipeline; what is asked later
// counts. Resolves to a fault of the pipeline, where that is at fault and not the file.
export async function look(file, pipeline) {
  asking?.abort();
  if (!file) return null;
  const mine = (asking = new AbortController());
  const most = WHOLE.test(file.name) ? MOST_WHOLE : BEGINNING;
  const partial = file.size > most;
  const form = new FormData();
  for (const [name, value] of [...pipeline, ...chosen($("look-options"))]) form.append(name, value);
  form.append("file", file.slice(0, most), file.name);
  $("look").setAttribute("aria-busy", "true");
  try {
    return await tried(form, file, partial, mine.signal);
  } catch (why) {
    if (!mine.signal.aborted) throw why;
    return null;
  } finally {
    if (mine === asking) $("look").removeAttribute("aria-busy");
  }
}

async function tried(form, file, partial, signal) {
  const answer = await ask(`/inspect?partial=${partial}`, { method: "POST", body: form, signal });
  const { ok } = answer;
  const body = (!answer.status && (await unreadable(file))) || answer.body;
  const pipeline = form.get("pipeline");
  if (!ok && OF_PIPELINES.includes(body.code) && pipeline !== PLAIN) {
    form.set("pipeline", PLAIN);
    form.delete("apply");
    await tried(form, file, partial, signal);
    return body;
  }
  if (ok) show(body, file);
  else refuse(body, partial);
  $("look").hidden = false;
  $("look").removeAttribute("aria-busy");
  if (ok) await preview(form, partial, body.warnings, signal);
  else hide();
  return null;
}

function refuse(problem, partial) {
  // Of some packed files the beginning tells nothing.
  const quiet = partial && problem.code === "damaged-archive";
  $("look-about").textContent = quiet ? `${problem.detail} The job will look at all of it.` : "";
  $("look-fault").hidden = quiet;
  if (!quiet) fault($("look-fault"), problem);
  $("look-options").hidden = !problem.code || HOPELESS.includes(problem.code);
  $("look-warnings").replaceChildren();
  $("look-hints").replaceChildren();
  $("look-rows").hidden = true;
  tell($("look-options"), {}, BY_PIPELINE);
}

function show(found, file) {
  $("look-about").textContent = about(found, file);
  $("look-fault").hidden = true;
  $("look-options").hidden = false;
  tell($("look-options"), found.detected, BY_PIPELINE);
  $("look-warnings").replaceChildren(...found.warnings.map((text) => element("li", text)), ...faults(found.faults));
  $("look-hints").replaceChildren(...found.hints.map((text) => element("li", text)));
  const names = found.columns.map((one) => one.name);
  fill($("look-rows"), names, found.rows, found.columns.map(holds));
  $("look-rows").hidden = false;
}

function about(found, file) {
  const width = found.rows[0]?.length ?? found.columns.length;
  const columns = `${many(width, "column")}${width > SHOWN_COLUMNS ? ` (the first ${SHOWN_COLUMNS} are shown)` : ""}`;
  const bad = Object.values(found.faults).reduce((sum, count) => sum + count, 0);
  const rows = `${found.complete ? "" : "the first "}${many(found.records, bad ? "good row" : "row")}`;
  const packed = found.detected.compression ? `, unpacked from ${found.detected.compression.value}` : "";
  const seen = found.bytes < file.size ? ` (${bytes(found.bytes)} of ${bytes(file.size)})` : "";
  const rest = found.partial ? ` Only the beginning was looked at${seen}; the job reads all of it.` : "";
  return `${columns} in ${rows}${packed}.${rest}`;
}

function faults(counts) {
  const kinds = Object.entries(counts);
  if (!kinds.length) return [];
  const list = kinds.map(([code, count]) => `${number.format(count)} × ${code}`).join(", ");
  return [element("li", `Bad rows: ${list}.`)];
}

// What most cells of a column look like.
function holds(column) {
  const kinds = Object.entries(column.kinds).sort((one, other) => other[1] - one[1]);
  const empty = column.empty ? `${number.format(column.empty)} empty` : "";
  return [kinds[0]?.[0], empty].filter(Boolean).join(", ");
}
