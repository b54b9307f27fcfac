// The choice of a pipeline: one that has a name, or one that is written here.

import { $, ask, confirmed, element, fault, pipelineOf, unreadable } from "./dom.js";

const OWN = "own:";
const LEARNT = "learnt:";
const MOST_BYTES = 256 * 1024;
const TOO_LONG = { detail: "The file is too long for a pipeline.", hint: "A pipeline has at most 256 KiB." };
const YAML = { headers: { Accept: "application/yaml" } };

// The choice among the elements whose ids begin with `prefix`; `source` gives the address of what is chosen
// where that has no name.
export function choice(prefix, source = () => null) {
  const [select, about, text, own, edit, opened, outputs, refused] = ["pipeline", "about", "text", "own", "edit", "open", "outputs", "pipeline-fault"].map((id) => $(prefix + id));
  const descriptions = {};

  const check = () => {
    text.required = !own.hidden;
    text.setCustomValidity(own.hidden || text.value.trim() ? "" : "Write a pipeline, or choose another one.");
  };

  const show = () => {
    own.hidden = select.value !== OWN;
    check();
    edit.hidden = !own.hidden;
    // A copy would learn anew.
    outputs.hidden = select.value.startsWith(LEARNT);
    about.textContent = descriptions[select.value] ?? "";
    refused.hidden = true;
  };

  const write = (yaml) => {
    text.value = yaml;
    select.value = OWN;
    show();
    text.focus();
    text.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const replaceable = async () => !text.value.trim() || confirmed("Replace the pipeline that you have written?", "Replace");

  const copied = () => {
    if (!select.value) return source();
    if (select.value.startsWith(LEARNT)) return `/jobs/${select.value.slice(LEARNT.length)}/pipeline.yaml`;
    return `/pipelines/${encodeURIComponent(select.value)}`;
  };

  // The text of what is chosen; null if there is none, which is told, or what is written shall be kept.
  const current = async () => {
    if (!own.hidden) return text.value;
    if (!(await replaceable())) return null;
    const { ok, body } = await ask(copied(), YAML);
    if (!ok) fault(refused, body);
    return ok ? body : null;
  };

  edit.onclick = async () => {
    const yaml = await current();
    if (yaml !== null) write(yaml);
  };

  const output = async (option) => {
    const yaml = await current();
    if (yaml === null) return;
    const more = written(yaml, option);
    write(more ?? yaml);
    if (!more) fault(refused, { detail: "The pipeline says already how to write the output, or is written as JSON.", hint: "Change it by hand, under write." });
  };
  outputs.append($("output").content.cloneNode(true));
  for (const button of outputs.querySelectorAll("button")) button.onclick = () => output(button.textContent);

  opened.onchange = async () => {
    const [file] = opened.files;
    if (!file) return;
    const wrong = file.size > MOST_BYTES ? TOO_LONG : await unreadable(file);
    if (wrong) fault(refused, wrong);
    else if (await replaceable()) write(named(await file.text(), file.name));
    opened.value = "";
  };
  const offer = (known) => {
    const before = select.value;
    for (const one of known) descriptions[one.name] = one.description;
    const named = known.map((one) => element("option", one.name, { value: one.name }));
    const first = source() === null ? [] : [element("option", "the same as before", { value: "" })];
    const learnt = [...select.options].filter((option) => option.value.startsWith(LEARNT));
    select.replaceChildren(...first, ...named, element("option", "your own, written here", { value: OWN }), ...learnt);
    if ([...select.options].some((option) => option.value === before)) select.value = before;
    show();
  };
  select.addEventListener("change", show);
  text.addEventListener("input", check);
  // Until the service tells more.
  offer([...select.options].map(({ value }) => ({ name: value, description: about.textContent })));

  return {
    // As fields of a form; none where nothing is chosen.
    fields() {
      const { value } = select;
      if (value.startsWith(LEARNT)) return [["apply", value.slice(LEARNT.length)]];
      const pipeline = value === OWN ? text.value.trim() : value;
      return pipeline ? [["pipeline", pipeline]] : [];
    },
    // Chooses what a job has learnt.
    apply(job) {
      const value = LEARNT + job.job_id;
      if (![...select.options].some((option) => option.value === value)) select.append(element("option", `as learnt from ${job.filename}`, { value }));
      descriptions[value] = `The ${pipelineOf(job)}, with the values that it learnt from that file; it learns nothing from the new one.`;
      select.value = value;
      show();
    },
    blame: (problem) => fault(refused, problem),
    clear: () => (refused.hidden = true),
    add(step) {
      const more = added(text.value, step);
      if (more) write(more);
      else fault(refused, { detail: "A step can be added to a list that has each step on lines of its own.", hint: "Write it as in - step: trim, or add the step by hand." });
    },
    offer,
    reset() {
      select.selectedIndex = 0;
      text.value = "";
      outputs.open = false;
      show();
    },
  };
}

// The text of a pipeline file, called as the file is if it has no name of its own.
function named(yaml, file) {
  if (/^\s*[{[]/.test(yaml) || /^name:/m.test(yaml)) return yaml;
  return `name: ${JSON.stringify(file.replace(/\.[^.]*$/, ""))}\n${yaml}`;
}

// The pipeline with one more step behind its last one; null if its steps are not written one below the other.
function added(yaml, step) {
  const lines = yaml.trimEnd() ? yaml.trimEnd().split("\n") : [];
  const head = lines.findIndex((line) => /^steps:/.test(line));
  if (head < 0 && /^\s*[{[]/.test(yaml)) return null;
  if (head < 0) lines.push("steps:");
  else if (/^steps:\s*\[\s*\]\s*$/.test(lines[head])) lines[head] = "steps:";
  else if (!/^steps:\s*(#.*)?$/.test(lines[head])) return null;
  const last = lines.findLastIndex((line) => /^ *- /.test(line) && line.includes("step:"));
  const indent = last < 0 ? "" : lines[last].match(/^ */)[0];
  const from = last < 0 ? lines.findIndex((line) => /^steps:/.test(line)) : last;
  const rest = lines.findIndex((line, place) => place > from && /^[^\s#-]/.test(line));
  lines.splice(rest < 0 ? lines.length : rest, 0, ...step.map((line) => indent + line));
  return `${lines.join("\n")}\n`;
}

// The pipeline with an option for its output, in place of such a one; null if it has others.
function written(yaml, option) {
  const line = `write: {${option}}`;
  const chosen = /^write:( \{(format|profile|compression): \w+\}|\n  (format|profile|compression): \w+)$(?!\n[ #])/m;
  if (chosen.test(yaml)) return yaml.replace(chosen, line);
  if (/^write:/m.test(yaml) || /^\s*[{[]/.test(yaml)) return null;
  return `${[yaml.trimEnd(), line].filter(Boolean).join("\n")}\n`;
}

// The steps that there are; a click adds the example of one to the pipeline.
export function steps(box, add) {
  box.addEventListener("toggle", async () => {
    const list = box.querySelector("ul");
    if (!box.open || list.children.length) return;
    const { ok, body } = await ask("/steps");
    if (ok) list.replaceChildren(...body.map((one) => item(one, add)));
    else fault(box.querySelector(".fault"), body);
    box.querySelector(".fault").hidden = ok;
  });
}

function item({ step, summary, options: schema, example }, add) {
  const button = element("button", step, { type: "button", className: "small" });
  // JSON is YAML too.
  const options = Object.entries(example.options).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
  button.onclick = () => add([`- step: ${step}`, ...options]);
  const line = element("li");
  line.append(button, ` ${summary}`, explained(step, schema));
  return line;
}

// What the options of a step mean, unfolded where it is asked for.
function explained(step, { properties, required = [] }) {
  const names = Object.keys(properties).filter((name) => name !== "step");
  const list = element("dl");
  for (const name of names) list.append(element("dt", name), element("dd", meaning(properties[name], required.includes(name))));
  const box = element("details");
  box.append(element("summary", `Options of ${step}`), list);
  return box;
}

function meaning({ description, enum: choices, default: usual }, required) {
  const of = choices ? `One of ${choices.join(", ")}.` : "";
  const without = required ? "Required." : usual && !Array.isArray(usual) ? `By default ${usual}.` : "";
  return [description, of, without].filter(Boolean).join(" ");
}
