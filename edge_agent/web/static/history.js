import { call, element, language, tell, words } from "./api.js";

tell(async () => {
  const w = await words;
  const { parts } = await call("history");
  document.getElementById("rows").replaceChildren(...parts.map((part) => {
    const row = element("tr");
    row.append(
      element("td", new Date(part.at_ns / 1e6).toLocaleString(language === "zh" ? "zh-CN" : "en-GB")),
      element("td", part.part_id),
      element("td", w[part.verdict], { className: part.verdict }),
      element("td", `${w[`cause_${part.cause}`]}${part.label ? ` (${part.label})` : ""}`),
      element("td", part.reason + (part.reported ? ` [${w.reported}]` : "")),
      element("td", part.latency_ms.toFixed(0)),
    );
    return row;
  }));
});
