// Ties the controls to the state, and helps with code and wide formulas.
for (const name of names) {
  byId(`slider-${name}`).addEventListener("input", (event) => change({ [name]: admissible(name, event.target.value) }));
  byId(`number-${name}`).addEventListener("input", (event) => {
    const value = admissible(name, event.target.value);
    if (value !== null && value === Number(event.target.value)) change({ [name]: value });
  });
  byId(`number-${name}`).addEventListener("change", (event) => {
    const value = admissible(name, event.target.value);
    change(value === null ? {} : { [name]: value });
    event.target.value = values[name];
  });
}
for (const key of Object.keys(view)) {
  byId(`view-${key}`).addEventListener("change", (event) => {
    view[key] = event.target.value;
    change({});
  });
}
byId("reset").addEventListener("click", () => change({ ...startValues }));
byId("sliders").addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => change({ ...startValues, ...settings.presets[Number(button.dataset.preset)] }));
}
byId("chart").addEventListener("click", (event) => {
  const share = Math.min(Math.max((event.offsetX - chartScale.left) / (chartScale.right - chartScale.left), 0), 1);
  change({ [view.axis]: admissible(view.axis, (chartScale.low + share * (chartScale.high - chartScale.low)).toPrecision(3)) });
});
byId("map").addEventListener("click", (event) => change(mapPoint(event.offsetX, event.offsetY)));
window.addEventListener("hashchange", () => { readAddress(); draw(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);
new ResizeObserver(schedule).observe(byId("explorer"));

for (const block of document.querySelectorAll("pre[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${block.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
    } catch {
      // Some browsers keep the clipboard from local files: select the code, so that one key copies it.
      getSelection().selectAllChildren(block);
      button.textContent = "Selected: press Ctrl+C";
    }
  });
  block.before(button);
}

// A box that scrolls sideways must be reachable by keyboard; one that does not should not be a stop.
const boxes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".formula")) boxes.observe(box);

readAddress();
draw();
