import { address, call, done, element, locale, tell, words } from "./api.js";

const STALE_S = 10;
const OFFLINE_MS = 15000;
const id = (name) => document.getElementById(name);
const w = await words;
let view = null;
let received = 0;
let ahead_ms = 0;
let channel = "";
let shown = "";
let events = null;

function number(value, digits = 0) {
  return value === null ? "–" : value.toLocaleString(locale,
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function showVerdict(part) {
  id("verdict").dataset.verdict = part ? part.verdict : "";
  if (!part) return;
  id("word").textContent = w[part.verdict];
  const label = part.cause === "defect" && part.label ? `: ${part.label}` : "";
  id("plain").textContent = `${w[`cause_${part.cause}`]}${label}`;
  id("detail").textContent = [`${w.part} ${part.part_id}`, part.reason].filter(Boolean).join(" · ");
}

function showStrip(parts) {
  const mark = { PASS: "", FAIL: "×", "NO-VERDICT": "?" };
  id("strip").replaceChildren(...parts.map((part) => element("li", mark[part.verdict], {
    className: part.verdict + (part.reported ? " reported" : ""),
    title: `${part.part_id}: ${w[part.verdict]}, ${w[`cause_${part.cause}`]} ${part.label}`,
    ariaLabel: `${part.part_id}: ${w[part.verdict]}`,
  })));
}

function showCounts() {
  const { PASS: good, FAIL: bad, "NO-VERDICT": none } = view.counts;
  const all = good + bad + none;
  id("yield").textContent = all ? `${number(100 * good / all, 1)} %` : "–";
  id("parts").textContent = number(all);
  id("rate").textContent = number(view.parts_per_min);
  id("latency").textContent = `${number(view.p50_ms)} / ${number(view.p95_ms)} ms`;
  rows("rejects", view.rejects, (key) => key);
  rows("no-verdicts", view.no_verdicts, (key) => w[`cause_${key}`]);
}

function rows(place, counts, name) {
  id(place).replaceChildren(...Object.entries(counts).map(([key, count]) => {
    const row = element("li");
    row.append(element("span", name(key)), element("b", number(count)));
    return row;
  }));
}

function showLights() {
  id("lights").replaceChildren(...view.lights.map((light) => {
    const [kind, ...rest] = light.name.split(" ");
    const row = element("li", undefined, { className: light.level });
    row.append(element("b", w[`level_${light.level}`]), [w[`light_${kind}`], ...rest].join(" "));
    if (light.text) row.append(element("small", light.text));
    if (light.level !== "ok") row.append(element("small", w[`cure_${kind}`]));
    return row;
  }));
}

function showStopped() {
  const stopped = view.stopped_by;
  id("stopped").hidden = !stopped;
  id("stopped").textContent = stopped ? `${w.stopped_by} ${stopped}` : "";
  const button = id("stop");
  if (button && button.getAttribute("aria-pressed") !== String(Boolean(stopped))) {
    button.setAttribute("aria-pressed", String(Boolean(stopped)));
    button.replaceChildren(`${stopped ? w.resume : w.stop_passing} `, element("kbd", "F8"));
  }
}

function showChannels() {
  const names = view.pictures.map((picture) => picture.channel);
  if (!names.includes(channel)) [channel = ""] = names;
  const select = id("channel");
  select.hidden = names.length < 2;
  if (select.options.length !== names.length) {
    select.replaceChildren(...names.map((name) => element("option", name, { value: name })));
    select.value = channel;
  }
}

async function showPicture() {
  const wanted = channel && document.visibilityState === "visible"
    ? await address("livePicture", { channel }, { heat: id("heat").checked ? 1 : 0 }) : "";
  if (wanted === shown) return;
  shown = wanted;
  if (wanted) id("live").src = wanted; else id("live").removeAttribute("src");
}

function showAge() {
  const is_offline = Date.now() - received > OFFLINE_MS;
  id("offline").hidden = !view || !is_offline;
  const picture = view?.pictures.find((one) => one.channel === channel);
  const now_ms = Date.now() + ahead_ms;
  const last = view?.parts.at(-1);
  const part_age_s = last ? (now_ms - last.at_ns / 1e6) / 1000 : 0;
  id("verdict").classList.toggle("stale", is_offline || part_age_s > 6 * STALE_S);
  if (!picture) return;
  const age_s = Math.max(0, (now_ms - picture.at_ns / 1e6) / 1000);
  const is_stale = is_offline || age_s > STALE_S;
  id("live").closest("section").classList.toggle("stale", is_stale);
  id("picture-part").textContent = `${w.part} ${picture.part_id}`;
  id("picture-age").textContent = `${is_stale ? `${w.old_picture}, ` : ""}${number(age_s, 1)} s`;
}

function take(event) {
  view = JSON.parse(event.data);
  received = Date.now();
  ahead_ms = view.now_ns / 1e6 - received;
  showVerdict(view.parts.at(-1));
  showStrip(view.parts);
  showCounts();
  showLights();
  showStopped();
  showChannels();
  showPicture();
  showAge();
}

async function listen() {
  if (document.visibilityState !== "visible") {
    events?.close();
    events = null;
  } else if (!events) {
    events = new EventSource(await address("lineEvents"));
    events.addEventListener("line", take);
    events.addEventListener("ping", () => { received = Date.now(); });
    events.addEventListener("error", () => {
      if (events?.readyState === EventSource.CLOSED) window.setTimeout(again, 3000);
    });
  }
  showPicture();
}

function again() {
  events?.close();
  events = null;
  // A session that has ended leads to the login page; a station that is down is tried again.
  tell(() => call("whoAmI")).finally(listen);
}

async function passing(stopped) {
  if (await tell(() => call("setPassing", { stopped }))) done(stopped ? w.done_stopped : w.done_resumed);
}

function chooseMissed() {
  const parts = (view?.parts ?? []).filter((part) => part.verdict !== "FAIL" && !part.reported);
  id("missed-parts").replaceChildren(...parts.slice(-12).reverse().map((part) => {
    const button = element("button", part.part_id, { type: "button" });
    button.append(element("small", `${w[part.verdict]}, ${new Date(part.at_ns / 1e6).toLocaleTimeString(locale)}`));
    button.addEventListener("click", async () => {
      id("missed-dialog").close();
      const asked = { part_id: part.part_id, number: part.number };
      const answer = await tell(() => call("missedDefect", asked));
      if (answer) done(`${w.done_missed} ${part.part_id}${answer.kept ? "" : ` (${w.not_in_memory})`}`);
    });
    return button;
  }));
  id("missed-dialog").showModal();
}

function stopOrResume() {
  if (view?.stopped_by) id("resume-dialog").showModal(); else passing(true);
}

if (id("stop")) {
  id("stop").addEventListener("click", stopOrResume);
  id("missed").addEventListener("click", chooseMissed);
  id("missed-cancel").addEventListener("click", () => id("missed-dialog").close());
  id("resume-no").addEventListener("click", () => id("resume-dialog").close());
  id("resume-yes").addEventListener("click", () => { id("resume-dialog").close(); passing(false); });
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "F8") { event.preventDefault(); stopOrResume(); }
    if (event.key === "F9") { event.preventDefault(); chooseMissed(); }
  });
}
id("heat").addEventListener("change", showPicture);
id("channel").addEventListener("change", () => { channel = id("channel").value; showPicture(); showAge(); });
document.addEventListener("visibilitychange", listen);
window.setInterval(showAge, 500);
listen();
