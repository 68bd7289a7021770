"""The explorer agrees with Python: its functions in node, the whole report driven in headless Chromium."""

import html
import json
import math
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from figures.report.explorer import PARAMETERS, QUANTITIES, SETTINGS, TRAININGS, formula_of, laws
from theory.errors import DomainError
from theory.regions import frozen_wins

pytestmark = pytest.mark.slow

NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed; with it the explorer's functions are compared with Python's")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed; with it the page is driven")
CASES = 120  # of twelve formulas each
WIDTHS = (360, 800, 1000, 1400)  # a phone, and a layout for each number of columns
CONTROLS = [control for group in SETTINGS["groups"].values() for control in group]
START, LETTER = ({control["name"]: control[key] for control in CONTROLS} for key in ("value", "letter"))
TOLERANCE = 1e-12


@cache
def random_cases() -> list[dict[str, float]]:
    """Settings over all sides of the thresholds, every tenth within 1 of one of them."""
    rng = np.random.default_rng(np.random.SeedSequence(20260))
    cases = []
    for place in range(CASES):
        p, p_1, extra = (int(rng.integers(2, high)) for high in (150, 150, 80))
        case: dict[str, float] = {"p": p, "p_1": p_1, "p_2": p_1 + extra * int(rng.integers(2))}
        case["n_1"] = int(rng.integers(1, 2 * (p + p_1)))
        case["n_2"] = int(rng.integers(1, 2 * (p + case["p_2"])))
        if place % 10 == 0:
            name, at = [("n_1", p + p_1), ("n_2", case["p_2"]), ("n_2", p + case["p_2"])][place // 10 % 3]
            case[name] = max(1, int(at + rng.integers(-1, 2)))
        case |= {name: float(10 ** rng.uniform(-2, 0.5)) for name in ("sigma_1", "sigma_2", "u_11", "q_11", "d_u", "d_q")}
        for block in ("u", "q"):
            case[f"c_{block}"] = math.sqrt(case[f"{block}_11"] * case[f"d_{block}"]) * float(rng.uniform(-1, 1))
        cases.append(case)
    return cases


def python_value(training: str, quantity: str, case: dict[str, float]) -> float:
    """Value of the ledger's formula; NaN where it has none."""
    try:
        return formula_of(training, quantity)(**case)
    except DomainError:
        return math.nan


@cache
def python_values() -> np.ndarray:
    """Values at the random settings, shape (quantities, settings, trainings)."""
    return np.array([[[python_value(training, quantity, case) for training in TRAININGS] for case in random_cases()] for quantity in QUANTITIES])


def largest_error(source: str) -> float:
    """Largest relative difference of node's and Python's values; infinite where only one of them has a value."""
    program = f"""{source}
    const cases = {json.dumps([[case[name] for name in PARAMETERS] for case in random_cases()])};
    const values = (quantity) => cases.map((each) => laws[quantity](...each).map(String));
    console.log(JSON.stringify({json.dumps(list(QUANTITIES))}.map(values)));"""
    done = subprocess.run([NODE, "-"], input=program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, expected = np.array(json.loads(done.stdout), dtype=float), python_values()
    same = np.array_equal(np.isnan(expected), np.isnan(found))
    return float(np.nanmax(np.abs(found - expected) / np.abs(expected))) if same else math.inf


@needs_node
def test_generated_functions_agree_with_the_formulas() -> None:
    regimes = {(c["n_1"] < c["p"] + c["p_1"], (c["n_2"] > c["p_2"]) + (c["n_2"] > c["p"] + c["p_2"])) for c in random_cases()}
    assert len(regimes) == 6
    assert 5 < np.isnan(python_values()[0, :, 0]).sum() < 20
    assert largest_error(laws()) <= TOLERANCE


@needs_node
@pytest.mark.parametrize(
    ("correct", "mistake"),
    [(r"x\d+ > 1 &&", "true &&"), (r"\(sigma_2\*sigma_2\)", "sigma_2"), (" < p_2", " < 2*p_2"), (r"2\*c_u\*", "c_u*")],
)
def test_a_mistake_in_a_generated_function_would_be_seen(correct: str, mistake: str) -> None:
    source = laws()
    changed = re.sub(correct, mistake, source, count=1)
    assert changed != source
    assert largest_error(changed) > 1e-6


def test_examples_show_what_their_names_say() -> None:
    assert START["n_1"] < START["p"] + START["p_1"] - 1 and START["n_2"] < START["p_2"] - 1
    for name, changes in SETTINGS["presets"].items():
        case = {**START, **changes, "c_u": 0.0, "c_q": 0.0}
        assert all(control["low"] <= case[control["name"]] <= control["limit"] for control in CONTROLS), name
        wins = bool(frozen_wins("deviation", **{key: case[key] for key in case if key not in ("d_u", "c_u", "angle_u", "angle_q")}))
        assert wins == ("Frozen wins" in name or name == "Between the poles"), name


def chromium(page: str, *options: str, folder: Path) -> str:
    """Run headless Chromium on an address, return its output; its profile lies in ``folder``."""
    flags = (
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", "--window-size=1280,1500",
    )  # fmt: skip
    done = subprocess.run([CHROMIUM, *flags, *options, page], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 and "Uncaught" not in done.stderr, done.stderr[-2000:]
    return done.stdout


def shown_values(dom: str) -> dict[tuple[str, str], float]:
    """Numbers in the explorer's table."""
    cells = re.findall(r'<td id="value-(\w+?)-(\w+)"[^>]*data-value="([^"]+)"', dom)
    return {(quantity, training): float(value) for quantity, training, value in cells}


def curves(dom: str) -> list[tuple[str, str]]:
    """Training and path of every curve."""
    return re.findall(r'<path class="line (\w+)" d="([^"]*)" clip-path', dom)


def shown(dom: str, name: str) -> str:
    """Text of an element without markup in it."""
    return html.unescape(re.search(rf'id="{name}"[^>]*>([^<]*)<', dom)[1])


@needs_chromium
@pytest.mark.parametrize(("address", "changes"), [
    ("", {}),
    ("#d_q=0&n_1=1&n_2=1&p=2000", {"d_q": 0, "n_1": 1, "n_2": 1, "p": 2000}),
    (
        "#p_2=80&n_2=25&d_u=0.3&angle_u=160&d_q=0.5&angle_q=35&quantity=forgetting&axis=d_q&map=p_2",
        {"p_2": 80, "n_2": 25, "d_u": 0.3, "angle_u": 160, "d_q": 0.5, "angle_q": 35},
    ),
    ("#p=3&p_1=40&n_2=40&sigma_2=1e2&q_11=wrong&colour=red", {"p": 3, "p_1": 40, "p_2": 40, "n_2": 40, "sigma_2": 100}),
])
def test_the_page_shows_the_values_of_its_address(address: str, changes: dict[str, Any], report, tmp_path: Path) -> None:
    dom = chromium(f"{report.path.as_uri()}{address}", "--dump-dom", folder=tmp_path)
    case = {**START, **changes}
    case |= {f"c_{b}": math.sqrt(case[f"{b}_11"] * case[f"d_{b}"]) * math.cos(math.pi * case[f"angle_{b}"] / 180) for b in ("u", "q")}
    values = shown_values(dom)
    assert len(values) == len(QUANTITIES) * len(TRAININGS)
    for (quantity, training), value in values.items():
        assert value == pytest.approx(python_value(training, quantity, case), rel=TOLERANCE, nan_ok=True), (quantity, training)
    assert {training for training, _ in curves(dom)} == set(TRAININGS) and all(path.count("L") > 20 for _, path in curves(dom))
    quantity, axis = ("forgetting", "d_q") if "forgetting" in address else ("deviation", "n_2")
    row, errors = ([python_value(training, name, case) for training in ("frozen", "initialized")] for name in (quantity, "deviation"))
    share = (row[1] - row[0]) / max(errors)
    word = "infinite" if math.isnan(share) else "Practically equal" if abs(share) < 0.01 else "Frozen" if share > 0 else "Initialized"
    assert word in shown(dom, "winner") and QUANTITIES[quantity] in shown(dom, "winner")
    assert math.isnan(share) or f" {float(f'{100 * abs(share):.2g}'):g} % of the larger" in shown(dom, "winner")
    assert ("Overparameterized" in shown(dom, "regime")) == (case["n_2"] < case["p_2"])
    assert LETTER[axis] in shown(dom, "chart-words")
    markup = dom.partition("<script>")[0]
    inputs, labels = re.findall("<input[^>]*>", markup), re.findall('<label for="([^"]*)"', markup)
    assert all('aria-label="' in each for each in inputs) and {f"slider-{name}" for name in START} == set(labels) and len(inputs) == 2 * len(labels)
    assert 54 <= float(re.search('class="here" cx="[^"]*" cy="([^"]*)"', dom)[1]) <= 278
    notice = shown(dom, "notice")
    if "wrong" in address:
        for words in ("q_11 = wrong was not understood", "colour = red was not understood", "p_2 was raised to p_1 = 40"):
            assert words in notice
        assert "infinite" in re.search(r'<td id="value-deviation-frozen"[^>]*>([^<]*)', dom)[1]
    else:
        assert notice == ""


@needs_chromium
def test_curves_have_gaps_at_the_poles(report, tmp_path: Path) -> None:
    """Both thresholds lie on the axis of p_2: p + p_2 = n_2 at 20 and p_2 = n_2 at 40."""
    dom = chromium(f"{report.path.as_uri()}#p=20&p_1=8&p_2=60&n_1=14&n_2=40&axis=p_2", "--dump-dom", folder=tmp_path)
    assert re.findall(r'<text class="pole-name"[^>]*>([^<]*)<', dom) == ["pole, initialized", "pole, frozen"]
    assert {training: path.count("M") for training, path in curves(dom)} == {"frozen": 2, "initialized": 2, "from_zero": 2}


@needs_chromium
@pytest.mark.parametrize(("scheme", "options"), [("light", ()), ("dark", ("--force-dark-mode",))])
def test_every_link_of_the_contents_leads_to_its_target(scheme: str, options: tuple[str, ...], report, tmp_path: Path) -> None:
    """In frames of three widths, since Chromium's own window is never as narrow as a phone.

    The explorer's answer is in sight, pictures have their room before they are loaded, and nothing scrolls sideways, even unfolded.
    """
    steps = """
    const outcome = { clicked: 0, faults: [], schemes: [] };
    for (const frame of [...document.querySelectorAll("iframe")]) {
      const inner = frame.contentWindow, root = inner.document.documentElement;
      for (const image of inner.document.images) {
        const [width, height] = inner.getComputedStyle(image).aspectRatio.match(/[\\d.]+/g) ?? [];
        if (!(Math.abs((width / height) * (image.naturalHeight / image.naturalWidth) - 1) < 0.01)) outcome.faults.push([image.alt, width, height]);
      }
      for (const link of inner.document.querySelectorAll("nav a")) {
        if (link.pathname !== inner.location.pathname) continue;
        inner.scrollTo(0, 0);
        link.click();
        await new Promise((done) => setTimeout(done, 60));
        const { top } = inner.document.getElementById(link.hash.slice(1)).getBoundingClientRect();
        const end = root.scrollHeight - root.clientHeight - root.scrollTop < 2 && top < root.clientHeight;
        outcome.clicked += 1;
        const answer = inner.document.getElementById("winner")?.getBoundingClientRect();
        if (top < 0 || (top > 24 && !end) || (link.hash === "#explorer" && answer.bottom > 600)) outcome.faults.push([frame.width, link.hash, top]);
      }
      for (const fold of inner.document.querySelectorAll("details")) fold.open = true;
      if (root.scrollWidth > root.clientWidth) outcome.faults.push([frame.width, inner.location.pathname, root.scrollWidth]);
      outcome.schemes.push(inner.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      frame.remove();
    }
    document.title = JSON.stringify(outcome);"""
    pages = [(report.path.with_name(name).as_uri(), width) for name in ("index.html", "catalogue.html") for width in WIDTHS]
    frames = "".join(f'<iframe src="{page}" width="{width}" height="760" style="position: absolute; border: 0"></iframe>' for page, width in pages)
    (tmp_path / "frames.html").write_text(f"<!doctype html>{frames}<script>addEventListener('load', async () => {{{steps}}});</script>")
    flags = ("--allow-file-access-from-files", "--virtual-time-budget=60000")
    dom = chromium((tmp_path / "frames.html").as_uri(), "--dump-dom", *flags, *options, folder=tmp_path)
    outcome = json.loads(html.unescape(re.search("<title>([^<]*)", dom)[1]))
    assert outcome["faults"] == [] and outcome["schemes"] == [scheme] * len(pages)
    assert outcome["clicked"] == sum(page.count("<li><a ") - page.count('<li><a href="catalogue.html">') for page in (report.text, report.catalogue)) * len(WIDTHS)


@needs_chromium
def test_buttons_sliders_fields_menus_and_map_change_everything(report, tmp_path: Path) -> None:
    """What a hand or a keyboard does, as events; the address that results holds the state that the numbers must have."""
    steps = """<script>
    const by = (id) => document.getElementById(id);
    const act = (id, kind, value) => { by(id).value = value; by(id).dispatchEvent(new Event(kind)); };
    const said = [];
    const told = (id, kind, value) => { act(id, kind, value); said.push(by("notice").textContent); };
    document.querySelectorAll("[data-preset]")[2].click();
    said.push(by("notice").textContent);
    told("slider-p_1", "input", 90);
    told("number-p_1", "input", "9000");
    told("number-p_1", "change", "9000");
    told("number-sigma_2", "input", "0.75");
    told("number-n_2", "change", "-3");
    told("number-n_1", "change", "many");
    act("view-quantity", "change", "generalization");
    // Virtual time runs ahead of frames, so many timers wait for one.
    const wait = (ready, done) => (ready() ? done() : setTimeout(wait, 1, ready, done));
    const frame = (done) => { let drawn = false; requestAnimationFrame(() => { drawn = true; }); wait(() => drawn, done); };
    const settled = () => new Promise((done) => setTimeout(frame, 1500, done));
    (async () => {
      await settled();
      told("slider-u_11", "input", 4);
      told("slider-u_11", "change", 4);
      const box = by("map").getBoundingClientRect();
      by("map").dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }));
      await settled();
      said.push(by("notice").textContent);
      const state = [location.hash, by("number-p_2").value, by("slider-p_1").max, by("slider-u_11").max, by("chart-words").textContent];
      document.title = JSON.stringify([state, said]);
    })();
    </script></body>"""
    page = tmp_path / "steps.html"
    page.write_text(report.text.replace("</body>", steps), encoding="utf-8")
    dom = chromium(page.as_uri(), "--dump-dom", "--virtual-time-budget=100000", folder=tmp_path)
    (address, *ends, words), said = json.loads(html.unescape(re.search("<title>([^<]*)", dom)[1]))
    state = dict(part.split("=") for part in address[1:].split("&"))
    assert state.pop("quantity") == "generalization" and ends == ["9000", "9000", "8"]
    assert words.startswith("generalization error against n₂, samples, task 2, from 1 to 120")
    expected = (
        "Double descent: p from 40 to 20, ", "p₁ stops at 60", "p₁ stops at 60", "p₂ from 60 to 9000: p₂ is at least p₁.", "", "n₂ = -3 was moved to 1",
        "n₁ stays 14", "", "The slider of |u₁|² now goes on to 8.", "From the map: |u₁|² from 4 to ",
    )  # fmt: skip
    assert len(said) == len(expected) and all(each.startswith(start) and bool(each) == bool(start) for each, start in zip(said, expected))
    case = {**START, **{name: float(value) for name, value in state.items()}, "c_u": 0.0}
    assert (case["p"], case["p_1"], case["p_2"], case["n_1"], case["n_2"], case["sigma_2"]) == (20, 9000, 9000, 14, 1, 0.75)
    share = case["u_11"] / (case["u_11"] + case["q_11"])
    assert 0.4 < share < 0.6 and 0.8 < math.sqrt(case["d_q"]) < 1.2
    case["c_q"] = math.sqrt(case["q_11"] * case["d_q"]) * math.cos(math.pi / 2)
    for (quantity, training), value in shown_values(dom).items():
        assert value == pytest.approx(python_value(training, quantity, case), rel=TOLERANCE)
