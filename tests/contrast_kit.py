"""Contrast of what a browser shows, by WCAG 2.2: 1.4.3 of text, 1.4.11 of edges of controls."""

from __future__ import annotations

from playwright.sync_api import Page as Tab

TEXT, LARGE_TEXT, CONTROL = 4.5, 3.0, 3.0
"""Least contrasts; text is large from 24 px on, or from 18.66 px in bold."""

SHOW_ALL = """() => {
  for (const one of document.querySelectorAll("[hidden]")) one.hidden = false;
  for (const one of document.querySelectorAll("dialog:not([open])")) one.show();
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const one of document.querySelectorAll("p:empty, span:empty, dd:empty, .banner:empty"))
    one.textContent = "text";
}"""
"""Shows at once what a screen may show at any time."""

LOW = """([text_least, large_least, control_least]) => {
  const numbers = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    const scale = colour.startsWith("color(") ? 255 : 1;
    return [...found.slice(0, 3).map((one) => one * scale), found[3] ?? 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((one, k) => one * a + below[k] * (1 - a));
  const light = (colour) => {
    const [r, g, b] = colour.map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    let colour = [255, 255, 255];
    let opacity = 1;
    const line = [];
    for (let one = element; one; one = one.parentElement) line.unshift(one);
    for (const one of line) {
      const style = getComputedStyle(one);
      opacity *= Number(style.opacity);
      const [r, g, b, a] = numbers(style.backgroundColor);
      colour = over([r, g, b, a * opacity], colour);
    }
    return { colour, opacity };
  };
  const found = [];
  const tell = (element, said, value, least) => {
    const name = `${element.tagName.toLowerCase()}#${element.id}.`;
    const style = element.getAttribute("class") ?? "";
    const figure = `${value.toFixed(2)} of ${least}`;
    if (value < least - 0.005) found.push(`${name}${style} "${said.slice(0, 30)}": ${figure}`);
  };
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const is_shown = element.checkVisibility({ visibilityProperty: true });
    if (!is_shown || element.closest(":disabled")) continue;
    const style = getComputedStyle(element);
    const said = [...element.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE)
      .map((one) => one.textContent.trim()).join("") || element.placeholder || "";
    const { colour, opacity } = ground(element);
    if (said && !(element instanceof SVGElement)) {
      const [r, g, b, a] = numbers(style.color);
      const size = parseFloat(style.fontSize);
      const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      texts += 1;
      tell(element, said, contrast(over([r, g, b, a * opacity], colour), colour),
        is_large ? large_least : text_least);
    }
    if (element.matches("input:not([type=checkbox], [type=range]), select, textarea")) {
      const around = ground(element.parentElement).colour;
      tell(element, "border", contrast(over(numbers(style.borderTopColor), around), around),
        control_least);
    }
  }
  return { texts, found };
}"""


def low_contrasts(tab: Tab) -> tuple[int, list[str]]:
    """How many texts the open screen shows, and each that is too faint, with its contrast."""
    found = tab.evaluate(LOW, [TEXT, LARGE_TEXT, CONTROL])
    return int(found["texts"]), list(found["found"])
