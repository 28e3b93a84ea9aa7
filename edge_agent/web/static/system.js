import { call, element, tell, words } from "./api.js";

tell(async () => {
  const w = await words;
  const found = await call("system");
  const synchronised = { true: w.yes, false: w.no, null: w.unknown }[String(found.clock_synchronised)];
  const rows = [
    [w.version, found.version],
    [w.disk, `${(found.disk_free_mb / 1024).toFixed(1)} / ${(found.disk_total_mb / 1024).toFixed(1)} GB`],
    [w.temperature, found.temperature_c === null ? w.unknown : `${found.temperature_c.toFixed(0)} °C`],
    [w.clock, found.utc.slice(0, 19).replace("T", " ")],
    [w.clock_synchronised, synchronised],
    [w.broker, found.broker || "–"],
    [w.outbox_waiting, found.outbox_waiting],
    [w.confirmed, found.confirmed],
    [w.memory, `${found.rss_mb.toFixed(0)} MB`],
  ];
  document.getElementById("facts").replaceChildren(...rows.map(([name, value]) => {
    const row = element("div");
    row.append(element("dt", name), element("dd", value));
    return row;
  }));
  document.getElementById("log").textContent = found.log.join("\n");
});

const LEVEL = { OK: "ok", WARN: "warn", FAIL: "bad", UNKNOWN: "unknown" };

document.getElementById("look").addEventListener("click", async (event) => {
  const w = await words;
  const button = event.currentTarget;
  button.disabled = true;
  button.textContent = w.board_wait;
  const found = await tell(() => call("board"));
  button.disabled = false;
  button.textContent = w.board_look;
  if (!found) return;
  document.getElementById("board").hidden = false;
  document.getElementById("checks").replaceChildren(...found.checks.map((check) => {
    const row = element("li", undefined, { className: LEVEL[check.grade] });
    row.append(element("b", w[`grade_${check.grade}`]), `${check.what}: ${check.detail}`);
    if (check.cure) row.append(element("small", check.cure));
    return row;
  }));
});
