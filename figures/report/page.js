// Ties the controls to the state.
for (const name of names) {
  const slider = byId(`slider-${name}`);
  const field = byId(`number-${name}`);
  slider.addEventListener("input", () => {
    const asked = admissible(name, slider.value);
    const stop = { p_1: Math.min(asked, values.p_2), p_2: Math.max(asked, values.p_1) }[name] ?? asked;
    change({ [name]: stop }, stop === asked ? "" : `${letter(name)} stops at ${stop}: p\u2082 is at least p\u2081, since task 2 keeps task 1\u2019s parameters.`);
  });
  slider.addEventListener("change", () => extend(name));
  field.addEventListener("input", () => {
    const value = admissible(name, field.value);
    const candidate = { ...values, [name]: value };
    // What must be moved may be half of a longer number: it waits until the field is left.
    if (value !== null && value === Number(field.value) && settled(candidate, name) === candidate) change({ [name]: value });
  });
  field.addEventListener("change", () => {
    const value = admissible(name, field.value);
    if (value === null) change({}, `${letter(name)} stays ${values[name]}: the entry was no number.`);
    else if (value !== values[name]) {
      const moved = value === Number(field.value) ? "" : `${letter(name)} = ${field.value} was moved to ${value}, the nearest possible value.`;
      change({ [name]: value }, moved, name);
    }
    field.value = values[name];
  });
}
for (const key of Object.keys(view)) {
  byId(`view-${key}`).addEventListener("change", (event) => {
    view[key] = event.target.value;
    change({});
  });
}
byId("reset").addEventListener("click", () => restart({}, "Reset"));
byId("sliders").addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => restart(settings.presets[button.textContent], button.textContent));
}
byId("chart").addEventListener("click", (event) => {
  const share = Math.min(Math.max((event.offsetX - chartScale.left) / (chartScale.right - chartScale.left), 0), 1);
  const place = admissible(view.axis, (chartScale.low + share * (chartScale.high - chartScale.low)).toPrecision(3));
  change({ [view.axis]: place }, `From the chart: ${letter(view.axis)} = ${written(place)}.`, view.axis);
});
byId("map").addEventListener("click", (event) => {
  const place = mapPoint(event.offsetX, event.offsetY);
  change(place, `From the map: ${differences(values, { ...values, ...place })}.`);
});
window.addEventListener("hashchange", () => { readAddress(); draw(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);
new ResizeObserver(schedule).observe(byId("explorer"));

readAddress();
draw();
