// Curves of all trainings against one parameter, as SVG.
const margin = { left: 54, right: 14, top: 54, bottom: 42 };

function element(name, attributes, text = "") {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${value}"`).join("");
  return `<${name}${written}>${text}</${name}>`;
}

function show(svg, width, height, content) {
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.innerHTML = content;
}

/** Round numbers that divide a range into about `count` parts. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, index) => (first + index) * step);
}

/** Title of an axis. */
function named(name) {
  return controls[name].whole ? spoken(name) : `${spoken(name)}, ${controls[name].unit}`;
}

function scale(low, high, from, to) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** Axes with ticks and titles; returns SVG. */
function axes(width, height, x, y) {
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const rows = ticks(y.low, y.high, Math.max(3, height / 70)).map((value) => {
    const place = y.scale(value).toFixed(1);
    const label = { x: margin.left - 8, y: place, "text-anchor": "end", "dominant-baseline": "middle" };
    return element("line", { class: value === 0 ? "zero" : "grid", x1: margin.left, x2: right, y1: place, y2: place })
      + element("text", label, written(Number(value.toPrecision(6))));
  });
  const columns = ticks(x.low, x.high, Math.max(3, width / 90)).map((value) => {
    const place = x.scale(value).toFixed(1);
    return element("line", { class: "tick", x1: place, x2: place, y1: bottom, y2: bottom + 4 })
      + element("text", { x: place, y: bottom + 17, "text-anchor": "middle" }, written(Number(value.toPrecision(6))));
  });
  const base = element("line", { class: "base", x1: margin.left, x2: right, y1: bottom, y2: bottom });
  const title = element("text", { class: "title", x: (margin.left + right) / 2, y: height - 6, "text-anchor": "middle" }, x.title);
  const heading = element("text", { class: "title", x: 2, y: 14 }, y.title);
  return rows.join("") + columns.join("") + base + title + heading;
}

/** Where the chosen parameter is evaluated: every whole number, or a fine grid. */
function abscissae(name) {
  const control = controls[name];
  const low = name === "p_2" ? values.p_1 : control.low;
  const high = Math.max(name === "p_1" ? values.p_2 : reach[name], low + 1);
  const whole = control.whole && high - low <= 2000;
  const count = whole ? high - low : 320;
  const points = Array.from({ length: count + 1 }, (_, index) => low + ((high - low) * index) / count);
  return { low, high, step: (high - low) / count, points };
}

/** A range that shows the curves and cuts off their poles; it changes in round steps, so that it rests while one drags. */
function ordinates(rows, current) {
  const finite = rows.flat().filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (!finite.length) return { low: 0, high: 1 };
  const typical = finite[Math.floor(0.8 * (finite.length - 1))];
  const near = current.filter((value) => !Number.isNaN(value) && value < 4 * Math.abs(typical));
  const top = Math.max(Math.min(finite[finite.length - 1], typical > 0 ? 2.2 * typical : typical), ...near, 0);
  const bottom = Math.min(finite[0], 0);
  const span = top - bottom || 1;
  const step = 10 ** Math.floor(Math.log10(span)) / 2;
  return { low: bottom === 0 ? 0 : Math.floor((bottom - 0.04 * span) / step) * step, high: Math.ceil((top + 0.04 * span) / step) * step };
}

function curve(points, rows, place, x, y) {
  let path = "";
  let open = false;
  points.forEach((value, index) => {
    const height = rows[index][place];
    if (Number.isNaN(height)) { open = false; return; }
    // Far beyond the frame a straight line to the next point would leave it at the wrong place, not so within ten heights.
    const shown = Math.min(Math.max(height, y.low - 10 * (y.high - y.low)), y.high + 10 * (y.high - y.low));
    path += `${open ? "L" : "M"}${x.scale(value).toFixed(1)} ${y.scale(shown).toFixed(1)}`;
    open = true;
  });
  return element("path", { class: `line ${trainings[place]}`, d: path, "clip-path": "url(#frame)" });
}

/** Grey strips where an expectation is infinite, named at the top. */
function poles(grid, rows, x, bottom, right) {
  const named = (value, name) => (Number.isNaN(value) ? name : "");
  const state = rows.map(([frozen, initialized]) => `${named(frozen, "frozen")} ${named(initialized, "initialized")}`.trim());
  const parts = [];
  const ends = [-Infinity, -Infinity];
  for (let first = 0; first < state.length; first += 1) {
    if (!state[first]) continue;
    let last = first;
    while (state[last + 1] === state[first]) last += 1;
    const from = Math.max(margin.left, x.scale(grid.points[first] - grid.step / 2));
    const to = Math.min(right, x.scale(grid.points[last] + grid.step / 2));
    const box = { x: from.toFixed(1), y: margin.top, width: Math.max(1, to - from).toFixed(1), height: bottom - margin.top };
    parts.push(element("rect", { class: "pole", ...box }));
    const name = state[first] === "frozen initialized" ? "pole of task 1" : `pole, ${state[first]}`;
    const middle = Math.min(Math.max((from + to) / 2, margin.left + 45), right - 50);
    const line = ends.findIndex((end) => middle - 50 > end);
    if (line >= 0) {
      const at = { x: middle.toFixed(1), y: margin.top - 6 - 14 * line };
      parts.push(element("text", { class: "pole-name", ...at, "text-anchor": "middle" }, name));
      ends[line] = middle + 50;
    }
    first = last;
  }
  return parts.join("");
}

function markers(current, x, y, bottom) {
  const place = x.scale(values[view.axis]).toFixed(1);
  const line = element("line", { class: "now", x1: place, x2: place, y1: margin.top, y2: bottom });
  const dots = current.map((value, index) => {
    if (Number.isNaN(value)) return "";
    if (value > y.high) {
      const tip = margin.top + 2;
      return element("path", { class: `beyond ${trainings[index]}`, d: `M${place} ${tip}l-6 9h12z` });
    }
    return element("circle", { class: `dot ${trainings[index]}`, cx: place, cy: y.scale(value).toFixed(1), r: 4.5 });
  });
  return line + dots.join("");
}

let chartScale = null;
function drawChart() {
  const svg = byId("chart");
  const width = svg.parentElement.clientWidth;
  const height = Math.round(Math.min(Math.max(width * 0.55, 250), 380));
  const grid = abscissae(view.axis);
  const rows = grid.points.map((point) => evaluate(view.quantity, settled({ ...values, [view.axis]: point })));
  const current = evaluate(view.quantity, values);
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const heights = ordinates(rows, current);
  const title = named(view.axis);
  const x = { ...grid, scale: scale(grid.low, grid.high, margin.left, right), title };
  const y = { ...heights, scale: scale(heights.low, heights.high, bottom, margin.top), title: `${settings.quantities[view.quantity]}, units of y\u00b2` };
  chartScale = { low: grid.low, high: grid.high, left: margin.left, right };
  const box = { x: margin.left, y: margin.top, width: right - margin.left, height: bottom - margin.top };
  const clip = element("clipPath", { id: "frame" }, element("rect", box));
  const curves = trainings.map((_, place) => curve(grid.points, rows, place, x, y)).reverse().join("");
  const strips = poles(grid, rows, x, bottom, right);
  show(svg, width, height, element("defs", {}, clip) + strips + axes(width, height, x, y) + curves + markers(current, x, y, bottom));
  const here = trainings.map((training, place) => `${settings.trainings[training]} ${written(current[place])}`).join(", ");
  const range = `from ${written(grid.low)} to ${written(grid.high)}`;
  const place = `At ${written(values[view.axis])}: ${here}.`;
  byId("chart-words").textContent = `${settings.quantities[view.quantity]} against ${title}, ${range}. ${place}`;
}
