import { address, call, done, element, locale, moment, tell, words } from "./api.js";
import { Marks } from "./marks.js";

const id = (name) => document.getElementById(name);
const w = await words;
const LIMIT = 24;
const mayLabel = document.querySelector(".evidence").dataset.mayLabel === "True";
const linked = new URLSearchParams(window.location.search);
let which = linked.get("which") || (mayLabel ? "todo" : "all");
let offset = 0;
let page = null;
let chosen = 0;
let detail = null;
let heat = false;
const undone = [];
const marks = new Marks(id("marks"));

function filters() {
  const form = Object.fromEntries(new FormData(id("filters")));
  return Object.fromEntries(Object.entries({ ...form, which }).filter(([, value]) => value !== ""));
}

function number(value, digits = 0) {
  return value.toLocaleString(locale,
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const score = (value) => (value === null ? "–" : number(value, Math.abs(value) < 10 ? 3 : 1));

async function load(keep = 0) {
  const found = await tell(() => call("evidence", { ...filters(), offset, limit: LIMIT }));
  if (!found) return;
  page = found;
  if (offset && !page.items.length) {
    offset = Math.max(0, offset - LIMIT);
    await load(LIMIT);
    return;
  }
  showTabs();
  showOptions("label", page.labels);
  showOptions("channel", page.channels);
  id("channels").hidden = page.channels.length < 2;
  showChoices();
  await showGrid();
  showDisk();
  await choose(Math.min(keep, page.items.length - 1));
}

function showTabs() {
  id("which").replaceChildren(...Object.entries(page.counts).map(([name, count]) => {
    const button = element("button", undefined, { type: "button" });
    button.append(w[`which_${name}`], " ", element("b", number(count)));
    button.setAttribute("aria-pressed", String(name === which));
    button.addEventListener("click", () => { which = name; offset = 0; load(); });
    return button;
  }));
}

function showOptions(name, values) {
  const select = id("filters").elements[name];
  const { value } = select;
  select.replaceChildren(select.options[0], ...values.map((one) => element("option", one, { value: one })));
  select.value = values.includes(value) ? value : "";
}

async function showGrid() {
  const cards = await Promise.all(page.items.map(async (item, place) => {
    const card = element("li");
    const button = element("button", undefined, { type: "button", className: "card-item" });
    const source = await address("evidencePicture", { stem: item.stem }, { width: 240 });
    const picture = item.kind === "tabular" ? element("span", item.kind, { className: "no-picture" })
      : element("img", undefined, { src: source, alt: "", loading: "lazy", width: 240, height: 180 });
    const foot = element("span", undefined, { className: "foot" });
    foot.append(element("b", w[item.verdict], { className: `tag ${item.verdict}` }), element("span", score(item.score)));
    const said = element("span", undefined, { className: `said ${item.state}` });
    said.append(item.label ? `${item.is_defect ? "×" : "✓"} ${item.label}` : `${item.proposal}?`);
    button.append(picture, foot, said, element("span", item.part_id, { className: "name" }));
    if (item.protected) button.append(element("span", "■", { className: "lock", title: w.protected }));
    button.addEventListener("click", () => choose(place));
    card.append(button);
    return card;
  }));
  id("grid").replaceChildren(...cards);
  id("nothing").hidden = page.total > 0;
  const last = Math.min(offset + LIMIT, page.total);
  id("place").textContent = page.total ? `${number(offset + 1)}–${number(last)} / ${number(page.total)}` : "0";
  id("previous").disabled = offset === 0;
  id("next").disabled = last >= page.total;
}

async function choose(place) {
  chosen = Math.max(0, place);
  const item = page.items[chosen];
  id("item").classList.toggle("empty", !item);
  document.querySelectorAll(".card-item").forEach((card, at) => {
    card.setAttribute("aria-pressed", String(at === chosen));
    if (at === chosen) card.scrollIntoView({ block: "nearest" });
  });
  detail = null;
  if (!item) { id("shown").removeAttribute("src"); marks.show(1, 1, [], []); id("facts").textContent = ""; return; }
  const found = await tell(() => call("evidenceItem", {}, { stem: item.stem }));
  if (!found || page.items[chosen] !== item) return;
  detail = found;
  await showPicture();
  marks.show(detail.width, detail.height, item.boxes, item.strokes);
  showFacts(item);
}

async function showPicture() {
  const { stem, kind, has_heat } = detail.item;
  id("shown").alt = detail.item.part_id;
  if (kind === "tabular") id("shown").removeAttribute("src");
  else id("shown").src = await address("evidencePicture", { stem }, { width: 1024, heat: heat && has_heat });
  id("heat").disabled = !has_heat;
  id("heat").setAttribute("aria-pressed", String(heat));
}

function showFacts(item) {
  const time = moment(item.at_ns);
  const lines = [
    `${item.part_id} · ${time} · ${item.channel}`,
    `${w[item.verdict]} ${item.prediction} · ${w.score} ${score(item.score)} / ${score(item.threshold)} · ${w[`kept_${item.cause}`]}`,
    detail.reason,
    item.missed_by ? `${w.missed_by} ${item.missed_by}${item.note ? `: ${item.note}` : ""}` : "",
    Object.entries(detail.tags).map(([name, value]) => `${name} ${value}`).join(", "),
    which !== "review" && item.by.length ? `${w[`state_${item.state}`]}: ${detail.said.join(", ")}` : "",
  ];
  id("facts").replaceChildren(...lines.filter(Boolean).map((line) => element("span", line)));
  id("protect")?.setAttribute("aria-pressed", String(item.protected));
}

function showChoices() {
  id("choices")?.replaceChildren(...page.choices.map((choice) => {
    const button = element("button", undefined, { type: "button", className: choice.is_defect ? "bad" : "good" });
    button.append(`${choice.is_defect ? "×" : "✓"} ${choice.label} `);
    if (choice.key) button.append(element("kbd", choice.key));
    button.addEventListener("click", () => give(choice.label, choice.is_defect));
    return button;
  }));
}

function showDisk() {
  const { used_mb, limit_mb, free_mb } = page.disk;
  id("disk").textContent = `${w.disk_use} ${number(used_mb)} / ${number(limit_mb)} MB`;
  id("disk-use").title = `${w.free} ${number(free_mb / 1024, 1)} GB`;
  id("disk-meter").value = limit_mb ? used_mb / limit_mb : 0;
  const link = id("export");
  if (!link) return;
  link.setAttribute("aria-disabled", String(!page.total));
  link.textContent = `${w.export} (${number(page.total)})`;
  const { order, ...asked } = filters();
  address("exportEvidence", {}, asked).then((found) => { link.href = found; });
}

async function give(label, is_defect) {
  const item = page.items[chosen];
  if (!item || !mayLabel) return;
  const drawn = is_defect ? { boxes: marks.boxes, strokes: marks.strokes } : {};
  const found = await tell(() => call("labelEvidence", { stem: item.stem, label, is_defect, ...drawn }));
  if (!found) return;
  undone.push(item.stem);
  done(`${item.part_id}: ${label}`);
  const leaves = which === "todo" || which === "review";
  const at = chosen;
  await load(leaves ? at : at + 1);
  if (!leaves && at >= page.items.length - 1 && !id("next").disabled) turn(1);
}

async function undo() {
  const stem = undone.pop() ?? page.items[chosen]?.stem;
  if (!stem || !mayLabel) return;
  const found = await tell(() => call("undoEvidenceLabel", { stem }));
  if (!found) return;
  done(`${w.undone}: ${found.part_id}`);
  await load(chosen);
  const place = page.items.findIndex((item) => item.stem === stem);
  if (place >= 0) await choose(place);
}

async function protect() {
  const item = page.items[chosen];
  if (item && await tell(() => call("protectEvidence", { stem: item.stem, protected: !item.protected }))) load(chosen);
}

function accept() {
  const item = page.items[chosen];
  const choice = page.choices.find((one) => one.label === item?.proposal);
  if (choice) give(choice.label, choice.is_defect);
  else if (item) done(w.no_proposal);
}

function turn(step) {
  const to = offset + step * LIMIT;
  if (to < 0 || to >= page.total) return;
  offset = to;
  load();
}

function step(by) {
  const to = chosen + by;
  if (to >= page.items.length && by === 1) turn(1);
  else if (to < 0 && by === -1) turn(-1);
  else choose(Math.min(Math.max(to, 0), page.items.length - 1));
}

function columns() {
  return Math.max(1, getComputedStyle(id("grid")).gridTemplateColumns.split(" ").length);
}

function use(tool) {
  marks.use(tool);
  for (const name of ["box", "brush"]) id(name)?.setAttribute("aria-pressed", String(marks.tool === name));
}

async function showHeat() {
  heat = !heat;
  if (detail) await showPicture();
}

const KEYS = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => step(columns()),
  ArrowUp: () => step(-columns()), PageDown: () => turn(1), PageUp: () => turn(-1), Enter: accept,
  u: undo, h: showHeat, p: protect, b: () => use("box"), m: () => use("brush"), c: () => marks.clear() };

document.addEventListener("keydown", (event) => {
  if (!page || event.ctrlKey || event.altKey || event.metaKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "Enter" && event.target.tagName === "BUTTON" && !event.target.classList.contains("card-item")) return;
  const choice = mayLabel && page.choices.find((one) => one.key === event.key);
  const act = choice ? () => give(choice.label, choice.is_defect) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || (!mayLabel && ["Enter", "u", "p", "b", "m", "c"].includes(event.key))) return;
  event.preventDefault();
  act();
});

id("filters").addEventListener("submit", (event) => event.preventDefault());
id("filters").addEventListener("change", () => { offset = 0; load(); });
id("previous").addEventListener("click", () => turn(-1));
id("next").addEventListener("click", () => turn(1));
id("heat").addEventListener("click", showHeat);
if (mayLabel) {
  id("undo").addEventListener("click", undo);
  id("protect").addEventListener("click", protect);
  id("box").addEventListener("click", () => use("box"));
  id("brush").addEventListener("click", () => use("brush"));
  id("clear").addEventListener("click", () => marks.clear());
  id("new-label").addEventListener("submit", (event) => {
    event.preventDefault();
    const { label } = event.target.elements;
    give(label.value.trim(), true).then(() => { label.value = ""; label.blur(); });
  });
}
for (const [name, value] of linked) {
  const field = id("filters").elements[name];
  if (field && name !== "label" && name !== "channel") field.value = value;
}
load();
