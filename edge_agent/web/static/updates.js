import { call, done, element, tell, words } from "./api.js";

const id = (name) => document.getElementById(name);
const w = await words;
let chosen = null;
let candidate = null;

function fact(name, value) {
  const row = element("div");
  row.append(element("dt", name), element("dd", value || "–"));
  return row;
}

function inUse(channel, bundle, runtime) {
  const made = element("div");
  const facts = element("dl", undefined, { className: "facts" });
  facts.append(fact(channel, bundle));
  made.append(facts);
  if (!runtime) return made;
  facts.append(fact(w.updates_runtime, `${runtime.name} ${runtime.version}`));
  if (!runtime.measured.length) return made;
  const rows = element("ul", undefined, { className: "soft" });
  rows.append(...runtime.measured.map((one) => element("li", one.refused ? `${one.name}, ${w.updates_refused}: ${one.refused}`
    : `${one.name}: ${one.ms} ms${one.name === runtime.name ? `, ${w.updates_taken}` : ""}`)));
  made.append(element("p", w.updates_measured, { className: "soft" }), rows);
  return made;
}

function tile(slot) {
  const made = element("section", undefined, { className: "tile" });
  const facts = element("dl");
  facts.append(fact(w.updates_current, slot.version),
    fact(slot.other_is_newer ? w.updates_candidate : w.updates_previous, slot.other),
    fact(w.updates_minimum, slot.min_version));
  made.append(element("h2", slot.name), facts);
  if (slot.sha256) made.append(element("p", `SHA-256 ${slot.sha256}`, { className: "soft code" }));
  if (slot.fault) made.append(element("p", slot.fault, { className: "bad-text" }));
  if (slot.other && id("slots").dataset.may) {
    const text = `${slot.other_is_newer ? w.updates_promote : w.updates_back} ${slot.other}`;
    const button = element("button", text, { type: "button", className: slot.other_is_newer ? "missed" : "" });
    button.addEventListener("click", () => ask(slot, text));
    made.append(button);
  }
  return made;
}

function ask(slot, text) {
  chosen = slot;
  id("switch-title").textContent = `${slot.name}: ${text}?`;
  id("switch-dialog").showModal();
}

function showCandidate(found) {
  candidate = found;
  id("candidate").hidden = !found;
  if (!found) return;
  id("candidate-facts").replaceChildren(fact(found.name, found.version), fact(w.updates_state, found.state),
    fact(w.updates_beside, String(found.items)), fact(w.updates_otherwise, String(found.disagreed)), fact(w.updates_late, String(found.late)));
  id("candidate-reason").textContent = found.reason;
  id("candidate-buttons").hidden = !found.waits || !id("slots").dataset.may;
}

async function decide(promote) {
  const asked = { promote, version: candidate.version };
  if (await tell(() => call("decideCandidate", asked))) done(w.updates_decided);
  window.setTimeout(look, 500);
}

async function look() {
  const view = await tell(() => call("updates"));
  if (!view) return;
  id("fault").hidden = !view.fault;
  id("fault").textContent = view.fault;
  id("in-use").replaceChildren(...Object.entries(view.in_use).map(([channel, bundle]) => inUse(channel, bundle, view.runtimes[channel])));
  id("slots-title").hidden = !view.slots.length;
  showCandidate(view.candidate);
  id("slots").replaceChildren(...view.slots.map(tile));
}

id("promote").addEventListener("click", () => decide(true));
id("give-up").addEventListener("click", () => decide(false));
id("switch-no").addEventListener("click", () => id("switch-dialog").close());
id("switch-yes").addEventListener("click", async () => {
  id("switch-dialog").close();
  done(w.updates_testing);
  const asked = { name: chosen.name, version: chosen.other };
  if (await tell(() => call("switchBundle", asked))) done(`${chosen.name} ${chosen.other} ${w.updates_is_current}`);
  look();
});
window.setInterval(() => { if (document.visibilityState === "visible" && !document.querySelector("dialog[open]")) look(); }, 5000);
look();
