// The explorer's controls, built from the settings: menus, examples, sliders with number fields, the table of values.
const byId = (id) => document.getElementById(id);
const controls = Object.fromEntries(Object.values(settings.groups).flat().map((control) => [control.name, control]));
const names = Object.keys(controls);
const trainings = Object.keys(settings.trainings);
const quantities = Object.keys(settings.quantities);
const isAngle = (name) => name.startsWith("angle");

/** A control in words. */
function spoken(name) {
  return isAngle(name) ? controls[name].letter : `${controls[name].letter}, ${controls[name].label}`;
}

/** Letters in italics, raised and lowered digits as such. */
function symbol(name) {
  if (isAngle(name)) return "\u2220";
  const below = (digit) => `<sub>${"\u2080\u2081\u2082".indexOf(digit)}</sub>`;
  return controls[name].letter.replace(/[a-z\u03c3]/g, "<i>$&</i>").replace(/[\u2081\u2082]/g, below).replace("\u00b2", "<sup>2</sup>");
}

function menu(key, label, options) {
  const entries = Object.entries(options).map(([value, text]) => `<option value="${value}">${text}</option>`);
  return `<label class="menu">${label} <select id="view-${key}">${entries.join("")}</select></label>`;
}

function slider({ name, label, unit, low, high, limit, step, value, whole }) {
  const start = `min="${low}" value="${value}" aria-label="${spoken(name)}, ${unit}"`;
  return `<div class="control"><label for="slider-${name}">${symbol(name)} <span>${label}</span></label>`
    + `<input type="number" id="number-${name}" ${start} max="${limit}" step="${whole ? 1 : "any"}" inputmode="decimal">`
    + `<input type="range" id="slider-${name}" ${start} max="${high}" step="${step}"></div>`;
}

function valueRow(quantity) {
  const cells = trainings.map((training) => `<td id="value-${quantity}-${training}"></td>`);
  return `<tr><th scope="row">${settings.quantities[quantity]}</th>${cells.join("")}</tr>`;
}

function valueHead(training) {
  const line = `<svg width="34" height="10" aria-hidden="true"><path class="line ${training}" d="M1 5H33"/></svg>`;
  return `<th scope="col">${line} ${settings.trainings[training]}</th>`;
}

byId("examples").innerHTML = Object.keys(settings.presets).map((title) => `<button type="button" data-preset>${title}</button>`).join("");
byId("menus").innerHTML = menu("quantity", "Show", settings.quantities)
  + menu("axis", "against", Object.fromEntries(names.map((name) => [name, spoken(name)])));
byId("map-menu").innerHTML = menu("map", "Map over", { share: "distance \u00d7 share of the shared norm", p_2: "distance \u00d7 p\u2082" });
byId("groups").innerHTML = Object.entries(settings.groups)
  .map(([title, group]) => `<fieldset><legend>${title}</legend>${group.map(slider).join("")}</fieldset>`).join("");
byId("value-heads").innerHTML = `<td></td>${trainings.map(valueHead).join("")}`;
byId("value-rows").innerHTML = quantities.map(valueRow).join("");

