// What a step did, in words.

import { element, many, number } from "./dom.js";

const SHOWN_NAMES = 8;

// A line of a list of all steps; `nothing`: what to say of one that did nothing.
export function did(one, nothing) {
  const [name] = one.step.split(" ");
  const item = element("li");
  item.append(element("code", name), ` ${done(one).join(", ") || nothing}`);
  return item;
}

function done({ rejected, dropped, merged, added, changed, unparsed, new_columns: made, lost_columns: lost }) {
  const rows = Object.entries({ rejected, dropped, merged, added }).filter(([, count]) => count);
  return [
    ...rows.map(([how, count]) => `${many(count, "row")} ${how}`),
    changed && `${many(changed, "cell")} changed`,
    unparsed && `${many(unparsed, "cell")} that could not be read`,
    named("new", made),
    named("gone", lost),
  ].filter(Boolean);
}

// A preview has all names, a job how many there are and the first of them.
function named(what, columns) {
  const { count, first } = Array.isArray(columns) ? { count: columns.length, first: columns } : columns ?? { count: 0 };
  if (!count) return "";
  const shown = first.slice(0, SHOWN_NAMES);
  return `${what}: ${shown.join(", ")}${count > shown.length ? ` and ${number.format(count - shown.length)} more` : ""}`;
}
