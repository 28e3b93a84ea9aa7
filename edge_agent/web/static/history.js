import { address, call, element, locale, moment, tell, words } from "./api.js";
import uPlot from "./uplot/uplot.js";

const id = (name) => document.getElementById(name);
const w = await words;
const COLOURS = ["#b91c1c", "#0b57a4", "#8a5a00", "#6d28a8", "#00707a", "#46535f"];
const count = (value) => value.toLocaleString(locale);
const percent = (value, digits = 1) => (value === null || value === undefined ? "–"
  : `${(100 * value).toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })} %`);
const STEPS_S = [60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
let hours = 24;
let charts = [];
let found = null;

function time(seconds, long) {
  const moment = new Date(seconds * 1000);
  const day = { day: "2-digit", month: "2-digit" };
  return moment.toLocaleString(locale, hours > 48 && !long ? day
    : { ...(long || hours > 24 ? day : {}), hour: "2-digit", minute: "2-digit" });
}

function plot(place, series, data, top) {
  const box = id(place);
  box.replaceChildren();
  const chart = new uPlot({
    width: Math.max(300, box.clientWidth), height: 210, series,
    cursor: { y: false },
    scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, top)] } },
    axes: [
      { values: (_, ticks) => ticks.map((tick) => time(tick)), incrs: STEPS_S, font: "15px system-ui", stroke: "#10151a", space: 90 },
      { values: (_, ticks) => ticks.map((tick) => (place === "p-chart" ? percent(tick, high(ticks)) : count(tick))),
        font: "15px system-ui", stroke: "#10151a", size: 70 },
    ],
  }, data, box);
  charts.push(chart);
}

const high = (ticks) => (ticks.at(-1) < 0.03 ? 1 : 0);

function showChart() {
  const { buckets } = found;
  const x = buckets.map((one) => one.start_ns / 1e9);
  const label = () => (_, value) => (value === null ? "–" : percent(value, 2));
  const dash = { stroke: "#46535f", dash: [8, 5], width: 2, points: { show: false }, value: label() };
  plot("p-chart", [
    { value: (_, value) => (value === null ? "–" : time(value, true)), label: w.time },
    { label: w.reject_share, stroke: "#0b57a4", width: 3, points: { show: true, size: 7, fill: "#0b57a4" }, value: label() },
    { ...dash, label: w.upper_limit }, { ...dash, label: w.lower_limit },
    { label: w.out_of_limits, stroke: "#b91c1c", width: 0, points: { show: true, size: 15, width: 3, fill: "#fff" }, value: label() },
  ], [x, buckets.map((one) => one.share), buckets.map((one) => one.upper), buckets.map((one) => one.lower),
    buckets.map((one) => (one.out ? one.share : null))], 0.01);
  const out = buckets.filter((one) => one.out).length;
  const has_limits = buckets.some((one) => one.upper !== null);
  id("p-hint").textContent = !has_limits ? w.too_few : `${w.mean} ${percent(found.mean, 2)} · ${out ? `${count(out)} ${w.beyond}` : w.stable}`;
  id("p-hint").className = `hint${out ? " out" : ""}`;
}

function showTrend() {
  const { buckets, pareto } = found;
  const names = pareto.slice(0, COLOURS.length).map((row) => row.label);
  const x = buckets.map((one) => one.start_ns / 1e9);
  plot("trend", [
    { value: (_, value) => (value === null ? "–" : time(value, true)), label: w.time },
    ...names.map((name, place) => ({ label: name, stroke: COLOURS[place], width: 3, points: { show: false } })),
  ], [x, ...names.map((name) => buckets.map((one) => one.labels[name] ?? 0))], 1);
}

function bars(place, rows) {
  const most = Math.max(1, ...rows.map((row) => row.parts));
  id(place).replaceChildren(...rows.map((row) => {
    const line = element("li");
    const number = element("b", count(row.parts));
    if (row.share !== undefined) number.append(" ", element("small", percent(row.share, 0)));
    line.append(element("span", row.label), element("meter", undefined, { value: row.parts / most, max: 1 }), number);
    return line;
  }));
  if (!rows.length) id(place).append(element("li", w.none));
}

async function load() {
  const answer = await tell(() => call("charts", { hours }));
  if (!answer) return;
  found = answer;
  const all = found.passed + found.failed + found.no_verdict;
  id("yield").textContent = all ? percent(found.passed / all) : "–";
  for (const [place, value] of [["parts", all], ["passed", found.passed], ["failed", found.failed], ["no-verdict", found.no_verdict]]) {
    id(place).textContent = count(value);
  }
  draw();
  bars("pareto", found.pareto);
  bars("causes", Object.entries(found.no_verdicts).map(([cause, parts]) => ({ label: w[`cause_${cause}`], parts })));
  id("csv").href = await address("historyCsv", {}, { hours });
}

function draw() {
  charts.forEach((chart) => chart.destroy());
  charts = [];
  showChart();
  showTrend();
}

async function table() {
  const answer = await tell(() => call("history"));
  if (!answer) return;
  id("rows").replaceChildren(...answer.parts.map((part) => {
    const row = element("tr");
    row.append(
      element("td", moment(part.at_ns)),
      element("td", part.part_id),
      element("td", w[part.verdict], { className: part.verdict }),
      element("td", `${w[`cause_${part.cause}`]}${part.label ? ` (${part.label})` : ""}`),
      element("td", part.reason + (part.reported ? ` [${w.reported}]` : "")),
      element("td", part.latency_ms.toFixed(0)),
    );
    return row;
  }));
}

id("spans").addEventListener("click", (event) => {
  if (!event.target.dataset.hours) return;
  hours = Number(event.target.dataset.hours);
  for (const button of id("spans").children) button.setAttribute("aria-pressed", String(button === event.target));
  load();
});
id("asked").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("resize", () => { if (found) draw(); });
load();
table();
