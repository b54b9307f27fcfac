// The first rows of a job's output, read from the start of the file and cut at the last whole record.

import { $, SHOWN_COLUMNS, fill, many, number } from "./dom.js";

const BYTES = 64 * 1024;
const ROWS = 20;

let wanted = null;

export async function showOutput(job) {
  if (job.status === "done" && wanted === job.job_id) return;
  wanted = job.status === "done" ? job.job_id : null;
  $("preview").hidden = $("unseen").hidden = true;
  if (!wanted) return;
  const csv = job.output.name.endsWith(".csv");
  $("unseen").hidden = csv;
  if (!csv) return;
  const text = await beginning(job);
  if (text !== null && wanted === job.job_id) show(job, text);
}

async function beginning(job) {
  const { name, encoding } = job.output;
  try {
    const answer = await fetch(job.files[name].href, { headers: { Range: `bytes=0-${BYTES - 1}` } });
    return answer.ok ? new TextDecoder(encoding).decode(await answer.arrayBuffer()) : null;
  } catch {
    // It can be downloaded all the same, or that says what is wrong.
    return null;
  }
}

function show(job, text) {
  const { name, delimiter, header } = job.output;
  const rows = parse(text, job.files[name].bytes <= BYTES, delimiter);
  const names = header ? rows.shift() : rows[0]?.map((_, place) => `column_${place + 1}`);
  const shown = rows.slice(0, ROWS);
  $("preview-seen").textContent = seen(job.rows.out, shown.length, names?.length ?? 0);
  fill($("preview"), names ?? [], shown);
  $("preview").querySelector(".scroll").hidden = !names;
  $("preview").hidden = false;
}

function seen(all, shown, width) {
  if (!all) return "No rows.";
  if (!shown) return `${many(all, "row")}; the first one is too long to be shown here.`;
  const rows = shown < all ? `The first ${shown} of ${many(all, "row")}` : many(all, "row");
  return `${rows}${width > SHOWN_COLUMNS ? `, the first ${SHOWN_COLUMNS} of ${number.format(width)} columns` : ""}.`;
}

// Our own output only: RFC 4180 with a delimiter of one character, LF or CRLF.
function parse(text, whole, delimiter) {
  const rows = [[]];
  let rest = 0;
  const code = `\\x${delimiter.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"\\r\\n${code}]*))(${code}|\\r?\\n|$)`, "y");
  while (rest < text.length && rows.length <= ROWS + 2) {
    cell.lastIndex = rest;
    const match = cell.exec(text);
    if (!match || (match[3] === "" && !whole)) break;
    rows.at(-1).push(match[1]?.replaceAll('""', '"') ?? match[2]);
    rest = cell.lastIndex;
    if (match[3].endsWith("\n")) rows.push([]);
  }
  return rows.slice(0, -1);
}
