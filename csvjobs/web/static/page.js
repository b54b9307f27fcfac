// The page uses the public API and nothing else. Text from files and servers goes in as text, never as HTML.

import { $, bytes, element, fault, fill, number } from "./dom.js";
import { chosen, forget, look, options, sure, tell, told } from "./look.js";
import { showProfile } from "./profile.js";
import { did } from "./steps.js";

const PREVIEW_BYTES = 64 * 1024;
const PREVIEW_ROWS = 20;
const KINDS = 8;
const LOOK_AGAIN = 5000;
const ENDED = ["done", "error", "cancelled"];
const STAGES = { read: "Reading", fit: "Learning from the rows", check: "Checking the rows", transform: "Writing the output", changes: "Listing the changes", profile: "Looking at the columns", publish: "Finishing" };

const INVITATION = [$("chosen").textContent, $("chosen-size").textContent];

let stream = null;
let shown = null;

// Submitting

function choose() {
  const file = $("file").files[0];
  [$("chosen").textContent, $("chosen-size").textContent] = file ? [file.name, bytes(file.size)] : INVITATION;
  forget();
  inspect();
}

function pipeline() {
  return ($("own").open && $("text").value.trim()) || $("pipeline").value;
}

function inspect() {
  look($("file").files[0], pipeline());
}

function uploading(part, sent, total) {
  $("upload").hidden = false;
  $("upload-bar").value = part;
  $("upload-text").textContent = part < 1 ? `Sending ${bytes(sent)} of ${bytes(total)}` : "Sent; making it safe …";
}

function send(event) {
  event.preventDefault();
  const form = new FormData();
  form.append("pipeline", pipeline());
  for (const [name, value] of chosen($("look-options"))) form.append(name, value);
  form.append("file", $("file").files[0]);
  const request = new XMLHttpRequest();
  request.upload.onprogress = (at) => uploading(at.loaded / at.total, at.loaded, at.total);
  request.onloadend = () => sent(request);
  request.open("POST", "/upload_csv");
  $("refused").hidden = true;
  document.querySelector("#submit .primary").disabled = true;
  request.send(form);
}

function sent(request) {
  document.querySelector("#submit .primary").disabled = false;
  $("upload").hidden = true;
  let answer = { detail: "The service did not answer. Try again in a moment." };
  try {
    answer = JSON.parse(request.responseText);
  } catch {}
  if (request.status !== 202) return fault($("refused"), answer);
  $("submit").reset();
  choose();
  location.hash = answer.job_id;
}

// Following

function follow() {
  stream?.close();
  const id = location.hash.slice(1);
  shown = null;
  $("job").hidden = true;
  if (!id) return;
  stream = new EventSource(`/jobs/${encodeURIComponent(id)}/events`);
  stream.addEventListener("job", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("end", (event) => {
    stream.close();
    show(JSON.parse(event.data));
    recent();
  });
  stream.onerror = () => shown ?? missing(id);
}

// Why there are no events: the job may be gone.
async function missing(id) {
  const answer = await fetch(`/jobs/${encodeURIComponent(id)}`);
  if (answer.ok) return;
  stream.close();
  fault($("refused"), await answer.json());
}

function show(job) {
  const first = shown !== job.job_id;
  shown = job.job_id;
  $("job").hidden = false;
  $("job-name").textContent = job.filename;
  $("job-status").textContent = job.status;
  $("job-status").className = `badge ${job.status}`;
  const kept = job.expires_at ? `, kept until ${new Date(job.expires_at).toLocaleString()}` : "";
  $("job-about").textContent = `Pipeline ${job.pipeline.name}, sent ${new Date(job.created_at).toLocaleString()}${kept}`;
  showProgress(job);
  if (job.error) fault($("job-error"), job.error);
  else $("job-error").hidden = true;
  $("job-rows").replaceChildren(...figures(job.rows));
  showSteps(job.steps);
  showRejected(job);
  $("job-warnings").replaceChildren(...(job.warnings || []).map((text) => element("li", text)));
  showFound(job.detected);
  $("job-actions").replaceChildren(...actions(job));
  showAgain(job, first);
  $("preview").hidden = $("unseen").hidden = true;
  showProfile(job);
  if (job.status === "done") preview(job);
  if (first) {
    recent();
    $("job").scrollIntoView({ block: "nearest" });
  }
}

function showProgress(job) {
  const running = job.status === "processing";
  $("job-progress").hidden = !running;
  $("job-bar").value = job.progress?.fraction ?? 0;
  $("job-stage").textContent = stage(job);
}

function stage(job) {
  if (job.status === "queued") return outlook(job);
  if (job.status === "processing") {
    const percent = Math.round((job.progress?.fraction ?? 0) * 100);
    return `${STAGES[job.progress?.stage] ?? "Starting"}, ${percent} %`;
  }
  const seconds = (new Date(job.finished_at) - new Date(job.started_at ?? job.created_at)) / 1000;
  return job.status === "done" ? `Done in ${seconds.toFixed(1)} seconds` : "";
}

function outlook(job) {
  if (job.position === undefined) return "Waiting";
  const before = { 0: "Next in line", 1: "One job waits before this one" }[job.position] ?? `${job.position} jobs wait before this one`;
  const start = job.estimated_start_at && new Date(job.estimated_start_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return start ? `${before}; it may start at about ${start}, if they take as long as the last jobs` : before;
}

// Rows that were merged or added, by the step that did it.
function said(how, counts = {}) {
  return Object.entries(counts).map(([step, count]) => [`${how} by ${step}`, count]);
}

function figures(rows) {
  if (!rows) return [];
  const named = [["Rows in", rows.in], ["Rows out", rows.out], ["Rejected", rows.rejected], ...Object.entries(rows.dropped), ...said("merged", rows.merged), ...said("added", rows.added)];
  return named.map(([name, count]) => {
    const pair = document.createElement("div");
    pair.append(element("dt", name), element("dd", number.format(count)));
    return pair;
  });
}

function showSteps(steps = []) {
  $("job-steps").hidden = !steps.length;
  $("job-steps").querySelector("ol").replaceChildren(
    ...steps.map((one) => did(one, one.changed === undefined ? "done" : "changed nothing")),
  );
}

// Bad rows by kind: how many, why, where the first of them are, what to do.
function showRejected(job) {
  const box = $("job-rejected");
  const link = job.files["rejected.csv"];
  box.hidden = !(job.rejected && link);
  if (box.hidden) return;
  const { groups, others } = job.rejected;
  const kinds = groups.slice(0, KINDS);
  const rest = others + groups.slice(KINDS).reduce((sum, one) => sum + one.count, 0);
  box.querySelector("ul").replaceChildren(...kinds.map(kind), ...(rest ? [element("li", `${number.format(rest)} of other kinds`)] : []));
  box.querySelector("a").href = link.href;
}

function kind(group) {
  const item = document.createElement("li");
  const where = group.column ? ` Column ${group.column}.` : "";
  const lines = `${group.count > group.lines.length ? "First lines" : "Lines"}: ${group.lines.join(", ")}.`;
  item.append(element("strong", `${number.format(group.count)} × `), element("code", group.code));
  item.append(element("p", `${group.message}${where} ${lines}`), element("p", group.hint, { className: "quiet" }));
  return item;
}

function showFound(detected) {
  const named = { format: "Format", sheet: "Sheet", encoding: "Encoding", delimiter: "Delimiter", quote: "Quote", header: "First row", skip: "Lines skipped", compression: "Packed with" };
  const known = Object.entries(named).filter(([name]) => detected[name]);
  $("job-found").hidden = !known.length;
  $("job-found").querySelector("dl").replaceChildren(...known.map(([name, label]) => {
    const pair = document.createElement("div");
    const { value, confidence } = detected[name];
    pair.append(element("dt", label), element("dd", told(name, value)));
    if (confidence < 1) pair.append(element("dd", sure(name, detected[name]), { className: "hint" }));
    return pair;
  }));
}

function showAgain(job, first) {
  $("again").hidden = !ENDED.includes(job.status);
  if (first) {
    $("again").open = false;
    $("again-form").reset();
    $("again-refused").hidden = true;
  }
  tell($("again-options"), job.detected);
  $("again-form").onsubmit = (event) => again(event, job.links.rerun);
  $("again-form").onchange = () => tell($("again-options"), job.detected);
}

async function again(event, path) {
  event.preventDefault();
  const query = new URLSearchParams(chosen($("again-options")));
  if ($("again-pipeline").value) query.append("pipeline", $("again-pipeline").value);
  const answer = await fetch(`${path}?${query}`, { method: "POST" });
  const said = await answer.json();
  if (answer.ok) location.hash = said.job_id;
  else fault($("again-refused"), said);
}

function actions(job) {
  const made = [];
  const output = job.output.name;
  const order = [output, "rejected.csv", "changes.csv", "fitted.json", "profile.json", "error.txt"];
  for (const name of order.filter((one) => job.files[one])) {
    const text = `${name === output ? "Download " : ""}${name} (${bytes(job.files[name].bytes)})`;
    made.push(element("a", text, { href: job.files[name].href, className: name === output ? "button primary" : "button" }));
  }
  const call = job.links.cancel ? ["Cancel", "POST", job.links.cancel] : ["Delete", "DELETE", job.links.self];
  const button = element("button", call[0], { type: "button" });
  button.onclick = () => act(button, call[1], call[2]);
  return [...made, button];
}

async function act(button, method, path) {
  button.disabled = true;
  const answer = await fetch(path, { method });
  if (method === "DELETE" && answer.ok) {
    location.hash = "";
    recent();
  }
}

// The first rows, read from the start of the file and cut at the last whole record.

async function preview(job) {
  const { name, delimiter, header, encoding } = job.output;
  $("unseen").hidden = name.endsWith(".csv");
  if (!$("unseen").hidden) return;
  const answer = await fetch(job.files[name].href, { headers: { Range: `bytes=0-${PREVIEW_BYTES - 1}` } });
  if (!answer.ok || shown !== job.job_id) return;
  const whole = answer.status === 200 || job.files[name].bytes <= PREVIEW_BYTES;
  const text = new TextDecoder(encoding).decode(await answer.arrayBuffer());
  const rows = parse(text, whole, delimiter);
  if (!rows.length) return;
  const names = header ? rows.shift() : rows[0].map((_, place) => `column_${place + 1}`);
  fill($("preview"), names, rows.slice(0, PREVIEW_ROWS));
  $("preview").hidden = false;
}

// Our own output only: RFC 4180 with a delimiter of one character, LF or CRLF.
function parse(text, whole, delimiter) {
  const rows = [[]];
  let rest = 0;
  const code = `\\x${delimiter.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"\\r\\n${code}]*))(${code}|\\r?\\n|$)`, "y");
  while (rest < text.length && rows.length <= PREVIEW_ROWS + 2) {
    cell.lastIndex = rest;
    const match = cell.exec(text);
    if (!match || (match[3] === "" && !whole)) break;
    rows.at(-1).push(match[1]?.replaceAll('""', '"') ?? match[2]);
    rest = cell.lastIndex;
    if (match[3].endsWith("\n")) rows.push([]);
  }
  return rows.slice(0, -1);
}

// What there is to choose from, and what was done lately

async function pipelines() {
  const known = await (await fetch("/pipelines")).json();
  const about = Object.fromEntries(known.map((one) => [one.name, one.description]));
  $("pipeline").replaceChildren(...known.map((one) => element("option", one.name, { value: one.name })));
  const same = element("option", "the same as before", { value: "" });
  $("again-pipeline").replaceChildren(same, ...known.map((one) => element("option", one.name, { value: one.name })));
  const describe = () => ($("about").textContent = about[$("pipeline").value] || "");
  $("pipeline").value = "tidy";
  $("pipeline").onchange = describe;
  $("submit").addEventListener("reset", () => setTimeout(() => { $("pipeline").value = "tidy"; describe(); }));
  describe();
}

async function recent() {
  const answer = await fetch("/jobs?limit=20");
  $("away").hidden = answer.ok;
  if (!answer.ok) {
    $("none").hidden = true;
    setTimeout(recent, LOOK_AGAIN);
    return;
  }
  const { jobs } = await answer.json();
  $("none").hidden = jobs.length > 0;
  $("recent").replaceChildren(...jobs.map((job) => {
    const link = element("a", "", { href: `#${job.job_id}` });
    const time = element("time", new Date(job.created_at).toLocaleString(), { dateTime: job.created_at });
    link.append(element("span", job.filename, { className: "name" }), time, element("span", job.status, { className: `badge ${job.status}` }));
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
}

function dropping() {
  const drop = $("drop");
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    $("file").files = event.dataTransfer.files;
    choose();
  });
}

options($("look-options"), "look");
options($("again-options"), "again");
$("file").addEventListener("change", choose);
for (const id of ["pipeline", "text", "look-options"]) $(id).addEventListener("change", inspect);
$("submit").addEventListener("submit", send);
addEventListener("hashchange", follow);
dropping();
pipelines();
recent();
follow();
