// State of the explorer: values of the controls, what is shown, the address that keeps both.
const startValues = Object.fromEntries(names.map((name) => [name, controls[name].value]));
const startView = { quantity: "deviation", axis: "n_2", map: "share" };
const EQUAL = 0.01; // a smaller share of the error is no advantage
let values = { ...startValues };
let view = { ...startView };
const startReach = Object.fromEntries(names.map((name) => [name, controls[name].high]));
let reach = { ...startReach };

/** The nearest admissible value of a control, or null for what is no number. */
function admissible(name, text) {
  const number = String(text).trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(number)) return null;
  const inside = Math.min(Math.max(number, controls[name].low), controls[name].limit);
  return controls[name].whole ? Math.round(inside) : inside;
}

/** Task 2 keeps task 1's specific parameters, so that p_2 >= p_1: of both, the touched one stays as it is. */
function settled(candidate, touched = "p_1") {
  if (candidate.p_2 >= candidate.p_1) return candidate;
  return touched === "p_2" ? { ...candidate, p_1: candidate.p_2 } : { ...candidate, p_2: candidate.p_1 };
}

const letter = (name) => controls[name].letter;

/** What differs between two states, in words. */
function differences(before, after) {
  const moved = names.filter((name) => before[name] !== after[name]);
  return moved.map((name) => `${letter(name)} from ${written(before[name])} to ${written(after[name])}`).join(", ") || "nothing changed";
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
  say(notes.length ? `Of the address, ${notes.join("; ")}.` : "");
  byId("explorer").scrollIntoView();
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

function say(words) {
  byId("notice").textContent = words;
}

/** Take changes over; the page says what else it had to change. */
function change(changes, note = "", touched = "") {
  const asked = { ...values, ...changes };
  values = settled(asked, touched);
  const forced = values === asked ? "" : `${differences(asked, values)}: p\u2082 is at least p\u2081.`;
  say(`${note} ${forced}`.trim());
  schedule();
  keepAddress();
}

/** Begin again with an example. */
function restart(example, title) {
  const before = values;
  reach = { ...startReach };
  values = { ...startValues, ...example };
  change({}, `${title}: ${differences(before, values)}.`);
}

/** A slider that was left at its upper end goes on. */
function extend(name) {
  if (values[name] < reach[name] || reach[name] >= controls[name].limit) return;
  reach[name] = Math.min(2 * reach[name], controls[name].limit);
  byId(`slider-${name}`).max = reach[name];
  say(`The slider of ${letter(name)} now goes on to ${written(reach[name])}.`);
  schedule();
}

/** Show the state in every control; a field in which someone types is left alone. */
function showControls() {
  for (const name of names) {
    // A slider reaches as far as any value that it was given.
    reach[name] = Math.max(reach[name], values[name]);
    byId(`slider-${name}`).max = reach[name];
    byId(`slider-${name}`).value = values[name];
    const field = byId(`number-${name}`);
    const typing = field === document.activeElement && admissible(name, field.value) === values[name];
    if (!typing) field.value = Number(values[name].toPrecision(12));
  }
  for (const key of Object.keys(view)) byId(`view-${key}`).value = view[key];
}

/** The error by which differences are measured: forgetting is the deviation less what does not depend on the training. */
function measure(quantity) {
  return quantity === "forgetting" ? "deviation" : quantity;
}

/** How much smaller the shown quantity is under frozen training, as a share of the larger error; NaN where one is infinite. */
function advantage(candidate) {
  const [frozen, initialized] = evaluate(measure(view.quantity), candidate);
  return (initialized - frozen) / (Math.max(frozen, initialized) || 1);
}

function showValues() {
  for (const quantity of quantities) {
    const row = evaluate(quantity, values);
    const finite = (numbers) => numbers.filter((value) => !Number.isNaN(value));
    const least = Math.min(...finite(row)) + EQUAL * Math.max(...finite(evaluate(measure(quantity), values)));
    trainings.forEach((training, place) => {
      const cell = byId(`value-${quantity}-${training}`);
      cell.textContent = written(row[place]);
      cell.dataset.value = String(row[place]);
      cell.classList.toggle("least", row[place] <= least && quantity !== "update");
    });
  }
}

/** Who has the smaller value of the shown quantity here and by how much, in a sentence. */
function winnerWords() {
  const [frozen, initialized] = evaluate(view.quantity, values);
  const noun = settings.quantities[view.quantity];
  const infinite = [["frozen", frozen], ["initialized", initialized]].filter(([, value]) => Number.isNaN(value)).map(([name]) => name);
  if (infinite.length) return `The ${noun} is infinite under ${infinite.join(" and ")} training.`;
  const share = advantage(values);
  const size = `${written(100 * Math.abs(share), 2)} % of the ${measure(view.quantity) === view.quantity ? "larger" : "larger deviation"}`;
  const apart = written(Math.abs(initialized - frozen), 2);
  if (Math.abs(share) < EQUAL) {
    return `Practically equal ${noun}: ${written(frozen)} frozen, ${written(initialized)} initialized; they differ by ${apart}, ${size}.`;
  }
  const [winner, low, high] = share > 0 ? ["Frozen", frozen, initialized] : ["Initialized", initialized, frozen];
  return `${winner} training has the smaller ${noun}: ${written(low)} against ${written(high)}, less by ${apart}, ${size}.`;
}

/** Which of the fits pass through every sample. */
function regimeWords() {
  const { p, p_1: own1, p_2: own2, n_1: first, n_2: second } = values;
  const over = first < p + own1 && second < own2;
  const under = first >= p + own1 && second >= p + own2;
  const title = over ? "Overparameterized" : under ? "Underparameterized" : "Between over- and underparameterized";
  return `${title}: task 1 has ${first} samples for ${p + own1} parameters, task 2 has ${second} for ${p + own2} (${own2} if frozen).`;
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
  byId("regime").textContent = regimeWords();
  byId("winner").textContent = winnerWords();
  byId("winner").classList.toggle("equal", Math.abs(advantage(values)) < EQUAL);
  speak(winnerWords());
}
