// What was sent lately, newest first.

import { $, LOOK_AGAIN, ask, capital, element, many, pipelineOf } from "./dom.js";

const PAGE = 20;
const MOST_AT_ONCE = 200;

let count = PAGE;
let timer = null;
let told = "";
let asked = 0;

// Once more until the service answers; whoever waits for it hears of a "back" at the document.
export async function recent() {
  clearTimeout(timer);
  const mine = (asked += 1);
  const { ok, status, body } = await listed();
  // What was asked for since then knows more, and may have come first.
  if (mine !== asked) return;
  const back = ok && !$("offline").hidden;
  $("away").hidden = ok || !status;
  $("offline").hidden = ok || Boolean(status);
  if (ok) show(body);
  if (back) document.dispatchEvent(new Event("back"));
  if (!document.hidden && (!ok || body.jobs.some((job) => !job.finished_at))) timer = setTimeout(recent, LOOK_AGAIN);
}

// The answer with the first `count` jobs, which may take several pages.
async function listed() {
  const jobs = [];
  let cursor = "";
  for (;;) {
    const answer = await ask(`/jobs?limit=${Math.min(count - jobs.length, MOST_AT_ONCE)}${cursor}`);
    if (!answer.ok) return answer;
    jobs.push(...answer.body.jobs);
    answer.body.jobs = jobs;
    if (!answer.body.next_cursor || jobs.length >= count) return answer;
    cursor = `&cursor=${answer.body.next_cursor}`;
  }
}

// Made anew while it is pressed, a link would miss the press: only when something has changed.
function show({ jobs, next_cursor }) {
  const now = JSON.stringify([jobs.map(seen), next_cursor]);
  if (now === told) return mark();
  told = now;
  const focused = document.activeElement?.closest("#recent a")?.hash;
  $("none").hidden = jobs.length > 0;
  $("more").hidden = !next_cursor;
  $("recent").replaceChildren(...jobs.map(entry));
  if (focused) $("recent").querySelector(`a[href="${focused}"]`)?.focus({ preventScroll: true });
  mark();
}

// What an entry shows of its job.
function seen({ job_id, filename, created_at, pipeline, rows, status }) {
  return [job_id, filename, created_at, pipeline.name, rows?.out, status];
}

function entry(job) {
  const link = element("a", "", { href: `#${job.job_id}` });
  const time = element("time", new Date(job.created_at).toLocaleString(), { dateTime: job.created_at });
  const about = element("span", "", { className: "about" });
  const rows = job.rows ? `, ${many(job.rows.out, "row")} out` : "";
  about.append(`${capital(pipelineOf(job))}${rows}, `, time);
  link.append(element("span", job.filename, { className: "name", dir: "auto" }), about, element("span", job.status, { className: `badge ${job.status}` }));
  const item = document.createElement("li");
  item.append(link);
  return item;
}

// Which of them is open.
export function mark() {
  for (const link of $("recent").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

export function listing() {
  $("more").onclick = async () => {
    const before = $("recent").children.length;
    count *= 2;
    await recent();
    $("recent").children[before]?.querySelector("a").focus();
  };
  document.addEventListener("visibilitychange", () => document.hidden || recent());
  recent();
}
