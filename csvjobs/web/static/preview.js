// What the chosen pipeline makes of a file's first rows, step by step.

import { $, ask, element, fault, fill, many, number } from "./dom.js";
import { did } from "./steps.js";

export function hide() {
  $("preview-steps").hidden = true;
}

// `form`: the beginning of the file with the pipeline and options, as sent to be looked at; `told`: what was
// warned of already.
export async function preview(form, partial, told, signal) {
  $("preview-steps").setAttribute("aria-busy", "true");
  try {
    const { ok, body } = await ask(`/preview?partial=${partial}`, { method: "POST", body: form, signal });
    if (ok && (body.steps.length || body.fault)) show(body, told);
    else hide();
  } finally {
    if (!signal.aborted) $("preview-steps").removeAttribute("aria-busy");
  }
}

function show(found, told) {
  const rows = many(found.before.records, "row");
  const count = found.complete ? (found.before.records === 1 ? "its only row" : `all ${rows}`) : `the first ${rows}`;
  const learnt = found.complete ? "" : " Here the steps learn from these rows only; the job learns from all rows.";
  $("preview-about").textContent = `Tried on ${count}.${learnt}`;
  $("preview-list").replaceChildren(...found.steps.map(step));
  if (found.fault) fault($("preview-fault"), found.fault);
  else $("preview-fault").hidden = true;
  const fresh = found.warnings.filter((text) => !told.includes(text));
  $("preview-warnings").replaceChildren(...fresh.map((text) => element("li", text)));
  const after = found.steps.at(-1)?.after ?? found.before;
  fill($("preview-rows"), after.columns, after.rows);
  $("preview-steps").hidden = false;
}

function step(one) {
  const item = did(one, "changes no cell here");
  const shown = [...one.rejects.map(reject), ...one.changes.map(change)];
  if (shown.length) {
    const list = element("ul", "", { className: "changes" });
    list.append(...shown);
    item.append(list);
  }
  return item;
}

function placed(row, column) {
  const item = element("li", `row ${number.format(row)}, `);
  item.append(element("bdi", column), ": ");
  return item;
}

function reject({ row, code, column, found, message }) {
  const item = placed(row, column);
  item.append(element("del", found || "(empty)"), " ", element("code", code), ` ${message}`);
  return item;
}

function change({ row, column, before, after }) {
  const item = placed(row, column);
  item.append(element("del", before ?? "(empty)"), " → ", element("ins", after ?? "(empty)"));
  return item;
}
