// A rectangle over a picture that is moved, sized and turned: by mouse, finger and keyboard.
import { shape } from "./svg.js";

const LEAST = 0.03;
const WHOLE = { left: 0, top: 0, width: 1, height: 1, turn_deg: 0 };
const CORNERS = { nw: [0, 0], ne: [1, 0], sw: [0, 1], se: [1, 1] };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const neat = (value) => Math.round(value * 1000) / 1000;

function turned([x, y], [mx, my], degrees) {
  const [sin, cos] = [Math.sin(degrees * Math.PI / 180), Math.cos(degrees * Math.PI / 180)];
  return [mx + (x - mx) * cos - (y - my) * sin, my + (x - mx) * sin + (y - my) * cos];
}

export class Box {
  // turns: whether it may be turned; changed: is told of every change.
  constructor(svg, name, turns, changed) {
    Object.assign(this, { svg, turns, changed, value: { ...WHOLE }, active: false, held: null });
    this.group = shape("g", { class: `box ${name}` });
    svg.append(this.group);
    svg.addEventListener("pointerdown", (event) => this.begin(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { this.held = null; });
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  // outer: transformation of what it lies in; width, height: of that.
  lay(outer, width, height) {
    Object.assign(this, { outer, wide: width, tall: height });
    this.draw();
  }

  set(value) {
    this.value = { ...WHOLE, ...value };
    this.draw();
  }

  get isWhole() { return Object.entries(WHOLE).every(([key, value]) => this.value[key] === value); }

  get middle() {
    const { left, top, width, height } = this.value;
    return [(left + width / 2) * this.wide, (top + height / 2) * this.tall];
  }

  // Transformation of what lies in it.
  get inner() {
    const { left, top, turn_deg } = this.value;
    return `${this.outer} rotate(${turn_deg} ${this.middle}) translate(${left * this.wide} ${top * this.tall})`;
  }

  draw() {
    if (!this.wide) return;
    const { left, top, width, height, turn_deg } = this.value;
    const [x, y, w, h] = [left * this.wide, top * this.tall, width * this.wide, height * this.tall];
    const unit = this.svg.viewBox.baseVal.width / (this.svg.clientWidth || 1);
    const own = shape("g", { transform: `rotate(${turn_deg} ${this.middle})` });
    own.append(shape("rect", { x, y, width: w, height: h, "data-grip": "move" }));
    const grip = (gx, gy, name) => own.append(shape("circle", { cx: gx, cy: gy, r: 9 * unit }),
      shape("circle", { cx: gx, cy: gy, r: 22 * unit, class: "grip", "data-grip": name }));
    if (this.active) {
      for (const [name, [right, down]] of Object.entries(CORNERS)) grip(x + right * w, y + down * h, name);
    }
    if (this.active && this.turns) {
      const reach = Math.min(50 * unit, h / 2);
      own.append(shape("line", { x1: x + w / 2, x2: x + w / 2, y1: y + reach, y2: y }));
      grip(x + w / 2, y + reach, "turn");
    }
    this.group.setAttribute("transform", this.outer);
    this.group.classList.toggle("active", this.active);
    this.group.replaceChildren(own);
  }

  point(event) {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.group.getScreenCTM().inverse());
    return [x, y];
  }

  begin(event) {
    const { grip } = event.target.dataset;
    if (!this.active || !grip || !this.group.contains(event.target)) return;
    event.preventDefault();
    this.svg.focus();
    this.svg.setPointerCapture(event.pointerId);
    this.held = { grip, from: this.point(event), value: { ...this.value }, middle: this.middle };
  }

  move(event) {
    if (!this.held) return;
    const { grip, from, value, middle } = this.held;
    const at = this.point(event);
    if (grip === "turn") {
      const turn_deg = Math.atan2(at[0] - middle[0], middle[1] - at[1]) * 180 / Math.PI;
      this.change({ turn_deg: Math.abs(turn_deg) < 1 ? 0 : Math.round(turn_deg * 2) / 2 });
    } else if (grip === "move") {
      this.change({ left: value.left + (at[0] - from[0]) / this.wide, top: value.top + (at[1] - from[1]) / this.tall });
    } else this.size(CORNERS[grip], at);
  }

  // The corner follows the pointer, the one across stays where it is.
  size([right, down], at) {
    const { value, middle } = this.held;
    const [x, y] = turned(at, middle, -value.turn_deg);
    const fixed = [(value.left + (right ? 0 : value.width)) * this.wide, (value.top + (down ? 0 : value.height)) * this.tall];
    const width = Math.max(LEAST * this.wide, (x - fixed[0]) * (right ? 1 : -1));
    const height = Math.max(LEAST * this.tall, (y - fixed[1]) * (down ? 1 : -1));
    const centre = turned([fixed[0] + (right ? width : -width) / 2, fixed[1] + (down ? height : -height) / 2], middle, value.turn_deg);
    this.change({ left: (centre[0] - width / 2) / this.wide, top: (centre[1] - height / 2) / this.tall,
      width: width / this.wide, height: height / this.tall });
  }

  key(event) {
    const step = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] }[event.key];
    const turn = this.turns ? { "[": -0.5, "]": 0.5 }[event.key] : undefined;
    if (!this.active || (!step && !turn)) return;
    event.preventDefault();
    const { left, top, width, height, turn_deg } = this.value;
    if (turn) this.change({ turn_deg: turn_deg + turn });
    else if (event.shiftKey) this.change({ width: width + step[0], height: height + step[1] });
    else this.change({ left: left + step[0], top: top + step[1] });
  }

  change(part) {
    const asked = { ...this.value, ...part };
    const width = neat(clamp(asked.width, LEAST, 1));
    const height = neat(clamp(asked.height, LEAST, 1));
    this.value = { width, height, left: neat(clamp(asked.left, 0, 1 - width)), top: neat(clamp(asked.top, 0, 1 - height)),
      turn_deg: clamp(asked.turn_deg, -180, 180) };
    this.draw();
    this.changed();
  }
}
