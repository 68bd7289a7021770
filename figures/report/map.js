// Who wins, over the distance of the specific truths and a second parameter, painted on a canvas.
const cell = 3;

/** Axes of the map, and the values at one of its points. */
function mapAxes() {
  const farthest = Math.max(2, Math.sqrt(values.d_q));
  const x = { low: 0, high: farthest, title: "distance |q\u2082 \u2212 q\u2081|, units of y", at: Math.sqrt(values.d_q) };
  if (view.map === "p_2") {
    const y = { low: values.p_1, high: Math.max(reach.p_2, values.p_1 + 1), title: named("p_2"), at: values.p_2 };
    return { x, y, place: (distance, p2) => ({ ...values, d_q: distance ** 2, p_2: p2 }) };
  }
  const total = values.u_11 + values.q_11;
  const y = { low: 0, high: 1, title: "share of |u\u2081|\u00b2 in |u\u2081|\u00b2 + |q\u2081|\u00b2", at: total > 0 ? values.u_11 / total : 0.5 };
  return { x, y, place: (distance, share) => ({ ...values, d_q: distance ** 2, u_11: share * total, q_11: (1 - share) * total }) };
}

/** Advantage at the corners of a grid of cells, row by row from the top. */
function advantageGrid(map, columns, rows) {
  const grid = new Float64Array((columns + 1) * (rows + 1));
  for (let row = 0; row <= rows; row += 1) {
    const second = map.y.high - ((map.y.high - map.y.low) * row) / rows;
    for (let column = 0; column <= columns; column += 1) {
      grid[row * (columns + 1) + column] = advantage(map.place(map.x.low + ((map.x.high - map.x.low) * column) / columns, second));
    }
  }
  return grid;
}

/** Who wins with an advantage: 1 frozen, -1 initialized, 0 nobody. */
function sided(value) {
  return Math.abs(value) < EQUAL ? 0 : Math.sign(value);
}

function interpolated(grid, columns, column, row) {
  const left = Math.floor(column);
  const top = Math.floor(row);
  const start = top * (columns + 1) + left;
  const [a, b] = [column - left, row - top];
  const mixed = (first) => grid[first] * (1 - a) + grid[first + 1] * a;
  const value = mixed(start) * (1 - b) + mixed(start + columns + 1) * b;
  return Number.isNaN(value) ? grid[start + (a > 0.5 ? 1 : 0) + (b > 0.5 ? columns + 1 : 0)] : value;
}

function colour(name) {
  const probe = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((place) => parseInt(probe.slice(place, place + 2), 16));
}

/** Paint tints that deepen with the advantage, none where both are practically equal, hatching where frozen training wins. */
function paint(canvas, grid, columns, rows, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const image = new ImageData(canvas.width, canvas.height);
  const [paper, ink, pole] = ["--paper", "--ink", "--pole"].map(colour);
  const tint = { frozen: colour("--frozen"), initialized: colour("--initialized") };
  const signs = new Int8Array(canvas.width);
  let above = null;
  for (let row = 0; row < canvas.height; row += 1) {
    let left = 0;
    for (let column = 0; column < canvas.width; column += 1) {
      const value = interpolated(grid, columns, (column / canvas.width) * columns, (row / canvas.height) * rows);
      const sign = Number.isNaN(value) ? 2 : sided(value);
      const tie = (column > 0 && left * sign === -1) || (above !== null && signs[column] * sign === -1);
      const hatched = sign === 1 && (column + row) % Math.round(9 * ratio) < ratio;
      const dotted = sign === 2 && column % Math.round(6 * ratio) < ratio && row % Math.round(6 * ratio) < ratio;
      const base = sign === 2 ? pole : tint[sign === 1 ? "frozen" : "initialized"];
      const depth = sign === 2 ? 1 : sign === 0 ? 0 : Math.min(0.64, 0.12 + 0.8 * Math.abs(value)) + (hatched ? 0.3 : 0);
      for (let part = 0; part < 3; part += 1) {
        const mixed = paper[part] + (base[part] - paper[part]) * depth;
        image.data[(row * canvas.width + column) * 4 + part] = tie || dotted ? ink[part] : mixed;
      }
      image.data[(row * canvas.width + column) * 4 + 3] = 255;
      left = sign;
      signs[column] = sign;
    }
    above = row;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The place in the middle of a region, as far from its borders as can be; null for a region too small for a name. */
function nameplace(grid, columns, rows, sign, here, inner) {
  const [across, down] = [Math.round(columns / 24), Math.round(rows / 16)];
  const [wide, high] = [inner.width / columns / 2, inner.height / rows]; // names are wide: a pixel aside counts half
  const at = (column, row) => sided(grid[row * (columns + 1) + column]) === sign;
  let best = { reach: 14 };
  for (let row = down; row < rows; row += down) {
    for (let column = across; column < columns; column += across) {
      const covers = Math.abs(row - here.row * rows) * high < 20 && Math.abs(column - here.column * columns) * wide < 35;
      if (!at(column, row) || covers) continue;
      let reach = Math.min(column * wide, (columns - column) * wide, row * high, (rows - row) * high);
      for (let other = 0; other <= rows && reach > best.reach; other += down) {
        for (let beside = 0; beside <= columns; beside += across) {
          if (!at(beside, other)) reach = Math.min(reach, Math.max(Math.abs(beside - column) * wide, Math.abs(other - row) * high));
        }
      }
      if (reach > best.reach) best = { reach, column: column / columns, row: row / rows };
    }
  }
  return "row" in best ? best : null;
}

let mapScale = null;
function drawMap() {
  const svg = byId("map");
  const width = svg.parentElement.clientWidth;
  const height = Math.round(Math.min(Math.max(width * 0.68, 220), 320));
  const map = mapAxes();
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  // Poles in p_2 are strips of a few pixels.
  const [columns, rows] = [Math.round(inner.width / cell), Math.round((inner.height / cell) * (view.map === "p_2" ? 2 : 1))];
  const grid = advantageGrid(map, columns, rows);
  const canvas = byId("field");
  Object.assign(canvas.style, { left: `${margin.left}px`, top: `${margin.top}px`, width: `${inner.width}px`, height: `${inner.height}px` });
  paint(canvas, grid, columns, rows, inner.width, inner.height);
  const x = { ...map.x, scale: scale(map.x.low, map.x.high, margin.left, width - margin.right) };
  const y = { ...map.y, scale: scale(map.y.low, map.y.high, height - margin.bottom, margin.top) };
  mapScale = { x: map.x, y: map.y, left: margin.left, top: margin.top, ...inner };
  const ring = { column: (map.x.at - map.x.low) / (map.x.high - map.x.low), row: (map.y.high - map.y.at) / (map.y.high - map.y.low) };
  const labels = [["frozen", 1], ["initialized", -1]].map(([name, sign]) => {
    const place = nameplace(grid, columns, rows, sign, ring, inner);
    if (place === null) return "";
    const at = { x: margin.left + place.column * inner.width, y: margin.top + place.row * inner.height };
    return element("text", { class: "region", ...at, "text-anchor": "middle", "dominant-baseline": "middle" }, `${name} wins`);
  });
  const [cx, cy] = [x.scale(x.at).toFixed(1), y.scale(y.at).toFixed(1)];
  const here = element("circle", { class: "here", cx, cy, r: 6 }) + element("circle", { class: "here-core", cx, cy, r: 2 });
  show(svg, width, height, axes(width, height, x, y) + labels.join("") + here);
  const finite = grid.filter((value) => !Number.isNaN(value));
  const share = (side) => `${written((100 * finite.filter((value) => sided(value) === side).length) / Math.max(finite.length, 1), 2)} %`;
  byId("map-words").textContent = `Smaller ${settings.quantities[view.quantity]}: frozen training on ${share(1)} of the map (hatched), `
    + `initialized on ${share(-1)}, practically equal on ${share(0)} (blank); deeper tints are larger differences, the ring is the current point.`;
}

/** Values at a point of the map that was clicked. */
function mapPoint(offsetX, offsetY) {
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  const first = mapScale.x.low + (mapScale.x.high - mapScale.x.low) * inside((offsetX - mapScale.left) / mapScale.width);
  const second = mapScale.y.high - (mapScale.y.high - mapScale.y.low) * inside((offsetY - mapScale.top) / mapScale.height);
  const placed = mapAxes().place(first, second);
  return Object.fromEntries(["d_q", "u_11", "q_11", "p_2"].map((name) => [name, admissible(name, placed[name].toPrecision(3))]));
}
