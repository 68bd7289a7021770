"""The explorer's markup: menus, sliders with number fields, the table of values."""

from __future__ import annotations

from html import escape

from figures.report.explorer import CONTROLS, PRESETS, QUANTITIES, TRAININGS, Control

MAPS = {"share": "distance × share of the shared norm", "p_2": "distance × p₂"}


def menus() -> str:
    """Write the menus that choose quantity, axis and map."""
    axes = {control.name: spoken(control) for group in CONTROLS.values() for control in group}
    return menu("quantity", "Show", QUANTITIES) + menu("axis", "against", axes)


def map_menu() -> str:
    """Write the menu that chooses the axes of the map."""
    return menu("map", "Map over", MAPS)


def menu(name: str, label: str, options: dict[str, str]) -> str:
    """Write a labelled menu."""
    entries = "".join(f'<option value="{value}">{escape(text)}</option>' for value, text in options.items())
    return f'<label class="menu">{label} <select id="view-{name}">{entries}</select></label>'


def presets() -> str:
    """Write the buttons that set everything to an example."""
    buttons = "".join(f'<button type="button" data-preset="{place}">{escape(name)}</button>' for place, name in enumerate(PRESETS))
    return f'<div class="presets" role="group" aria-label="Examples">{buttons}</div>'


def sliders() -> str:
    """Write all sliders, in groups."""
    groups = [f"<fieldset><legend>{title}</legend>{''.join(map(slider, group))}</fieldset>" for title, group in CONTROLS.items()]
    return "".join(groups)


def slider(control: Control) -> str:
    """Write a slider and its number field; both carry the label."""
    name, step = control.name, "1" if control.whole else "any"
    start = f'min="{control.low:g}" value="{control.value:g}" aria-label="{escape(spoken(control))}, {control.unit}"'
    return (
        f'<div class="control"><label for="slider-{name}">{control.symbol} <span>{control.label}</span></label>'
        f'<input type="number" id="number-{name}" {start} max="{control.limit:.15g}" step="{step}" inputmode="decimal">'
        f'<input type="range" id="slider-{name}" {start} max="{control.high:g}" step="{control.step:g}"></div>'
    )


def spoken(control: Control) -> str:
    """Name a control in words."""
    return control.letter if control.name.startswith("angle") else f"{control.letter}, {control.label}"


def values() -> str:
    """Write the table of values, empty until the script fills it."""
    line = '<svg width="34" height="10" aria-hidden="true"><path class="line {}" d="M1 5H33"/></svg>'
    head = "".join(f'<th scope="col">{line.format(training)} {title}</th>' for training, title in TRAININGS.items())
    rows = []
    for quantity, title in QUANTITIES.items():
        cells = "".join(f'<td id="value-{quantity}-{training}">–</td>' for training in TRAININGS)
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    return (
        f'<table class="values"><caption>At the current values, with the key of the curves</caption><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
