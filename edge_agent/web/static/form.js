// A form for one table of station.toml, made from what the drivers say of their settings.
import { element } from "./api.js";

const LISTS = ["words", "numbers", "region"];
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const label = ({ name, unit }) => (unit ? name.slice(0, name.lastIndexOf("_")) : name).replaceAll("_", " ");

// Whether a fault is told beside a control. Of a table that is the table as a whole alone: what is in it has its own.
const isOf = (fault, { field, place }) => same(fault.place.slice(0, place.length), place)
  && (field.kind !== "table" || fault.place.length === place.length);

// What a control holds; undefined: nothing.
function read(field, control) {
  const text = control.value.trim();
  if (field.kind === "flag") return control.checked;
  if (text === "") return undefined;
  if (field.kind === "integer" || field.kind === "number") return Number(text);
  if (field.kind === "choice") return field.choices.find((choice) => String(choice) === text);
  if (field.kind === "word") return /^\d+$/.test(text) ? Number(text) : text;
  if (!LISTS.includes(field.kind)) return text;
  const words = text.split(/[,，\s]+/).filter(Boolean);
  return field.kind === "words" ? words : words.map(Number);
}

function bounds(field) {
  const sign = field.is_beyond ? "> " : "≥ ";
  return [field.least === null ? "" : sign + field.least, field.most === null ? "" : `≤ ${field.most}`]
    .filter(Boolean).join(", ");
}

export class SettingsForm {
  // place: where it is shown; w: words; changed: is told of every change.
  constructor(place, w, changed) {
    this.place = place;
    this.w = w;
    this.forms = [];
    this.controls = [];
    this.rest = {};
    this.fields = element("div");
    this.driver = element("select", undefined, { id: `${place.id}-driver` });
    this.driver.addEventListener("change", () => { this.build({}); changed(); });
    this.fields.addEventListener("change", changed);
    this.fields.addEventListener("input", changed);
    const chosen = element("label", w.commission_driver);
    chosen.append(this.driver);
    place.replaceChildren(chosen, this.fields);
  }

  // translate: of a help; none: words for no driver at all, or nothing; usual: name -> value.
  offer(forms, translate, none, usual) {
    this.forms = forms;
    Object.assign(this, { translate, usual });
    const names = forms.map((form) => element("option", form.driver, { value: form.driver, disabled: Boolean(form.fault) }));
    this.driver.replaceChildren(...(none ? [element("option", none, { value: "" })] : []), ...names);
    // A browser selects the first option by itself: nobody chose it.
    this.driver.value = "";
  }

  show(table) {
    this.driver.value = table.driver ?? "";
    this.build(table);
  }

  build(table) {
    const form = this.forms.find((one) => one.driver === this.driver.value);
    this.controls = [];
    const known = (form?.fields ?? []).map((field) => field.name);
    this.rest = Object.fromEntries(Object.entries(table).filter(([key]) => key !== "driver" && !known.includes(key)));
    this.fields.replaceChildren(...this.groups(form?.fields ?? [], table, []));
  }

  // The required settings, and the others folded.
  groups(fields, table, path) {
    const needed = fields.filter((field) => field.required || table[field.name] !== undefined);
    const others = fields.filter((field) => !needed.includes(field));
    const rows = needed.map((field) => this.row(field, table[field.name], path));
    if (!others.length) return rows;
    const more = element("details");
    more.append(element("summary", this.w.commission_more), ...others.map((field) => this.row(field, undefined, path)));
    return [...rows, more];
  }

  row(field, value, path) {
    const place = [...path, field.name];
    const id = `${this.place.id}-${place.join("-")}`;
    const row = element("div", undefined, { className: "field" });
    const help = element("small", [this.translate(field.help), bounds(field)].filter(Boolean).join(" · "), { id: `${id}-help` });
    const fault = element("p", undefined, { className: "fault", id: `${id}-fault`, hidden: true });
    const one = { field, place, row, fault };
    this.controls.push(one);
    if (field.kind === "table") {
      this.tableRow(one, value, id, help);
    } else if (field.kind === "choices") {
      this.choicesRow(one, value, id, help);
    } else {
      one.control = this.control(field, value ?? field.default ?? this.usual[field.name], id);
      one.control.setAttribute("aria-describedby", `${help.id} ${fault.id}`);
      const name = element("label", label(field), { htmlFor: id });
      if (field.unit) name.append(element("span", ` ${field.unit}`, { className: "unit" }));
      row.append(name, one.control, help, fault);
    }
    return row;
  }

  control(field, value, id) {
    const shown = Array.isArray(value) ? value.join(", ") : value ?? "";
    if (field.kind === "choice") {
      const made = element("select", undefined, { id });
      made.append(...(field.required ? [element("option", "", { value: "" })] : []),
        ...field.choices.map((choice) => element("option", choice)));
      made.value = shown;
      return made;
    }
    if (field.kind === "flag") return element("input", undefined, { id, type: "checkbox", checked: value === true });
    const made = element("input", undefined, { id, value: shown, spellcheck: false, autocomplete: "off" });
    if (field.kind === "integer" || field.kind === "number") {
      Object.assign(made, { type: "number", step: field.kind === "integer" ? 1 : "any" });
      if (field.least !== null) made.min = field.least;
      if (field.most !== null) made.max = field.most;
    }
    if (field.longest) made.maxLength = field.longest;
    return made;
  }

  // A table in the table: asked for only where it is wanted.
  tableRow(one, value, id, help) {
    const box = element("fieldset");
    const inner = element("div", undefined, { hidden: !one.field.required && value === undefined });
    inner.append(...this.groups(one.field.fields, value ?? {}, one.place));
    box.append(element("legend", label(one.field)), help, one.fault);
    if (!one.field.required) {
      one.control = element("input", undefined, { id, type: "checkbox", checked: value !== undefined });
      one.control.addEventListener("change", () => { inner.hidden = !one.control.checked; });
      const use = element("label", this.w.commission_use, { className: "tick" });
      use.prepend(one.control);
      box.append(use);
    }
    box.append(inner);
    one.row.append(box);
  }

  choicesRow(one, value, id, help) {
    const box = element("fieldset");
    const held = value ?? one.field.default ?? [];
    one.ticks = one.field.choices.map((choice, place) => element("input", undefined,
      { id: `${id}-${place}`, type: "checkbox", value: choice, checked: held.includes(choice) }));
    box.append(element("legend", label(one.field)), ...one.ticks.map((tick) => {
      const name = element("label", tick.value, { className: "tick" });
      name.prepend(tick);
      return name;
    }), help, one.fault);
    one.row.append(box);
  }

  // The table as station.toml holds it: what is as it would be anyway is left out.
  table() {
    if (!this.driver.value) return {};
    return { driver: this.driver.value, ...this.rest, ...this.below([]) };
  }

  below(path) {
    const found = {};
    for (const one of this.controls) {
      if (!same(one.place.slice(0, -1), path)) continue;
      const value = this.value(one);
      if (value !== undefined && (one.field.required || !same(value, one.field.default))) found[one.field.name] = value;
    }
    return found;
  }

  value(one) {
    if (one.field.kind === "table") return one.control && !one.control.checked ? undefined : this.below(one.place);
    if (one.ticks) return one.ticks.filter((tick) => tick.checked).map((tick) => tick.value);
    return read(one.field, one.control);
  }

  // The control of a region that is drawn on the picture, where the driver has one.
  get region() { return this.controls.find((one) => one.field.kind === "region"); }

  // Words beside each setting that is wrong; gives the first of them.
  faults(found, say) {
    let first = null;
    for (const one of this.controls) {
      const mine = found.find((fault) => isOf(fault, one));
      one.fault.hidden = !mine;
      one.fault.textContent = mine ? say(mine) : "";
      const control = one.control ?? one.ticks?.[0];
      control?.setAttribute("aria-invalid", String(Boolean(mine)));
      if (mine) one.row.closest("details")?.setAttribute("open", "");
      if (mine) first ??= control;
    }
    return first;
  }

  // What belongs to no setting of this form: of the driver, or of the table as a whole.
  others(found) {
    return found.filter((fault) => !this.controls.some((one) => isOf(fault, one)));
  }
}
