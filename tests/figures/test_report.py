"""The report's pages: what they say, that they need nothing from outside, that they are built well, and their command line."""

import hashlib
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy
from matplotlib.colors import to_rgb
from scaffold import assert_refused, outcome, python

from figures.kit.output import Output
from figures.make import figure_key
from figures.registry import discover
from figures.report import verdicts
from figures.report.__main__ import main
from figures.report.entries import slot_anchor
from figures.report.page import HERE, OTHERS, SUBJECTS, catalogue, findings
from figures.report.pictures import find_pictures, without_caption
from simulate.__main__ import main as check
from theory.claims import CLAIMS, judge
from theory.formula import Formula
from theory.formulas import FORMULAS, MODULES, SLOTS


def parsed(text: str) -> ElementTree.Element:
    """Read a page as XML, which fails where tags do not match, and knows neither void elements nor attributes without a value."""
    text = re.sub("(?s)<!doctype html>|(?<=<script>).*(?=</script>)", "", text)
    text = re.sub("<(meta|link|input|img|br)([^>]*)>", r"<\1\2/>", text)
    return ElementTree.fromstring(re.sub(" data-copy(?=[ >])", ' data-copy=""', text))


def article(page: ElementTree.Element, name: str) -> str:
    return " ".join("".join(page.find(f".//article[@id='{name}']").itertext()).split())


@pytest.fixture(scope="module")
def page(report):
    return parsed(report.text)


@pytest.fixture(scope="module")
def entries(report):
    return parsed(report.catalogue)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Verdicts on two families, as the check writes them; one of them is expected to disagree."""
    path = tmp_path_factory.mktemp("check") / "verdicts.json"
    with path.open("w") as file, redirect_stdout(file):
        assert check(["verify", "heads_frozen_forgetting", "v1_off_condition", "--json", "--workers", "1"]) == 0
    return path


def test_every_formula_is_there_with_status_domain_and_source(entries):
    for name, formula in FORMULAS.items():
        text = article(entries, name)
        assert f"{name} {formula.status}" in text
        for word in ("Finite where", "Source", "Assumptions and parameters", "Python", "LaTeX", "Mathematica", *formula.parameters):
            assert word in text, (name, word)
        assert text.count("not checked in this run") + text.count("no cases to simulate") == 1


def test_an_unlisted_formula_has_its_place(monkeypatch):
    """A module of formulas need not say what it is about; a formula of no module stands among the others."""
    mass = sympy.Symbol("mass", positive=True)
    own, loose = (Formula(name, "Half of the mass.", mass / 2, {"mass": "a mass"}, "", "exact") for name in ("own_law", "loose_law"))
    module = SimpleNamespace(__name__="theory.ledger.own_family", __doc__=None, FORMULAS=(own,))
    monkeypatch.setattr("figures.report.entries.MODULES", [*MODULES, module])
    monkeypatch.setattr("figures.report.entries.FORMULAS", {**FORMULAS, "own_law": own, "loose_law": loose})
    page = parsed(catalogue([], None))
    placed = {section.findtext("h2"): [entry.get("id") for entry in section.iter("article")] for section in page.iter("section")}
    assert placed["Own family"] == ["own_law"] and placed["Other formulas"] == ["loose_law"]


def test_every_slot_says_what_was_seen(entries):
    for slot in SLOTS.values():
        text = article(entries, slot_anchor(slot.name))
        assert ("Text not seen; no expression is attached." in text) == (slot.knowledge == "not seen")
        assert all(name in text for name in slot.related)


def test_every_claim_has_its_computed_verdict(page):
    for name in CLAIMS:
        found, text = judge(name), article(page, f"claim-{name}")
        assert found.verdict in text and "Holds under" in text and "Fails in" in text
        assert text.count("The words are ours; the text behind them was not seen.") == (not CLAIMS[name].text_seen)
        numbers = [size for size in found.effect.values() if isinstance(size, float)]
        assert all(f"{size:.4g}".replace("-", "−") in text for size in numbers)


def test_figures_are_inside_the_page_with_captions_and_their_formulas(page, entries, report):
    pictures = {picture.name: picture for picture in find_pictures(report.folder)}
    assert list(pictures) == ["reconstruction_split", "my_own_picture"]
    split = pictures["reconstruction_split"]
    assert [image.get("src") for image in page.iter("img")] == [picture.uri for picture in pictures.values()]
    assert split.uri.startswith("data:image/svg+xml;base64,") and pictures["my_own_picture"].uri.startswith("data:image/png;base64,")
    assert "means of 300 independent trials" in split.text and "means of 300 independent trials" in split.alternative
    assert "v1_reconstruction" in split.formulas
    assert entries.find(".//article[@id='v1_reconstruction']//a[@href='index.html#figure-reconstruction_split']") is not None
    assert [(image.get("width"), image.get("height")) for image in page.iter("img")] == [("533", "252"), ("1", "1")]
    headings = ["".join(heading.itertext()) for heading in page.iterfind(".//section[@id='figures']//h3")]
    assert headings == ["Two tasks", OTHERS] and {name for names in SUBJECTS.values() for name in names} == set(discover())
    assert split.state == "Drawn by another version of the code than the one that wrote this page."


@pytest.mark.parametrize(("quick", "words"), [(True, "Drawn with fewer trials (--quick)."), (False, "")])
def test_a_finished_figure_is_known_as_such(quick, words, report, tmp_path):
    folder, name, known = report.fill(tmp_path / "out"), "reconstruction_split", discover()
    output = Output(folder)
    for path in output.files(name):
        path.touch()
    key = figure_key(name, set(known), known[name].quick_trials if quick else known[name].trials, quick)
    output.finished.put(key, {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in output.files(name)})
    assert find_pictures(folder)[0].state == words
    (folder / f"{name}.svg").write_text("<svg/>")
    assert find_pictures(folder)[0].state.startswith("Drawn by another version")


def test_the_caption_is_cut_off_a_picture_and_nothing_else():
    svg = '<svg width="504pt" height="487.68pt" viewBox="0 0 504 487.68"><path/></svg>'
    assert without_caption(svg, (7.0, 5.0)) == '<svg width="504pt" height="360pt" viewBox="0 0 504 360"><path/></svg>'
    assert without_caption(svg, (6.0, 5.0)) == svg
    assert without_caption(svg, (7.0, 7.0)) == svg


def test_nothing_is_loaded_from_outside(page, entries, report):
    for each, text in ((page, report.text), (entries, report.catalogue)):
        assert all(element.get("src").startswith("data:") for element in each.iterfind(".//*[@src]"))
        assert [link.get("href") for link in each.iter("link")] == ["data:,"]
        assert not re.search(r"url\(|@import", each.find(".//style").text)
        assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import)\b", text[text.rindex("<script>") :])
        policy = each.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
        assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def test_the_pages_are_well_built_and_their_links_lead_somewhere(page, entries, report):
    pages = {"index.html": page, "catalogue.html": entries}
    places = {name: [element.get("id") for element in each.iterfind(".//*[@id]")] for name, each in pages.items()}
    assert set(FORMULAS) <= set(places["catalogue.html"])
    for name, each in pages.items():
        assert each.get("lang") == "en"
        assert each.find(".//meta[@name='viewport']").get("content") == "width=device-width, initial-scale=1"
        assert len(places[name]) == len(set(places[name]))
        levels = [int(element.tag[1]) for element in each.iter() if re.fullmatch("h[1-6]", element.tag)]
        assert levels[0] == 1 and levels.count(1) == 1 and all(after <= before + 1 for before, after in zip(levels, levels[1:]))
        assert all(image.get("alt") for image in each.iter("img"))
        assert next(element for element in each.iter() if element.tag in ("a", "header")).attrib == {"class": "skip", "href": "#main"}
        for address in {link.get("href") for link in each.iter("a")}:
            file, _, place = address.partition("#")
            if not re.fullmatch(r"https://arxiv\.org/abs/[\d.]+", address):
                assert (report.path.parent / file).exists() and (not place or place in places[file or name]), address


def test_text_has_contrast_in_both_schemes():
    style = (HERE / "style.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL))
    for scheme in (light, dark):
        for words in ("ink", "quiet", "accent", "good", "bad", "warn"):
            for ground in ("paper", "raised"):
                assert contrast(scheme[words], scheme[ground]) >= 4.5, (words, ground)
        for line in ("frozen", "initialized", "from-zero"):
            assert contrast(scheme[line], scheme["paper"]) >= 3
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def contrast(*colours: str) -> float:
    """Contrast ratio of WCAG 2."""
    parts = np.array([to_rgb(colour) for colour in colours])
    dark, light = sorted(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))
    return (light + 0.05) / (dark + 0.05)


def test_verdicts_of_the_check_are_shown(page, checked):
    run = verdicts.read_verdicts(checked)
    shown = parsed(findings([], run))
    for each, count in ((shown, "2"), (page, "none")):
        assert f"{count} of them checked against simulation" in " ".join("".join(each.find(".//header").itertext()).split())
    shown = parsed(catalogue([], run))
    heads = article(shown, "heads_frozen_forgetting")
    assert "heads_frozen_forgetting exact ✓ agree" in heads and "Check against simulation: 2 cases" in heads and "simulation 0" in heads
    assert "reconstructed ✓ disagree, as expected" in article(shown, "v1_reconstruction")
    assert "not checked in this run" in article(shown, "frozen_deviation")


def test_an_unexpected_verdict_stands_out(checked, tmp_path):
    content = json.loads(checked.read_text())
    content["families"][0]["verdict"] = "undecided"
    (tmp_path / "v.json").write_text(json.dumps(content))
    run = verdicts.read_verdicts(tmp_path / "v.json")
    assert "✗ undecided" in verdicts.chip(run, FORMULAS["heads_frozen_forgetting"])
    assert "not as expected: heads_frozen_forgetting" in verdicts.overview(run)


@pytest.mark.parametrize(("content", "message"), [
    (None, "cannot read the verdicts"),
    ("{", "holds no JSON"),
    ("[]", "no result of the check in schema 1"),
    ('{"schema": 1, "families": [], "rows": [{}]}', "lacks a field or has one of another kind ('settings')"),
    ('{"schema": 1, "families": [{"formula": "nonsense"}], "rows": []}', "has the family 'nonsense'"),
    ('{"schema": 1, "families": [{"formula": "frozen_deviation"}], "rows": []}', "made for other cases of 'frozen_deviation'"),
])
def test_bad_verdicts_are_an_error_of_the_user(content, message, tmp_path, capsys):
    (tmp_path / "mine.svg").write_text("<svg/>")
    path = tmp_path / "verdicts.json"
    if content is not None:
        path.write_text(content)
    status, _, complaint = outcome(main, capsys, "--out", tmp_path, "--verdicts", path)
    assert status == 2 and complaint.startswith("error: ") and message in complaint
    assert "driftlaw verify --json" in complaint
    assert not (tmp_path / "report").exists()


def test_a_table_that_does_not_fit_is_an_error(tmp_path):
    (tmp_path / "reconstruction_split.svg").write_text("<svg/>")
    assert_refused(lambda: find_pictures(tmp_path), "is missing.*driftlaw figures reconstruction_split")
    (tmp_path / "reconstruction_split.csv").write_text("a,b\n1,2\n")
    assert_refused(lambda: find_pictures(tmp_path), "has the columns")


@pytest.mark.parametrize("in_the_way", ["report", "report/index.html/folder"])
def test_an_unwritable_place_is_an_error(in_the_way, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("figures.report.page.findings", lambda pictures, run: "page")
    (tmp_path / "mine.svg").write_text("<svg/>")
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert main(["--out", str(tmp_path)]) == 2
    assert "error: cannot write" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(report, tmp_path):
    out = tmp_path / "out"
    report.fill(out)
    done = python("-m", "figures.report", "--out", "out", cwd=tmp_path, PYTHONHASHSEED="7")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"report: {Path('out', 'report', 'index.html')}\n", "")
    written = {path.name: path.read_text(encoding="utf-8") for path in (out / "report").iterdir()}
    assert written == {"index.html": report.text, "catalogue.html": report.catalogue}
