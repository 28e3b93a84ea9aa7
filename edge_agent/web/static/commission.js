import { address, call, done, element, tell, words } from "./api.js";

const id = (name) => document.getElementById(name);
const w = await words;
const PERIOD_MS = 1000;
let devices = [];
let action = "";
let is_filled = false;
let shown = "";
let ended = false;

// One `key = value` a line, as in station.toml: numbers, true and false are what they look like.
function table(text) {
  const rows = text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [key, ...rest] = line.split("=");
    const word = rest.join("=").trim();
    const plain = word.replace(/^"(.*)"$/, "$1");
    if (word === "true" || word === "false") return [key.trim(), word === "true"];
    return [key.trim(), plain === word && word !== "" && !Number.isNaN(Number(word)) ? Number(word) : plain];
  });
  return Object.fromEntries(rows);
}

function text(rows) {
  return Object.entries(rows).map(([key, value]) => `${key} = ${typeof value === "string" ? `"${value}"` : value}`).join("\n");
}

function choice() {
  return { station: id("station").value.trim(), bundle: id("bundle").value, source: table(id("source").value),
    trigger: table(id("trigger").value), output: table(id("output").value) };
}

function showCamera() {
  const device = devices[id("camera").selectedIndex];
  if (!device) return;
  id("source").value = text(device.table);
  id("able").textContent = device.fault || device.able.join("; ");
}

async function find() {
  const found = await tell(() => call("commissionDevices"));
  if (!found) return;
  devices = found.devices;
  id("camera").replaceChildren(...devices.map((device) => element("option",
    `${device.name} ${device.where} (${device.driver})`, { disabled: Boolean(device.fault) })));
  id("camera").selectedIndex = devices.findIndex((device) => !device.fault);
  if (!id("source").value) showCamera();
}

function fill(view) {
  id("no-bundle").hidden = view.bundles.length > 0;
  if (id("bundle").options.length !== view.bundles.length) {
    id("bundle").replaceChildren(...view.bundles.map((name) => element("option", name)));
  }
  if (view.choice && !is_filled) {
    id("station").value = view.choice.station;
    id("bundle").value = view.choice.bundle;
    for (const part of ["source", "trigger", "output"]) id(part).value = text(view.choice[part]);
  }
  is_filled = true;
}

async function showPicture(view) {
  const wanted = view.is_live ? await address("livePicture", { channel: "camera" }, { heat: 0 }) : "";
  if (wanted === shown) return;
  shown = wanted;
  if (wanted) id("live").src = wanted; else id("live").removeAttribute("src");
}

function showGauges({ gauge, region }) {
  const [left, top, width, height] = region.map((share) => 100 * share);
  const place = { x: left, y: top, width, height };
  for (const [key, value] of Object.entries(place)) id("region").firstElementChild.setAttribute(key, value);
  id("focus").value = gauge?.sharpness ?? 0;
  id("focus-said").textContent = gauge ? `${Math.round(100 * gauge.sharpness)} %` : "–";
  id("light").value = gauge?.light ?? 0;
  id("light-said").textContent = gauge ? `${Math.round(gauge.light)}: ${w[`exposure_${gauge.exposure}`]}` : "–";
  id("size").textContent = gauge?.size ?? "";
}

function showLearning(view) {
  id("progress").max = view.wanted || 1;
  id("progress").value = view.learning;
  id("count").textContent = view.wanted ? `${view.learning} / ${view.wanted}` : "";
  id("learn").disabled = view.is_learning || !view.choice;
  id("remarks").replaceChildren(...view.remarks.map((remark) => element("li", remark)));
  id("limits").hidden = !view.limits.length;
  id("limits").tBodies[0].replaceChildren(...view.limits.map((limit) => {
    const row = element("tr");
    row.append(element("td", limit.name), element("td", limit.level.toFixed(3)), element("td", limit.reach.toFixed(3)));
    return row;
  }));
}

function show(view) {
  id("fault").hidden = !view.fault;
  id("fault").textContent = view.fault;
  fill(view);
  showPicture(view);
  showGauges(view);
  showLearning(view);
  id("chosen").textContent = view.choice ? `${w.commission_chosen}: ${view.choice.bundle}, ${view.choice.source.driver}` : "";
  id("difference").textContent = view.choice ? view.difference || w.commission_same : "";
  for (const name of ["show", "try-trigger", "accept", "reject"]) id(name).disabled = view.is_learning || !view.choice;
  id("write").disabled = !view.difference || view.is_learning;
  id("undo").disabled = !view.can_undo;
  id("start").disabled = !view.choice || Boolean(view.difference) || view.is_learning;
}

async function look() {
  if (ended) return;
  const view = await tell(() => call("commission"));
  if (view) show(view);
}

async function act(name, asked, said = "") {
  const found = await tell(() => call(name, asked));
  if (found && said) done(said);
  if (found) await look();
  return found;
}

async function tryTrigger() {
  id("trigger-said").textContent = w.commission_waiting;
  const found = await act("commissionTrigger");
  const came = found?.events ? `${found.events} ${w.commission_events} ${found.first_s.toFixed(1)} s` : w.commission_no_event;
  id("trigger-said").textContent = found ? found.fault || came : "";
}

async function move() {
  id("move-dialog").close();
  const found = await act("commissionOutput", { action });
  id("output-said").textContent = found
    ? `${w.commission_moved}: ${found.commanded}; ${w.commission_read_back}: ${found.read_back || "–"}` : "";
}

async function start() {
  if (!await act("commissionStart")) return;
  ended = true;
  done(w.commission_starting);
  const back = window.setInterval(async () => {
    const answer = await fetch("/login").catch(() => null);
    if (!answer?.ok || (await fetch("/commission")).status !== 404) return;
    window.clearInterval(back);
    window.location.assign("/");
  }, PERIOD_MS);
}

function ask(chosen) {
  action = chosen;
  id("move-dialog").showModal();
}

id("find").addEventListener("click", find);
id("camera").addEventListener("change", showCamera);
id("choose").addEventListener("click", () => act("commissionChoose", choice(), w.commission_chosen));
id("show").addEventListener("click", () => act("commissionLive", { on: true }));
id("release").addEventListener("click", () => act("commissionLive", { on: false }));
id("try-trigger").addEventListener("click", tryTrigger);
id("accept").addEventListener("click", () => ask("accept"));
id("reject").addEventListener("click", () => ask("reject"));
id("move-yes").addEventListener("click", move);
id("move-no").addEventListener("click", () => id("move-dialog").close());
id("learn").addEventListener("click", () => act("commissionLearn", { parts: Number(id("parts").value) }));
id("write").addEventListener("click", () => act("commissionWrite", undefined, w.commission_written));
id("undo").addEventListener("click", () => act("commissionUndo", undefined, w.commission_undone));
id("start").addEventListener("click", start);
window.setInterval(look, PERIOD_MS);
await look();
find();
