// Boxes and brush strokes over a picture, in pixels of the whole picture. A box is drawn, or made by
// two clicks on its corners; a click of the brush is a dot.
import { shape } from "./svg.js";

export class Marks {
  constructor(svg) {
    this.svg = svg;
    this.tool = "";
    this.boxes = [];
    this.strokes = [];
    this.start = null;
    this.corner = null;
    svg.addEventListener("pointerdown", (event) => this.begin(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", () => this.end());
    svg.addEventListener("pointercancel", () => this.end());
  }

  show(width, height, boxes, strokes) {
    this.width = width || 1;
    this.height = height || 1;
    this.boxes = boxes.map((box) => ({ ...box }));
    this.strokes = strokes.map((stroke) => ({ ...stroke, points: [...stroke.points] }));
    this.start = null;
    this.corner = null;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.draw();
  }

  use(tool) {
    this.tool = this.tool === tool ? "" : tool;
    this.svg.classList.toggle("drawing", Boolean(this.tool));
  }

  clear() {
    this.corner = null;
    this.boxes = [];
    this.strokes = [];
    this.draw();
  }

  place(event) {
    const matrix = this.svg.getScreenCTM().inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    const inside = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
    return [inside(point.x, this.width), inside(point.y, this.height)];
  }

  begin(event) {
    if (!this.tool) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.start = this.place(event);
    if (this.tool === "brush") {
      const radius = Math.max(1, Math.round(this.width / 60));
      if (this.strokes.length < 40) this.strokes.push({ radius, points: [this.start] });
    } else if (this.boxes.length < 40) {
      this.boxes.push({ x: this.start[0], y: this.start[1], width: 0, height: 0 });
      if (this.corner) {
        this.start = this.corner;
        this.move(event);
      }
    }
    this.draw();
  }

  move(event) {
    if (!this.start) return;
    const [x, y] = this.place(event);
    if (this.tool === "brush") {
      const { points } = this.strokes.at(-1);
      if (points.length < 400) points.push([x, y]);
    } else {
      const [left, top] = this.start;
      Object.assign(this.boxes.at(-1), { x: Math.min(x, left), y: Math.min(y, top),
        width: Math.abs(x - left), height: Math.abs(y - top) });
    }
    this.draw();
  }

  end() {
    if (!this.start) return;
    const last = this.boxes.at(-1);
    const clicked = this.tool === "box" && last && last.width < 1 && last.height < 1;
    this.corner = clicked ? this.start : null;
    this.start = null;
    this.boxes = this.boxes.filter((box) => box.width >= 1 && box.height >= 1);
    this.draw();
  }

  draw() {
    const thick = Math.max(1, this.width / 200);
    this.svg.replaceChildren(
      ...this.boxes.map((box) => shape("rect", { ...box, "stroke-width": thick })),
      ...this.strokes.map((stroke) => shape("polyline", { "stroke-width": 2 * stroke.radius,
        points: [...stroke.points, stroke.points.at(-1)].map((point) => point.join(",")).join(" ") })),
      ...(this.corner ? [shape("circle", { cx: this.corner[0], cy: this.corner[1], r: 2 * thick })] : []),
    );
  }
}
