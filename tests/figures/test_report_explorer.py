"""The explorer agrees with Python: its functions in node, the whole page driven and photographed in headless Chromium."""

from __future__ import annotations

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
from matplotlib import image

from figures.report.explorer import CONTROLS, PARAMETERS, PRESETS, QUANTITIES, TRAININGS, formula_of, laws, settings
from theory.errors import DomainError
from theory.regions import frozen_wins

NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed; with it the explorer's functions are compared with Python's")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed; with it the page is driven and photographed")
SETTINGS = 120  # of twelve formulas each
START = {control.name: control.value for group in CONTROLS.values() for control in group}
TOLERANCE = 1e-12


@cache
def random_cases() -> list[dict[str, float]]:
    """Settings over all sides of the thresholds, every tenth within 1 of one of them."""
    rng = np.random.default_rng(np.random.SeedSequence(20260))
    cases = []
    for place in range(SETTINGS):
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


def test_formulas_use_what_the_controls_set() -> None:
    for training in TRAININGS:
        for quantity in QUANTITIES:
            assert set(formula_of(training, quantity).parameters) <= set(PARAMETERS)
    assert set(START) == set(PARAMETERS) - {"c_u", "c_q"} | {"angle_u", "angle_q"}


def test_examples_show_what_their_names_say() -> None:
    for name, changes in PRESETS.items():
        case = {**START, **changes, "c_u": 0.0, "c_q": 0.0}
        assert all(control.low <= case[control.name] <= control.high for group in CONTROLS.values() for control in group), name
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
@pytest.mark.parametrize(
    ("address", "changes"),
    [
        ("", {}),
        (
            "#p_2=80&n_2=25&d_u=0.3&angle_u=160&d_q=0.5&angle_q=35&quantity=forgetting&axis=d_q&map=p_2",
            {"p_2": 80, "n_2": 25, "d_u": 0.3, "angle_u": 160, "d_q": 0.5, "angle_q": 35},
        ),
        ("#p=3&p_1=40&n_2=40&sigma_2=1e2&q_11=wrong&colour=red", {"p": 3, "p_1": 40, "p_2": 40, "n_2": 40, "sigma_2": 100}),
    ],
)
def test_the_page_shows_the_values_of_its_address(address: str, changes: dict[str, Any], report, tmp_path: Path) -> None:
    dom = chromium(f"{report.path.as_uri()}{address}", "--dump-dom", folder=tmp_path)
    case = {**START, **changes}
    case |= {f"c_{b}": math.sqrt(case[f"{b}_11"] * case[f"d_{b}"]) * math.cos(math.pi * case[f"angle_{b}"] / 180) for b in ("u", "q")}
    values = shown_values(dom)
    assert len(values) == len(QUANTITIES) * len(TRAININGS)
    for (quantity, training), value in values.items():
        assert value == pytest.approx(python_value(training, quantity, case), rel=TOLERANCE, nan_ok=True), (quantity, training)
    assert {training for training, _ in curves(dom)} == set(TRAININGS) and all(path.count("L") > 20 for _, path in curves(dom))
    quantity, axis = ("forgetting", "d_q") if "forgetting" in address else ("deviation", "p_2")
    row = [python_value(training, quantity, case) for training in ("frozen", "initialized")]
    if not any(map(math.isnan, row)):
        winner = ("frozen", "initialized")[int(row[1] < row[0])]
        assert f"Here {winner} training has the smaller {QUANTITIES[quantity]}" in shown(dom, "winner")
    assert settings()["controls"][axis]["letter"] in shown(dom, "chart-words")
    notice = shown(dom, "notice")
    if "wrong" in address:
        for words in ("q_11 = wrong was not understood", "colour = red was not understood", "p_2 was raised to p_1 = 40"):
            assert words in notice
        assert "infinite" in re.search(r'<td id="value-deviation-frozen"[^>]*>([^<]*)', dom)[1]
    else:
        assert notice == ""


@needs_chromium
def test_curves_have_gaps_at_the_poles(report, tmp_path: Path) -> None:
    """At the start both thresholds lie on the axis of p_2: p + p_2 = n_2 at 20 and p_2 = n_2 at 40."""
    dom = chromium(f"{report.path.as_uri()}#p_2=60", "--dump-dom", folder=tmp_path)
    assert re.findall(r'<text class="pole-name"[^>]*>([^<]*)<', dom) == ["pole, initialized", "pole, frozen"]
    assert {training: path.count("M") for training, path in curves(dom)} == {"frozen": 2, "initialized": 2, "from_zero": 2}


@needs_chromium
def test_photographs_in_light_and_dark_are_not_blank(report, tmp_path: Path) -> None:
    corners = {}
    for scheme, options in {"light": (), "dark": ("--force-dark-mode",)}.items():
        target = tmp_path / f"{scheme}.png"
        chromium(report.path.as_uri(), *options, f"--screenshot={target}", folder=tmp_path)
        pixels = image.imread(target)[..., :3]
        assert pixels.shape[:2] == (1500, 1280)
        assert len(np.unique((pixels[::5, ::5] * 15).round().astype(int).reshape(-1, 3), axis=0)) > 60
        corners[scheme] = float(pixels[3, 3].mean())
    assert corners["light"] > 0.9 and corners["dark"] < 0.2


@needs_chromium
def test_a_phone_needs_no_sideways_scrolling(report, tmp_path: Path) -> None:
    """A frame of 360 pixels, since Chromium's own window is never that narrow; all that is folded is open."""
    page = html.escape(report.text.replace("<details", "<details open"))
    measure = (
        "const root = document.querySelector('iframe').contentDocument.documentElement;"
        "document.title = `${root.clientWidth} ${root.scrollWidth} ${root.scrollHeight}`"
    )
    wrapper = tmp_path / "phone.html"
    wrapper.write_text(
        f'<!doctype html><iframe width="360" height="760" style="border:0" srcdoc="{page}"></iframe>'
        f"<script>addEventListener('load', () => setTimeout(() => {{ {measure}; }}, 300));</script>",
        encoding="utf-8",
    )
    dom = chromium(wrapper.as_uri(), "--dump-dom", "--virtual-time-budget=4000", folder=tmp_path)
    client, scroll, height = map(int, re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom).groups())
    assert 330 <= client <= 360 and height > 20_000
    assert scroll <= client


@needs_chromium
def test_buttons_sliders_fields_menus_and_map_change_everything(report, tmp_path: Path) -> None:
    """What a hand or a keyboard does, as events; the address that results holds the state that the numbers must have."""
    steps = """<script>
    const by = (id) => document.getElementById(id);
    const act = (id, kind, value) => { by(id).value = value; by(id).dispatchEvent(new Event(kind)); };
    document.querySelector("[data-preset='1']").click();
    act("slider-p_1", "input", 90);
    act("number-sigma_2", "input", "0.75");
    act("number-n_2", "change", "-3");
    act("view-quantity", "change", "generalization");
    const box = by("map").getBoundingClientRect();
    by("map").dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }));
    const outcome = () => [location.hash, by("number-p_2").value, by("slider-n_2").value, by("chart-words").textContent].join("|");
    setTimeout(() => { document.title = outcome(); }, 1500);
    </script></body>"""
    page = tmp_path / "steps.html"
    page.write_text(report.text.replace("</body>", steps), encoding="utf-8")
    dom = chromium(page.as_uri(), "--dump-dom", "--virtual-time-budget=4000", folder=tmp_path)
    address, p_2, n_2, words = html.unescape(re.search("<title>([^<]*)", dom)[1]).split("|", 3)
    state = dict(part.split("=") for part in address[1:].split("&"))
    assert state.pop("quantity") == "generalization"
    assert words.startswith("generalization error against p₂, specific, task 2, from 90 to 160")
    case = {**START, **{name: float(value) for name, value in state.items()}, "c_u": 0.0}
    assert (case["p_1"], case["p_2"], case["n_2"], case["sigma_2"], p_2, n_2) == (90, 90, 1, 0.75, "90", "1")
    share = case["u_11"] / (case["u_11"] + case["q_11"])
    assert 0.4 < share < 0.6 and 0.8 < math.sqrt(case["d_q"]) < 1.2
    case["c_q"] = math.sqrt(case["q_11"] * case["d_q"]) * math.cos(math.pi / 2)
    for (quantity, training), value in shown_values(dom).items():
        assert value == pytest.approx(python_value(training, quantity, case), rel=TOLERANCE)
