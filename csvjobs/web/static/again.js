// A job's file once more, with another pipeline or read otherwise.

import { $, ask, fault } from "./dom.js";
import { choice } from "./choice.js";
import { chosen, options, tell } from "./look.js";

let job = null;
const pipeline = choice("again-", () => `/jobs/${job?.job_id}/pipeline.yaml`);

export function showAgain(shown) {
  const first = job?.job_id !== shown.job_id;
  job = shown;
  $("again").hidden = !shown.finished_at;
  if (first) {
    $("again").open = false;
    $("again-form").reset();
    $("again-refused").hidden = true;
    pipeline.reset();
  }
  tell($("again-options"), job.detected);
}

async function again(event, opened) {
  event.preventDefault();
  const button = event.submitter;
  const form = new FormData();
  for (const [name, value] of chosen($("again-options"))) form.append(name, value);
  if (pipeline.value()) form.append("pipeline", pipeline.value());
  $("again-refused").hidden = true;
  button.disabled = true;
  const { ok, body } = await ask(job.links.rerun, { method: "POST", body: form });
  button.disabled = false;
  if (ok) opened(body.job_id);
  else fault($("again-refused"), body);
}

export function processingAgain(known, opened) {
  const changed = () => {
    $("again-refused").hidden = true;
    tell($("again-options"), job.detected);
  };
  options($("again-options"), "again", changed);
  $("again-options").querySelector("[name=bad_rows]").dataset.usual = "as before";
  known.then((all) => pipeline.offer(all));
  $("again-form").onsubmit = (event) => again(event, opened);
  $("again-form").onchange = changed;
}
