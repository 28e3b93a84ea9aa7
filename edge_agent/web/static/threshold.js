import { address, call, done, element, locale, moment, tell, words } from "./api.js";
import { shape } from "./svg.js";

const id = (name) => document.getElementById(name);
const w = await words;
const GOOD = ["#0a7d33", "#5c9e6e", "#9bc4a6"];
const COLOURS = ["#b91c1c", "#d97706", "#6d28a8", "#00707a", "#7c4a03", "#8c1d5a", "#46535f"];
const isEngineer = document.querySelector(".threshold").dataset.engineer === "True";
let channels = [];
let found = null;
let timer = 0;
let question = 0;

const count = (value) => value.toLocaleString(locale);
const score = (value) => value.toLocaleString(locale, { maximumSignificantDigits: 4 });
const money = (value) => value.toLocaleString(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const current = () => channels.find((one) => one.channel === id("asked").elements.channel.value);

async function begin() {
  const list = await tell(() => call("thresholds"));
  if (!list) return;
  ({ channels } = list);
  const { elements } = id("asked");
  elements.channel.replaceChildren(...channels.map((one) => element("option", one.channel, { value: one.channel })));
  elements.missed_cost.value = list.missed_defect_cost;
  elements.false_reject_cost.value = list.false_reject_cost;
  if (!channels.length) { id("about").textContent = w.no_network; return; }
  choose();
}

function choose() {
  const one = current();
  const slider = id("slider");
  Object.assign(slider, { min: one.low, max: one.high });
  slider.value = one.threshold;
  id("exact").value = Number(one.threshold.toPrecision(4));
  id("low").textContent = score(one.low);
  id("high").textContent = score(one.high);
  slider.disabled = id("exact").disabled = !one.can_move;
  const by = one.set_by ? `${w.set_by} ${one.set_by}, ${moment(one.set_at_ns)}${one.note ? `: ${one.note}` : ""}` : w.not_moved;
  id("about").textContent = `${one.bundle} · ${w.own_threshold} ${score(one.own)} · ${by}`;
  ask();
}

async function ask() {
  const form = Object.fromEntries(new FormData(id("asked")));
  const asked = Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ""));
  question += 1;
  const mine = question;
  const answer = await tell(() => call("whatIf", { ...asked, threshold: Number(id("slider").value) }));
  if (!answer || mine !== question) return;
  found = answer;
  draw();
  showOutcome();
  await showFlips();
}

function colours() {
  const { good } = current();
  const names = Object.keys(found.counts);
  const paint = (list, colours_) => list.map((name, place) => [name, colours_[place % colours_.length]]);
  return Object.fromEntries([...paint(names.filter((name) => good.includes(name)), GOOD),
    ...paint(names.filter((name) => !good.includes(name)), COLOURS)]);
}

function draw() {
  const { edges, counts } = found;
  const [low, high] = [edges[0], edges.at(-1)];
  const x = (value) => 1000 * (value - low) / Math.max(high - low, 1e-12);
  const sums = edges.slice(1).map((_, k) => Object.values(counts).reduce((sum, row) => sum + row[k], 0));
  // The square root keeps a bin of one part beside one of thousands in view.
  const tall = (value) => 280 * Math.sqrt(value / Math.max(1, ...sums));
  const paint = colours();
  const bars = sums.flatMap((_, k) => {
    let below = 0;
    return Object.entries(counts).filter(([, row]) => row[k]).map(([name, row]) => {
      const [from, to] = [tall(below), tall(below + row[k])];
      below += row[k];
      return shape("rect", { x: x(edges[k]) + 0.5, width: Math.max(1, x(edges[k + 1]) - x(edges[k]) - 1),
        y: 300 - to, height: Math.max(1, to - from), fill: paint[name] });
    });
  });
  const one = current();
  const line = (value, name) => shape("line", { x1: x(value), x2: x(value), y1: 0, y2: 300, class: name });
  const then = Number(id("slider").value);
  const [from, to] = [x(Math.min(one.threshold, then)), x(Math.max(one.threshold, then))];
  id("histogram").replaceChildren(shape("rect", { x: from, width: to - from, y: 0, height: 300, class: "between" }),
    ...bars, line(one.own, "own"), line(one.threshold, "now"), line(then, "then"));
  id("legend").replaceChildren(...Object.entries(paint).map(([name, colour]) => {
    const row = element("li");
    const key = shape("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
    key.append(shape("rect", { width: 10, height: 10, fill: colour }));
    row.append(key, ` ${name} ${count(counts[name].reduce((a, b) => a + b, 0))}`);
    return row;
  }));
  id("count").textContent = `${count(found.parts)} ${w.parts_counted}`;
}

function showOutcome() {
  const one = current();
  for (const [side, values] of [["now", found.now], ["then", found.then]]) {
    id(`t-${side}`).textContent = score(values.threshold);
    id(`r-${side}`).textContent = count(values.failed);
    id(`m-${side}`).textContent = count(values.missed);
    id(`f-${side}`).textContent = count(values.false_rejects);
    id(`c-${side}`).textContent = money(values.cost);
  }
  const dearer = Math.sign(found.then.cost - found.now.cost);
  id("c-then").className = ["better", "", "worse"][dearer + 1];
  id("honest").textContent = w.honest.replace("{n}", count(found.labelled)).replace("{all}", count(found.parts));
  const then = Number(id("slider").value);
  const looser = one.worse === "low" ? then < one.own : then > one.own;
  const same = then === one.threshold;
  id("warn").hidden = !looser;
  id("warn").textContent = isEngineer ? w.looser_engineer : w.looser;
  id("apply").disabled = same || !one.can_move || (looser && !isEngineer);
  id("undo").disabled = !one.set_by;
  id("own").disabled = then === one.own;
}

async function showFlips() {
  id("flips-title").textContent = `${w.flips}: ${count(found.flips)} (${count(found.to_fail)} → ${w.FAIL}, ${count(found.to_pass)} → ${w.PASS})`;
  id("flips").replaceChildren(...await Promise.all(found.shown.map(async (part) => {
    const row = element("li");
    if (part.stem) {
      const src = await address("evidencePicture", { stem: part.stem }, { width: 200 });
      row.append(element("img", undefined, { src, alt: "", width: 160, height: 120, loading: "lazy" }));
    } else row.append(element("span", w.not_kept, { className: "not-kept" }));
    row.append(element("b", `→ ${w[part.becomes]}`, { className: `tag ${part.becomes}` }), ` ${score(part.score)}`,
      element("small", `${part.label}${part.by_person ? " ✓" : "?"}`), element("small", part.part_id));
    return row;
  })));
}

function moved(value) {
  id("slider").value = value;
  id("exact").value = Number(Number(id("slider").value).toPrecision(4));
  window.clearTimeout(timer);
  if (found) draw();
  timer = window.setTimeout(ask, 120);
}

function renew(one) {
  channels = channels.map((other) => (other.channel === one.channel ? one : other));
  choose();
}

async function apply() {
  const one = current();
  const asked = { channel: one.channel, bundle: one.bundle, threshold: Number(id("slider").value), note: id("note").value };
  id("apply-dialog").close();
  const answer = await tell(() => call("setThreshold", asked));
  if (answer) { renew(answer); done(`${w.applied} ${score(answer.threshold)}`); id("note").value = ""; }
}

async function undo() {
  const one = current();
  const answer = await tell(() => call("undoThreshold", { channel: one.channel, bundle: one.bundle }));
  if (answer) { renew(answer); done(`${w.undone}: ${score(answer.threshold)}`); }
}

id("slider").addEventListener("input", () => moved(id("slider").value));
id("exact").addEventListener("change", () => moved(id("exact").value));
id("own").addEventListener("click", () => moved(current().own));
id("undo").addEventListener("click", undo);
id("apply").addEventListener("click", () => {
  id("apply-text").textContent = `${current().channel}: ${score(current().threshold)} → ${score(Number(id("slider").value))}. ${id("flips-title").textContent}`;
  id("apply-dialog").showModal();
});
id("apply-no").addEventListener("click", () => id("apply-dialog").close());
id("apply-yes").addEventListener("click", apply);
id("asked").addEventListener("change", (event) => (event.target.name === "channel" ? choose() : ask()));
id("asked").addEventListener("submit", (event) => event.preventDefault());
begin();
