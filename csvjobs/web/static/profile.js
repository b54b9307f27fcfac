// What the columns of a job's file and output hold, as a table with small pictures.

import { $, SHOWN_COLUMNS, ask, element, many, number } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 96;
const HEIGHT = 24;
const TOP = 3;

let wanted = null;

export async function showProfile(job) {
  const link = job.files["profile.json"];
  if (link && wanted === job.job_id) return;
  wanted = link ? job.job_id : null;
  $("job-profile").hidden = true;
  if (!link) return;
  const { ok, body } = await ask(link.href);
  if (!ok || wanted !== job.job_id) return;
  for (const side of ["input", "output"]) fillSide($(`profile-${side}`), body[side]);
  $("job-profile").hidden = false;
}

function fillSide(box, profile) {
  // A profile made by an older version does not say how wide the table is.
  const width = profile.width ?? profile.columns.length;
  const shown = profile.columns.slice(0, SHOWN_COLUMNS);
  const more = width > shown.length ? `, the first ${shown.length} are shown` : "";
  const drawn = profile.drawn < profile.rows ? ` Charts and most frequent values are from a sample of ${many(profile.drawn, "row")}.` : "";
  box.querySelector("p").textContent = `${many(profile.rows, "row")}, ${many(width, "column")}${more}.${drawn}`;
  box.querySelector("tbody").replaceChildren(...shown.map(row));
}

function row(column) {
  const line = document.createElement("tr");
  const name = element("th", column.name, { scope: "row", dir: "auto" });
  name.append(element("small", column.meaning));
  line.append(name, filled(column), element("td", different(column)), bounds(column), picture(column), often(column));
  return line;
}

function filled(column) {
  const cell = document.createElement("td");
  const all = column.filled + column.empty;
  const share = all ? column.filled / all : 0;
  cell.append(drawing([{ x: 0, width: WIDTH, height: 8, back: true }, { x: 0, width: share * WIDTH, height: 8 }], 8));
  cell.append(element("small", column.empty ? `${number.format(column.empty)} empty` : "no gaps"));
  return cell;
}

function different(column) {
  const about = column.filled === column.drawn.filled ? "" : "about ";
  return `${about}${number.format(column.about_distinct)}`;
}

// Cells, not numbers: JavaScript would round long ones.
function bounds({ filled: count, first, last }) {
  return joined("td", count ? [isolated(first), " to ", isolated(last)] : []);
}

function joined(name, parts) {
  const made = document.createElement(name);
  made.append(...parts);
  return made;
}

// A value among other words, whatever its direction.
function isolated(text) {
  return element("bdi", short(text));
}

function picture(column) {
  const cell = document.createElement("td");
  const bars = column.numbers?.count === column.filled ? column.numbers.bars : frequent(column).map(([, count]) => count);
  if (!bars.length) return cell;
  const most = Math.max(...bars);
  const width = WIDTH / bars.length;
  cell.append(drawing(bars.map((count, place) => ({ x: place * width, width: Math.max(1, width - 2), height: (count / most) * HEIGHT })), HEIGHT));
  return cell;
}

// Sorted here, as JavaScript puts keys that are whole numbers first.
function frequent(column) {
  return Object.entries(column.drawn.top).sort((one, other) => other[1] - one[1]);
}

function often(column) {
  const share = (count) => ` (${Math.round((100 * count) / column.drawn.filled)} %)`;
  const parts = frequent(column).slice(0, TOP).map(([value, count], place) => [place ? ", " : "", isolated(value), share(count)]);
  return joined("td", parts.flat());
}

// What it shows stands beside it in words.
function drawing(bars, height) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ width: WIDTH, height, class: "bars", "aria-hidden": "true" })) svg.setAttribute(name, value);
  for (const bar of bars) {
    const rect = document.createElementNS(SVG, "rect");
    const place = { x: bar.x, y: height - bar.height, width: bar.width, height: bar.height };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    if (bar.back) rect.setAttribute("class", "back");
    svg.append(rect);
  }
  return svg;
}

function short(text) {
  return text.length > 24 ? `${text.slice(0, 24)}…` : text;
}
