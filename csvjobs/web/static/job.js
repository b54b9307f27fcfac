// One job: how it goes on, what came out, what can be done with it.

import { $, LOOK_AGAIN, ask, bytes, capital, confirmed, element, fault, number, pipelineOf, say } from "./dom.js";
import { showAgain } from "./again.js";
import { sure, told } from "./look.js";
import { showOutput } from "./output.js";
import { showProfile } from "./profile.js";
import { mark, recent } from "./recent.js";
import { did } from "./steps.js";

const KINDS = 8;
const TITLE = document.title;
const STAGES = { read: "Reading", fit: "Learning from the rows", check: "Checking the rows", transform: "Writing the output", changes: "Listing the changes", profile: "Profiling the columns", publish: "Finishing" };
const ENDS = { done: "✓", error: "✗", cancelled: "✗" };

let stream = null;
let timer = null;
let shown = null;

function open() {
  const id = location.hash.slice(1);
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function path(id) {
  return `/jobs/${encodeURIComponent(id)}`;
}

function follow() {
  shown = null;
  $("job").hidden = $("gone").hidden = true;
  document.title = TITLE;
  say("");
  mark();
  connect();
}

// Whoever looks gets events. A page in the background asks now and then: a browser opens few connections to
// one service, and a tab each would use them up.
function connect() {
  stream?.close();
  clearTimeout(timer);
  const id = open();
  if (!id || shown?.finished_at) return;
  if (document.hidden) timer = setTimeout(poll, LOOK_AGAIN, id);
  else listen(id);
}

function listen(id) {
  const mine = (stream = new EventSource(`${path(id)}/events`));
  mine.addEventListener("job", (event) => show(JSON.parse(event.data)));
  mine.addEventListener("end", (event) => {
    mine.close();
    show(JSON.parse(event.data));
    recent();
  });
  mine.onerror = () => lost(id, mine);
}

async function poll(id) {
  const { ok, body } = await ask(path(id));
  if (id !== open() || !document.hidden) return;
  if (ok) show(body);
  connect();
}

// Why there are no events: the job may be gone, or the service. Of itself a stream only tries again.
async function lost(id, mine) {
  const { ok, status, body } = await ask(path(id));
  if (mine !== stream || id !== open()) return;
  if (ok) show(body);
  else if (shown && (!status || status >= 500)) $("job-lost").hidden = false;
  else gone(body);
  if (!ok && status && status < 500) mine.close();
  else if (mine.readyState === EventSource.CLOSED) timer = setTimeout(connect, LOOK_AGAIN);
}

function gone(problem) {
  const focused = $("job").contains(document.activeElement);
  fault($("gone"), problem);
  $("job").hidden = true;
  document.title = TITLE;
  if (focused) $("recent-title").focus();
}

function show(job) {
  const before = shown;
  const first = before?.job_id !== job.job_id;
  shown = job;
  $("job").hidden = false;
  $("gone").hidden = $("job-lost").hidden = true;
  $("job-name").textContent = job.filename;
  $("job-status").textContent = job.status;
  $("job-status").className = `badge ${job.status}`;
  const kept = job.expires_at ? `, kept until ${new Date(job.expires_at).toLocaleString()}` : "";
  $("job-about").textContent = `${capital(pipelineOf(job))}${job.applied ? ", as learnt before" : ""}, sent ${new Date(job.created_at).toLocaleString()}${kept}`;
  showProgress(job, first ? null : before);
  if (job.error) fault($("job-error"), job.error);
  else $("job-error").hidden = true;
  $("job-rows").replaceChildren(...figures(job.rows));
  showSteps(job.steps);
  showRejected(job);
  $("job-warnings").replaceChildren(...(job.warnings || []).map((text) => element("li", text)));
  showFound(job.detected);
  showActions(job, first ? null : before);
  showAgain(job);
  showProfile(job);
  showOutput(job);
  if (first) arrive();
}

function arrive() {
  recent();
  $("job-name").focus({ preventScroll: true });
  $("job").scrollIntoView({ block: "start" });
}

function showProgress(job, before) {
  const running = job.status === "processing";
  // What is left to do can turn out to be more; a bar goes back only if the job has begun anew.
  const same = before?.started_at === job.started_at;
  const part = Math.max(job.progress?.fraction ?? 0, same ? $("job-bar").value : 0);
  $("job-progress").hidden = !running;
  $("job-bar").value = part;
  const percent = `${Math.round(part * 100)} %`;
  const stage = stageOf(job);
  $("job-stage").textContent = running ? `${stage}, ${percent}` : stage;
  $("job-idle").hidden = job.workers !== 0;
  document.title = [ENDS[job.status] ?? (running && percent), job.filename].filter(Boolean).join(" ");
  if (stage !== (before && stageOf(before))) say(stage || `The job ended: ${job.status}.`);
}

function stageOf(job) {
  if (job.status === "queued") return waiting(job);
  if (job.status === "processing") return STAGES[job.progress?.stage] ?? "Starting";
  const seconds = (new Date(job.finished_at) - new Date(job.started_at ?? job.created_at)) / 1000;
  return job.status === "done" ? `Done in ${seconds.toFixed(1)} seconds` : "";
}

function waiting(job) {
  if (job.workers === undefined) return "Waiting for the queue, which cannot be reached; the job is kept";
  const before = { undefined: "Waiting", 0: "Next in line", 1: "One job waits before this one" }[job.position] ?? `${number.format(job.position)} jobs wait before this one`;
  if (!job.workers) return `${before}, but no worker is running`;
  const start = job.estimated_start_at && new Date(job.estimated_start_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return start ? `${before}; it may start at about ${start}, if jobs take as long as the last ones did` : before;
}

// Rows that were dropped, merged or added, by the step that did it; lines that hold no row are nobody's.
function said(how, counts = {}) {
  return Object.entries(counts).map(([who, count]) => [who.includes("(step ") ? `${how} by ${who}` : capital(who), count]);
}

function figures(rows) {
  if (!rows) return [];
  const named = [["Rows in", rows.in], ["Rows out", rows.out], ["Rejected", rows.rejected], ...said("Dropped", rows.dropped), ...said("Merged", rows.merged), ...said("Added", rows.added)];
  return named.map(([name, count]) => {
    const pair = document.createElement("div");
    pair.append(element("dt", name), element("dd", number.format(count)));
    return pair;
  });
}

function showSteps(steps = []) {
  $("job-steps").hidden = !steps.length;
  $("job-steps").querySelector("ol").replaceChildren(
    ...steps.map((one) => did(one, one.changed === undefined ? "done" : "no cell changed")),
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
  const which = group.count > group.lines.length ? "First lines" : group.count === 1 ? "Line" : "Lines";
  const lines = `${which}: ${group.lines.join(", ")}.`;
  item.append(element("strong", `${number.format(group.count)} × `), element("code", group.code));
  item.append(element("p", `${group.message}${where} ${lines}`), element("p", group.hint, { className: "quiet" }));
  return item;
}

function showFound(detected) {
  const named = { format: "Format", sheet: "Sheet", encoding: "Encoding", delimiter: "Delimiter", quote: "Quote", header: "First row", skip: "Lines skipped", compression: "Compression" };
  const known = Object.entries(named).filter(([name]) => detected[name]);
  $("job-found").hidden = !known.length;
  $("job-found").querySelector("dl").replaceChildren(...known.map(([name, label]) => {
    const pair = document.createElement("div");
    const { value, confidence, declared } = detected[name];
    pair.append(element("dt", label), element("dd", told(name, value)));
    const how = declared ? "set, not detected" : confidence < 1 ? sure(name, detected[name]) : "";
    if (how) pair.append(element("dd", how, { className: "hint" }));
    return pair;
  }));
}

// A button that is made anew while it is pressed misses the press.
function showActions(job, before) {
  if (before?.status === job.status) return;
  if (!job.links.cancel && document.activeElement === $("cancel")) $("job-name").focus();
  $("cancel").hidden = !job.links.cancel;
  $("cancel").removeAttribute("aria-disabled");
  $("delete").hidden = !job.finished_at;
  $("act-fault").hidden = $("files-fault").hidden = true;
  $("job-files").replaceChildren(...files(job));
  $("apply").hidden = !(job.files["fitted.json"] || (job.applied && job.status === "done"));
}

function files(job) {
  const output = job.output.name;
  const order = [output, "rejected.csv", "changes.csv", "fitted.json", "profile.json", "error.txt"];
  return order.filter((name) => job.files[name]).map((name) => {
    const text = `${name === output ? "Download " : ""}${name} (${bytes(job.files[name].bytes)})`;
    return element("a", text, { href: job.files[name].href, download: "", className: name === output ? "button primary" : "button" });
  });
}

// A link whose file is not there any more would only be a download that fails, or, with some browsers, one
// of the problem instead of the file.
async function download(event) {
  const link = event.target.closest("a[download]");
  if (!link) return;
  event.preventDefault();
  const there = await ask(link.href, { method: "HEAD" });
  $("files-fault").hidden = there.ok;
  if (there.ok) return element("a", "", { href: link.href, download: "" }).click();
  const { body } = there.status ? await ask(link.href) : there;
  fault($("files-fault"), body);
}

// A button that is disabled loses the focus.
async function cancel() {
  if ($("cancel").hasAttribute("aria-disabled")) return;
  $("cancel").setAttribute("aria-disabled", "true");
  const { ok, status, body } = await ask(shown.links.cancel, { method: "POST" });
  // It has ended already, which the next event says.
  if (ok || status === 409) return;
  $("cancel").removeAttribute("aria-disabled");
  fault($("act-fault"), body);
}

async function remove() {
  const job = shown;
  if (!(await confirmed(`Delete ${job.filename} and everything made from it? This cannot be undone.`, "Delete"))) return;
  const { ok, status, body } = await ask(job.links.self, { method: "DELETE" });
  // Somebody else may have been faster.
  if (!ok && status !== 404 && status !== 410) return fault($("act-fault"), body);
  if (shown === job) location.hash = "";
  $("recent-title").focus();
  recent();
}

// `applying` is told of a job whose learnt values shall be used.
export function following(applying) {
  $("cancel").onclick = cancel;
  $("apply").onclick = () => applying(shown);
  $("job").addEventListener("click", download);
  $("delete").onclick = remove;
  addEventListener("hashchange", follow);
  document.addEventListener("visibilitychange", connect);
  follow();
}
