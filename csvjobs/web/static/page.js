// The page uses the public API and nothing else. Text from files and servers goes in as text, never as HTML.

import { LOOK_AGAIN, ask } from "./dom.js";
import { processingAgain } from "./again.js";
import { following } from "./job.js";
import { listing, recent } from "./recent.js";
import { applying, sending } from "./sending.js";

const FIRST = "tidy";

// Asked for until they are told: the service may be away.
async function pipelines() {
  const { ok, body } = await ask("/pipelines");
  if (ok) return [...body.filter((one) => one.name === FIRST), ...body.filter((one) => one.name !== FIRST)];
  await new Promise((later) => setTimeout(later, LOOK_AGAIN));
  return pipelines();
}

const known = pipelines();
sending(known, (id, before) => {
  if (location.hash === before) location.hash = id;
  else recent();
});
processingAgain(known, (id) => (location.hash = id));
following(applying);
listing();
