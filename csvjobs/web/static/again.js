// A job's file once more, with another pipeline or read otherwise.

import { $, ask, fault } from "./dom.js";
import { choice } from "./choice.js";
import { chosen, keep, options, tell } from "./look.js";

const BEFORE = "set before";

let job = null;
const pipeline = choice("again-", () => `/jobs/${job?.job_id}/pipeline.yaml`);

export function showAgain(shown) {
  // Before its end a job does not say how its file was read.
  const fresh = job?.job_id !== shown.job_id || !job.finished_at;
  job = shown;
  $("again").hidden = !shown.finished_at;
  if (fresh) {
    $("again").open = false;
    $("again-form").reset();
    keep($("again-options"), job.detected);
    $("again-refused").hidden = true;
    pipeline.reset();
  }
  tell($("again-options"), job.detected, BEFORE);
}

async function again(event, opened) {
  event.preventDefault();
  const button = event.submitter;
  const form = new FormData();
  for (const [name, value] of [...pipeline.fields(), ...chosen($("again-options"))]) form.append(name, value);
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
    tell($("again-options"), job.detected, BEFORE);
  };
  options($("again-options"), "again", changed);
  $("again-options").querySelector("[name=bad_rows]").dataset.usual = "as before";
  known.then((all) => pipeline.offer(all));
  $("again-form").onsubmit = (event) => again(event, opened);
  $("again-form").onchange = changed;
}
