import { call, done, element, moment, tell, words } from "./api.js";

const id = (name) => document.getElementById(name);
const w = await words;
const PERIOD_MS = 1000;
let order = [{ kind: "good", label: "" }, { kind: "bad", label: "" }, { kind: "good", label: "" }];

function name(part) {
  const [kind, ...label] = part.split(":");
  return label.length ? `${w[`golden_${kind}`]}: ${label.join(":")}` : w[`golden_${kind}`];
}

function steps(place, rows) {
  id(place).replaceChildren(...rows.map(([text, level]) => element("li", text, { className: level })));
}

function seenRow(one) {
  const right = one.fault || w.golden_right;
  return [`${one.part_id}: ${w[`golden_${one.expected}`]}, ${w[one.verdict]}. ${right}`, one.fault ? "bad" : "ok"];
}

function show(view) {
  id("blocked").hidden = !view.blocked;
  id("blocked").textContent = `${w.golden_blocked}: ${view.blocked}`;
  id("due").textContent = view.due || w.golden_not_due;
  id("period").textContent = view.every_h ? `${w.golden_every} ${view.every_h} h` : w.golden_never;
  id("running").hidden = !view.expected.length;
  const open = view.expected.slice(view.seen.length).map((part, k) => [name(part), k ? "unknown" : "warn"]);
  steps("progress", [...view.seen.map(seenRow), ...open]);
  id("time-left").textContent = `${w.golden_within} ${view.within_s} s`;
  id("last").textContent = view.last ? (view.last.fault || w.golden_all_right) : w.golden_none;
  id("last").className = `big ${view.last ? (view.last.fault ? "bad-text" : "ok-text") : ""}`;
  steps("last-parts", (view.last?.seen ?? []).map(seenRow));
  id("last-when").textContent = view.last ? `${moment(view.last.at_ns)}, ${view.last.by}` : "";
  if (id("release")) id("release").hidden = !view.blocked;
  id("labels")?.replaceChildren(...view.labels.map((label) => element("option", undefined, { value: label })));
  if (id("begin")) id("begin").disabled = Boolean(view.expected.length) || !order.length;
}

function showOrder() {
  steps("order", order.map((part) => [part.label ? `${w.golden_bad}: ${part.label}` : w[`golden_${part.kind}`], part.kind === "good" ? "ok" : "bad"]));
}

async function look() {
  const view = await tell(() => call("goldenParts"));
  if (view) show(view);
}

async function change(act, text) {
  if (await tell(act)) done(text);
  look();
}

if (id("begin")) {
  id("add-good").addEventListener("click", () => { order.push({ kind: "good", label: "" }); showOrder(); });
  id("add-bad").addEventListener("click", () => { order.push({ kind: "bad", label: id("label").value.trim() }); showOrder(); });
  id("take-off").addEventListener("click", () => { order.pop(); showOrder(); });
  id("begin").addEventListener("click", () => change(() => call("checkGoldenParts", { parts: order }), w.golden_begun));
  showOrder();
}
id("release-now")?.addEventListener("click", () => change(
  () => call("releaseGoldenParts", { note: id("note").value.trim() }), w.golden_released));
window.setInterval(() => { if (document.visibilityState === "visible") look(); }, PERIOD_MS);
look();
