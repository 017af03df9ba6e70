"""A text coloured by what units do: the colours, the table, the files."""

import math
import re
import sys

import click
import matplotlib
import pytest

from neuronspec.errors import ProjectError
from neuronspec.pictures.picture import (
    DPI,
    FONT,
    ROW,
    UNDEFINED,
    Series,
    _figure,
    _rows,
    coloured,
    draw,
    scale,
    shade,
    table,
)

TEXT = 'a "b"\n\tc\\ $x_1^2$ \x00中'
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".SVG": b"<?xml"}


def state(values, name="cell[3]"):
    return Series(name, values, *scale("cell", values))


def gate(values, name="forget_gate[3]"):
    return Series(name, values, *scale("forget_gate", values))


def ramp(text):
    """A state that rises from -1 to 1, undefined at the second character."""
    values = [2 * step / (len(text) - 1) - 1 for step in range(len(text))]
    return state([values[0], math.nan, *values[2:]])


@pytest.mark.parametrize(
    ("site", "values", "expected"),
    [
        ("forget_gate", [0.4, 0.6], (0, 1)),
        ("update_gate", [], (0, 1)),
        ("cell", [0.5, -3.0, 2.0], (-3, 3)),
        ("hidden", [0.5, math.nan, -math.inf], (-0.5, 0.5)),
        ("candidate", [0.0, -0.0], (-1, 1)),
        ("cell", [math.nan], (-1, 1)),
        ("cell", [], (-1, 1)),
    ],
)
def test_gates_have_a_fixed_range_and_states_a_symmetric_one(site, values, expected):
    assert scale(site, values) == expected


def test_a_state_is_blue_below_zero_white_at_it_and_red_above():
    series = state([-2.0, 2.0])
    assert shade(0.0, series) == (255, 255, 255)
    for value in (0.1, 1.0, 2.0):
        red, _, blue = shade(value, series)
        assert red > blue
        red, _, blue = shade(-value, series)
        assert blue > red
    assert shade(9.0, series) == shade(math.inf, series) == shade(2.0, series)
    assert shade(-9.0, series) == shade(-math.inf, series) == shade(-2.0, series)
    assert shade(math.nan, series) == UNDEFINED


@pytest.mark.parametrize(
    ("series", "values"), [(state([-1.0, 1.0]), (0, 1)), (state([-1.0, 1.0]), (0, -1)), (gate([]), (0, 1))]
)
def test_further_from_zero_is_darker(series, values):
    start, stop = values
    levels = [sum(shade(start + (stop - start) * step / 20, series)) for step in range(21)]
    assert levels == sorted(set(levels), reverse=True)


def test_a_terminal_gets_a_background_for_every_character():
    shown = coloured("abc", state([-1.0, 0.0, 1.0]))
    assert re.findall(r"48;2;(\d+);(\d+);(\d+)m", shown) == [("5", "48", "97"), ("255",) * 3, ("103", "0", "31")]
    assert re.findall(r"38;2;(\d+);\d+;\d+m", shown) == ["255", "0", "255"]  # white on dark, black on light


def test_without_its_colours_it_is_the_text():
    assert click.unstyle(coloured("it's $5, ü", ramp("it's $5, ü"))) == "it's $5, ü"


def test_what_cannot_be_seen_is_shown():
    shown = coloured("a\n\tb\r\x1b\u2028", gate([0.5] * 7))
    assert click.unstyle(shown) == "a⏎\n⇥b···"
    assert "\x1b[0m\n" in shown  # no colour runs to the edge of the terminal


def test_the_table_reads_back():
    values = [0.123456789 * step for step in range(len(TEXT))]
    header, *lines = table(TEXT, [state(values), gate([math.nan] * len(TEXT))]).split("\n")
    assert header == "step\tchar\tcell[3]\tforget_gate[3]"
    steps, chars, states, gates = zip(*(line.split("\t") for line in lines), strict=True)
    assert list(map(int, steps)) == list(range(len(TEXT)))
    assert "".join(char.encode("latin-1", "backslashreplace").decode("unicode_escape") for char in chars) == TEXT
    assert list(map(float, states)) == pytest.approx(values, rel=1e-5)
    assert set(gates) == {"nan"}
    assert lines[5:7] == ["5\t\\n\t0.617284\tnan", "6\t\\t\t0.740741\tnan"]
    assert lines[8].startswith("8\t\\\\\t")


@pytest.mark.parametrize("show", [coloured, lambda text, series: table(text, [series])])
def test_a_value_for_every_character(show):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        show("abc", gate([0.5, 0.5]))


@pytest.mark.parametrize("suffix", MAGIC)
def test_the_same_values_give_the_same_file(suffix, tmp_path):
    series = [ramp(TEXT), gate([0.5] * len(TEXT))]
    draw(TEXT, series, tmp_path / f"one{suffix}", title="unit 3: $x_1^{$ \\alpha 中")
    with matplotlib.rc_context({"text.usetex": True, "savefig.dpi": 20, "axes.facecolor": "red"}):  # a user's own
        draw(TEXT, series, tmp_path / f"two{suffix}", title="unit 3: $x_1^{$ \\alpha 中")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
    assert first.startswith(MAGIC[suffix])
    assert first == second
    assert len(list(tmp_path.iterdir())) == 2


def test_other_values_give_another_file(tmp_path):
    draw("ab", [gate([0.1, 0.9])], tmp_path / "one.png")
    draw("ab", [gate([0.1, 0.8])], tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_drawing_leaves_matplotlib_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would raise
    before = dict(dict.items(matplotlib.rcParams))  # asked for by name, the backend would be chosen
    draw(TEXT, [ramp(TEXT)], tmp_path / "x.png")
    assert dict(dict.items(matplotlib.rcParams)) == before


def test_the_terminal_does_without_matplotlib(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    assert coloured("ab", gate([0.0, 1.0]))
    assert table("ab", [gate([0.0, 1.0])])


@pytest.mark.parametrize(
    ("length", "rows"),
    [(1, [(0, 1)]), (ROW, [(0, ROW)]), (ROW + 1, [(0, ROW), (ROW, ROW + 1)]), (170, [(0, 80), (80, 160), (160, 170)])],
)
def test_a_long_text_wraps(length, rows):
    assert _rows(length) == [range(*row) for row in rows]


def test_every_row_has_a_strip_and_a_curve_for_every_series():
    text = "abcdefghi " * 9
    series = [ramp(text), gate([0.5] * len(text))]
    axes = _figure(text, series, "").axes
    strips, curves = axes[::2], axes[1::2]
    assert [strip.get_ylabel() for strip in strips] == ["cell[3]", "forget_gate[3]"] * 2
    assert ["".join(shown.get_text() for shown in strip.texts) for strip in strips] == [text[:80]] * 2 + [text[80:]] * 2
    assert [strip.get_xlim() for strip in strips] == [curve.get_xlim() for curve in curves]
    assert {shown.get_color() for shown in strips[0].texts[:1] + strips[2].texts[-1:]} == {"white"}  # on dark
    assert {shown.get_color() for shown in strips[0].texts[40:50]} == {"black"}
    drawn = [list(curve.lines[0].get_ydata()) for curve in curves]
    assert drawn[0] + drawn[2] == pytest.approx(series[0].values, nan_ok=True)
    assert drawn[1] + drawn[3] == series[1].values


def test_nothing_overlaps_or_leaves_the_picture():
    text = "abc" * 25
    series = [state([-1e-5, 1e-5, 0.0] * 25, f"layer_2.output_gate[{unit}]") for unit in range(12)]
    with matplotlib.rc_context({"font.family": FONT, "figure.dpi": DPI}):
        figure = _figure(text, series, "x" * 500)
        boxes = [axes.get_tightbbox() for axes in figure.axes]
    for upper, lower in zip(boxes[1::2], boxes[2::2], strict=False):  # the curve, and the strip of the next series
        assert lower.y1 <= upper.y0 + 1
    title = figure.texts[0].get_window_extent()
    assert boxes[0].y1 <= title.y0
    whole = figure.bbox
    for box in [*boxes, title]:
        assert whole.x0 <= box.x0
        assert whole.y0 <= box.y0
        assert box.x1 <= whole.x1
        assert box.y1 <= whole.y1


@pytest.mark.parametrize(
    ("text", "units", "file", "message"),
    [
        ("ab", 1, "x.jpg", "--out x.jpg: expected a file that ends in .png or .svg"),
        ("ab", 1, "png", "--out png: expected a file that ends in .png or .svg"),
        ("", 1, "x.png", "--out x.png: the text is empty, there is nothing to draw"),
        (
            "a" * 4001,
            1,
            "x.svg",
            "--out x.svg: 4001 characters × 1 series are too many to draw; show fewer units or a shorter text",
        ),
        (
            "ab",
            101,
            "x.svg",
            "--out x.svg: 2 characters × 101 series are too many to draw; show fewer units or a shorter text",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(text, units, file, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as caught:
        draw(text, [gate([0.5] * len(text))] * units, tmp_path.joinpath(file).relative_to(tmp_path))
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("series", [[], [gate([0.5])], [gate([0.5, 0.5]), gate([0.5] * 3)]])
def test_a_picture_needs_a_value_for_every_character(series, tmp_path):
    with pytest.raises(ValueError, match=r"^expected series of 2 values, one for each character$"):
        draw("ab", series, tmp_path / "x.png")
