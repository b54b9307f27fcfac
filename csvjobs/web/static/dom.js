// What both parts of the page need. Text from files and servers goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);
export const number = new Intl.NumberFormat("en");
export const SHOWN_COLUMNS = 100;
export const LOOK_AGAIN = 5000;
const SHOWN_CHARACTERS = 200;
const AWAY = { detail: "The service cannot be reached.", hint: "Check that it runs and that you are online, then try again." };

export function element(name, text = "", attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.textContent = text;
  return made;
}

export function many(count, thing) {
  return `${number.format(count)} ${thing}${count === 1 ? "" : "s"}`;
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// What the API calls a pipeline that has no name is no name of one.
export function pipelineOf({ pipeline }) {
  return pipeline.name === "unnamed" ? "pipeline without a name" : `pipeline ${pipeline.name}`;
}

export function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
}

// What is told of an answer that is not the service's own, but a proxy's.
export function odd(status) {
  return { detail: `The service answered with status ${status}.`, hint: "Try again in a moment." };
}

// What the service answers to a request; that it does not answer is a problem like others, of status 0.
export async function ask(path, options = {}) {
  try {
    const answer = await fetch(path, options);
    const text = await answer.text();
    const json = text && answer.headers.get("Content-Type")?.includes("json");
    const body = json ? JSON.parse(text) : answer.ok ? text : odd(answer.status);
    return { ok: answer.ok, status: answer.status, body };
  } catch (why) {
    if (options.signal?.aborted) throw why;
    return { ok: false, status: 0, body: AWAY };
  }
}

// Why a file could not be sent, where that is the file's fault: a browser does not say. Null if it is not.
export async function unreadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return null;
  } catch {
    return { detail: "The file was changed or moved after you chose it.", hint: "Choose it again." };
  }
}

// To those who cannot see the page, and once.
export function say(text) {
  $("said").textContent = text;
}

// Whether somebody means it: resolves when the question is answered.
export function confirmed(question, yes) {
  const box = $("confirm");
  box.querySelector("p").textContent = question;
  box.querySelector("[value=yes]").textContent = yes;
  box.returnValue = "";
  box.showModal();
  return new Promise((answer) => box.addEventListener("close", () => answer(box.returnValue === "yes"), { once: true }));
}

export function fault(box, problem) {
  const each = (problem.errors || []).map((one) => [one.detail || one.message, one.hint].filter(Boolean).join(" "));
  const all = problem.detail || problem.message || problem.title;
  const first = problem.errors?.[0];
  const told = first && all.startsWith(first.detail || first.message);
  const lines = [...(told ? [] : [all]), ...each].map((text) => element("p", text));
  const where = [problem.line && `line ${problem.line}`, problem.column && `column ${problem.column}`].filter(Boolean);
  if (where.length) lines.push(element("p", `Where: ${where.join(", ")}.`));
  if (problem.hint) lines.push(element("p", problem.hint));
  // Beside the page, where something may be written.
  if (problem.code) lines.push(element("a", problem.code, { href: `/problems/${problem.code}`, target: "_blank" }));
  box.replaceChildren(...lines);
  box.hidden = false;
}

// The rows of a table under their names; `notes` say something of each column.
export function fill(table, names, rows, notes = []) {
  const line = (cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  };
  const heads = names.slice(0, SHOWN_COLUMNS).map((name, place) => {
    const head = element("th", name, { scope: "col", dir: "auto" });
    if (notes[place]) head.append(element("small", notes[place]));
    return head;
  });
  const cut = (cell) => (cell?.length > SHOWN_CHARACTERS ? `${cell.slice(0, SHOWN_CHARACTERS)}…` : cell ?? "");
  table.querySelector("thead").replaceChildren(line(heads));
  table.querySelector("tbody").replaceChildren(
    ...rows.map((row) => line(row.slice(0, SHOWN_COLUMNS).map((cell) => element("td", cut(cell), { dir: "auto" })))),
  );
}
