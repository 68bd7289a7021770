// State of the explorer: values of the controls, what is shown, the address that keeps both.
const byId = (id) => document.getElementById(id);
const controls = settings.controls;
const names = Object.keys(controls);
const trainings = Object.keys(settings.trainings);
const quantities = Object.keys(settings.quantities);
const startValues = Object.fromEntries(names.map((name) => [name, controls[name].value]));
const startView = { quantity: "deviation", axis: "p_2", map: "share" };
let values = { ...startValues };
let view = { ...startView };

/** The nearest admissible value of a control, or null for what is no number. */
function admissible(name, text) {
  const number = String(text).trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(number)) return null;
  const inside = Math.min(Math.max(number, controls[name].low), controls[name].limit);
  return controls[name].whole ? Math.round(inside) : inside;
}

/** Task 2 keeps task 1's specific parameters. */
function settled(candidate) {
  return { ...candidate, p_2: Math.max(candidate.p_2, candidate.p_1) };
}

/** Inner product of a truth and its change; a cosine keeps every Gram matrix positive semidefinite. */
function along(square, distance, angle) {
  return Math.sqrt(square * distance) * Math.cos((Math.PI * angle) / 180);
}

/** Values of a quantity for the trainings in order; NaN where the expectation is infinite. */
function evaluate(quantity, candidate) {
  const products = {
    c_u: along(candidate.u_11, candidate.d_u, candidate.angle_u),
    c_q: along(candidate.q_11, candidate.d_q, candidate.angle_q),
  };
  const all = { ...candidate, ...products };
  return laws[quantity](...settings.parameters.map((name) => all[name]));
}

function written(value, digits = 4) {
  if (Number.isNaN(value)) return "infinite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "\u2212");
}

function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return;
  const notes = [];
  const candidate = { ...startValues };
  view = { ...startView };
  for (const [key, asked] of new URLSearchParams(text)) {
    if (Object.hasOwn(view, key) && [...byId(`view-${key}`).options].some((option) => option.value === asked)) view[key] = asked;
    else if (Object.hasOwn(controls, key) && admissible(key, asked) !== null) {
      candidate[key] = admissible(key, asked);
      if (candidate[key] !== Number(asked)) notes.push(`${key} = ${asked} was moved to ${candidate[key]}`);
    } else notes.push(`${key} = ${asked} was not understood`);
  }
  values = settled(candidate);
  if (values.p_2 !== candidate.p_2) notes.push(`p_2 was raised to p_1 = ${values.p_1}`);
  byId("notice").textContent = notes.length ? `Of the address, ${notes.join("; ")}.` : "";
  byId("notice").hidden = !notes.length;
}

let addressTimer = 0;
/** Browsers limit how often the address may change, so it follows a moment after the last move. */
function keepAddress() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => {
    const changed = names.filter((name) => values[name] !== startValues[name]).map((name) => [name, values[name]]);
    const shown = Object.keys(view).filter((key) => view[key] !== startView[key]).map((key) => [key, view[key]]);
    const text = new URLSearchParams([...changed, ...shown]).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }, 400);
}

function change(changes) {
  values = settled({ ...values, ...changes });
  byId("notice").hidden = true;
  schedule();
  keepAddress();
}

/** Show the state in every control; a field in which someone types is left alone. */
function showControls() {
  for (const name of names) {
    byId(`slider-${name}`).value = values[name];
    const field = byId(`number-${name}`);
    const typing = field === document.activeElement && admissible(name, field.value) === values[name];
    if (!typing) field.value = Number(values[name].toPrecision(12));
  }
  for (const key of Object.keys(view)) byId(`view-${key}`).value = view[key];
}

function showValues() {
  for (const quantity of quantities) {
    const row = evaluate(quantity, values);
    const least = Math.min(...row.filter((value) => !Number.isNaN(value)));
    trainings.forEach((training, place) => {
      const cell = byId(`value-${quantity}-${training}`);
      cell.textContent = written(row[place]);
      cell.dataset.value = String(row[place]);
      cell.classList.toggle("least", row[place] === least && quantity !== "update");
    });
  }
}

/** Who has the smaller value of the shown quantity here, in a sentence. */
function winnerWords() {
  const [frozen, initialized] = evaluate(view.quantity, values);
  const noun = settings.quantities[view.quantity];
  if (Number.isNaN(frozen) && Number.isNaN(initialized)) return `Here the ${noun} is infinite under both trainings.`;
  if (frozen === initialized) return `Here both trainings have the same ${noun}, ${written(frozen)}.`;
  const first = Number.isNaN(initialized) || frozen < initialized;
  const [winner, low, high] = first ? ["Frozen", frozen, initialized] : ["Initialized", initialized, frozen];
  return `Here ${winner.toLowerCase()} training has the smaller ${noun}: ${written(low)} against ${written(high)}.`;
}

let spokenTimer = 0;
/** Screen readers hear the outcome once a drag has come to rest. */
function speak(words) {
  clearTimeout(spokenTimer);
  spokenTimer = setTimeout(() => { byId("spoken").textContent = words; }, 700);
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

function draw() {
  showControls();
  showValues();
  drawChart();
  drawMap();
  byId("winner").textContent = winnerWords();
  speak(winnerWords());
}
