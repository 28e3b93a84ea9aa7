import { address, call, done, element, language, tell, words } from "./api.js";
import { Box } from "./box.js";
import { SettingsForm } from "./form.js";
import { shape } from "./svg.js";

const id = (name) => document.getElementById(name);
const w = await words;
const PERIOD_MS = 1000;
const CALM_MS = 400;
const CHANNEL = "camera";
let devices = [];
let action = "";
let isFilled = false;
let ofBundle = [0, 0, 1, 1];
let question = 0;
let timer = 0;
let wrong = null;
let shown = "";
let ended = false;

const forms = Object.fromEntries(["source", "trigger", "output"].map((part) => [part, new SettingsForm(id(part), w, changed)]));
const view = new Box(id("boxes"), "view", true, drawn);
const region = new Box(id("boxes"), "region", false, drawn);
const judged = shape("g", { class: "judged" });
id("boxes").append(judged);

function choice() {
  return { station: id("station").value.trim(), bundle: id("bundle").value, view: view.isWhole ? {} : view.value,
    ...Object.fromEntries(Object.entries(forms).map(([part, form]) => [part, form.table()])) };
}

async function showForms() {
  const found = await tell(() => call("commissionForms"));
  if (!found) return;
  const translate = (help) => (language === "zh" && found.in_chinese[help]) || help;
  const none = { source: "", trigger: w.commission_none, output: w.commission_no_output };
  for (const [part, form] of Object.entries(forms)) form.offer(found[part], translate, none[part], { channel: CHANNEL });
  for (const part of ["trigger", "output"]) forms[part].show({});
}

function showCamera() {
  const device = devices[id("camera").selectedIndex];
  if (!device) return;
  forms.source.show(device.table);
  id("able").textContent = device.fault || device.able.join("; ");
  changed();
}

// Whether the form is of this camera; what is as it would be anyway is not in the form's table.
function isShown({ table }) {
  const now = forms.source.table();
  return Object.entries(table).every(([name, value]) => String(now[name] ?? value) === String(value));
}

async function find() {
  const found = await tell(() => call("commissionDevices"));
  if (!found) return;
  devices = found.devices;
  id("camera").replaceChildren(...devices.map((device) => element("option",
    `${device.name} ${device.where} (${device.driver})`, { disabled: Boolean(device.fault) })));
  const has_source = Boolean(forms.source.table().driver);
  id("camera").selectedIndex = devices.findIndex((device) => !device.fault && (!has_source || isShown(device)));
  if (!has_source) showCamera();
}

function fill(state) {
  id("no-bundle").hidden = state.bundles.length > 0;
  if (id("bundle").options.length !== state.bundles.length) {
    id("bundle").replaceChildren(...state.bundles.map((name) => element("option", name)));
  }
  if (state.choice && !isFilled) {
    id("station").value = state.choice.station;
    id("bundle").value = state.choice.bundle;
    for (const [part, form] of Object.entries(forms)) form.show(state.choice[part]);
    view.set(state.choice.view);
    changed();
  }
  isFilled = true;
}

const say = (fault) => (w[`fault_${fault.kind}`] ?? fault.text).replace("{bound}", fault.bound);

function put(place, text) {
  place.hidden = !text;
  place.textContent = text;
}

// Words beside what is wrong; gives whether all is well.
async function check() {
  const asked = choice();
  const named = id("station").checkValidity();
  put(id("station-fault"), named ? "" : w.fault_station);
  id("station").setAttribute("aria-invalid", String(!named));
  question += 1;
  const mine = question;
  const found = named ? await tell(() => call("commissionCheck", asked)) : { faults: [] };
  if (!found) return false;
  const is_well = named && !found.faults.length;
  if (mine !== question) return is_well;
  const of = (part) => found.faults.filter((fault) => fault.part === part);
  const first = Object.entries(forms).map(([part, form]) => {
    const wrong = form.faults(of(part), say);
    put(id(`whole-${part}`), form.others(of(part)).map(say).join("; "));
    return wrong;
  });
  put(id("view-fault"), of("view").map(say).join("; "));
  put(id("choice-fault"), of("").map(say).join("; "));
  wrong = first.find(Boolean) ?? (named ? null : id("station"));
  return is_well;
}

function changed() {
  showBoxes();
  window.clearTimeout(timer);
  if (!id("bundle").value) return;
  timer = window.setTimeout(check, CALM_MS);
}

async function choose() {
  window.clearTimeout(timer);
  if (!await check()) {
    if (id("choice-fault").hidden) put(id("choice-fault"), w.commission_mend);
    wrong?.focus();
    return;
  }
  const was_live = Boolean(shown);
  if (await act("commissionChoose", choice(), w.commission_chosen) && was_live) act("commissionLive", { on: true });
}

const edited = () => (region.active ? region : view);

function drawn() {
  const control = forms.trigger.region?.control;
  if (region.active && control) {
    const { left, top, width, height } = region.value;
    control.value = [left, top, width, height].join(", ");
  }
  changed();
}

// The trigger's region and the bundle's lie in the view, as shares of it.
function showBoxes() {
  const control = forms.trigger.region?.control;
  const shares = control?.value.split(/[,，\s]+/).filter(Boolean).map(Number) ?? [];
  const has_region = shares.length === 4 && shares.every(Number.isFinite);
  id("which").hidden = !has_region;
  if (!has_region && region.active) edit(view);
  const { naturalWidth: width, naturalHeight: height } = id("live");
  const [wide, tall] = width ? [width, height] : [640, 480];
  id("boxes").setAttribute("viewBox", `0 0 ${wide} ${tall}`);
  view.lay("", wide, tall);
  const [seen_wide, seen_tall] = [view.value.width * wide, view.value.height * tall];
  region.group.style.display = has_region ? "" : "none";
  if (has_region) {
    const [left, top, right, down] = shares;
    region.lay(view.inner, seen_wide, seen_tall);
    region.set({ left, top, width: right, height: down });
  }
  judged.setAttribute("transform", view.inner);
  const [left, top, right, down] = ofBundle;
  judged.replaceChildren(shape("rect", { x: left * seen_wide, y: top * seen_tall, width: right * seen_wide, height: down * seen_tall }));
  for (const input of id("numbers").querySelectorAll("input")) {
    const { part } = input.dataset;
    if (input !== document.activeElement) input.value = part === "turn_deg" ? edited().value[part] : Math.round(1000 * edited().value[part]) / 10;
    if (part === "turn_deg") input.disabled = region.active;
  }
}

function edit(box) {
  view.active = box === view;
  region.active = box === region;
  id("draw-view").setAttribute("aria-pressed", String(view.active));
  id("draw-region").setAttribute("aria-pressed", String(region.active));
  showBoxes();
}

async function showPicture(state) {
  const wanted = state.is_live ? await address("livePicture", { channel: CHANNEL }, { heat: 0 }) : "";
  if (wanted === shown) return;
  shown = wanted;
  if (wanted) id("live").src = wanted; else id("live").removeAttribute("src");
}

function showGauges({ gauge }) {
  id("focus").value = gauge?.sharpness ?? 0;
  id("focus-said").textContent = gauge ? `${Math.round(100 * gauge.sharpness)} %` : "–";
  id("light").value = gauge?.light ?? 0;
  id("light-said").textContent = gauge ? `${Math.round(gauge.light)}: ${w[`exposure_${gauge.exposure}`]}` : "–";
  id("size").textContent = gauge?.size ?? "";
}

function showLearning(state) {
  id("progress").max = state.wanted || 1;
  id("progress").value = state.learning;
  id("count").textContent = state.wanted ? `${state.learning} / ${state.wanted}` : "";
  id("learn").disabled = state.is_learning || !state.choice;
  id("remarks").replaceChildren(...state.remarks.map((remark) => element("li", remark)));
  id("limits").hidden = !state.limits.length;
  id("limits").tBodies[0].replaceChildren(...state.limits.map((limit) => {
    const row = element("tr");
    row.append(element("td", limit.name), element("td", limit.level.toFixed(3)), element("td", limit.reach.toFixed(3)));
    return row;
  }));
}

function show(state) {
  id("fault").hidden = !state.fault;
  id("fault").textContent = state.fault;
  ofBundle = state.region;
  fill(state);
  showPicture(state);
  showGauges(state);
  showLearning(state);
  id("chosen").textContent = state.choice ? `${w.commission_chosen}: ${state.choice.bundle}, ${state.choice.source.driver}` : "";
  id("difference").textContent = state.choice ? state.difference || w.commission_same : "";
  for (const name of ["show", "try-trigger", "accept", "reject"]) id(name).disabled = state.is_learning || !state.choice;
  id("write").disabled = !state.difference || state.is_learning;
  id("undo").disabled = !state.can_undo;
  id("start").disabled = !state.choice || Boolean(state.difference) || state.is_learning;
}

async function look() {
  if (ended) return;
  const state = await tell(() => call("commission"));
  if (state) show(state);
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
id("choose").addEventListener("click", choose);
for (const name of ["station", "bundle"]) id(name).addEventListener("input", changed);
id("draw-view").addEventListener("click", () => edit(view));
id("draw-region").addEventListener("click", () => edit(region));
id("whole").addEventListener("click", () => edited().change({ left: 0, top: 0, width: 1, height: 1, turn_deg: 0 }));
id("numbers").addEventListener("change", ({ target }) => {
  const value = Number(target.value) / (target.dataset.part === "turn_deg" ? 1 : 100);
  if (Number.isFinite(value)) edited().change({ [target.dataset.part]: value });
});
id("live").addEventListener("load", showBoxes);
window.addEventListener("resize", showBoxes);
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
await showForms();
edit(view);
window.setInterval(look, PERIOD_MS);
await look();
find();
