const SVG = "http://www.w3.org/2000/svg";

// One element of a drawing.
export function shape(name, values) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  return made;
}
