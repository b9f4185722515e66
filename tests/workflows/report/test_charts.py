import re
import xml.etree.ElementTree as ElementTree

import pytest

from whynet.workflows.report.charts import Bar, Group, curves, intervals, round_ticks


def test_curves_go_through_the_figures():
    history = [{"epoch": 0.0, "loss": 4.0}, {"epoch": 1.0, "loss": 0.0}, {"epoch": 2.0, "loss": 2.0}]
    drawing = ElementTree.fromstring(curves(history, {"loss": "loss"}, title="a <title>"))
    (line,) = [element for element in drawing.iter() if element.tag.endswith("polyline")]
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == x2 - x1 > 0
    assert y1 - y0 == 2 * (y1 - y2) > 0  # 4 lies twice as far above 0 as 2 does; y points down
    assert drawing.get("aria-label") == "a <title>"


def test_curves_of_one_epoch_are_a_dot():
    assert "<circle" in curves([{"epoch": 0.0, "loss": 1.0}], {"loss": "loss"}, title="loss")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 0.9, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.0, 1.46, ["0.0", "0.5", "1.0", "1.5"]),
        (0.0, 100.0, ["0", "20", "40", "60", "80", "100"]),
        (0.0, 0.03, ["0.00", "0.01", "0.02", "0.03"]),
        (-1.2, 3.1, ["-2", "-1", "0", "1", "2", "3", "4"]),
    ],
)
def test_ticks_are_round_and_hold_the_range(low, high, ticks):
    found, decimals = round_ticks(low, high)
    assert [f"{tick:.{decimals}f}" for tick in found] == ticks


def test_shares_are_drawn_in_percent_and_what_is_not_a_number_is_no_tick():
    drawing = curves([{"epoch": 0.0, "a": 0.42}, {"epoch": 1.0, "a": 0.87}], {"a": "a"}, title="a", in_percent=True)
    ticks = [text.replace("\N{NO-BREAK SPACE}", " ") for text in re.findall(r'tick end"[^>]*>([^<]*)', drawing)]
    assert ticks == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    broken = curves([{"epoch": 0.0, "a": float("nan")}, {"epoch": 1.0, "a": 2.0}], {"a": "a"}, title="a")
    assert re.findall(r'tick end"[^>]*>([^<]*)', broken) == ["0.0", "0.5", "1.0", "1.5", "2.0"]


def test_bars_are_as_long_as_their_shares_and_whiskers_reach_their_bounds():
    groups = [
        Group(name="all & any", beside="9 words", bars=[Bar(kind="named", share=0.5, low=0.25, high=0.75)]),
        Group(name="few", beside="2 words", bars=[Bar(kind="other", share=0.0, low=0.0, high=0.0)]),
    ]
    drawing = ElementTree.fromstring(intervals(groups, title="a <title>"))
    assert drawing.get("aria-label") == "a <title>"
    half, none = (element for element in drawing.iter() if (element.get("class") or "").startswith("bar "))
    assert float(half.get("width")) > 100
    assert float(none.get("width")) == 0
    begin = float(half.get("x"))
    unit = 2 * float(half.get("width"))
    whisker = next(element for element in drawing.iter() if element.get("class") == "whisker")
    low, high = whisker.get("d")[1:].split("H")
    assert float(low.split()[0]) == pytest.approx(begin + 0.25 * unit, abs=0.2)
    assert float(high) == pytest.approx(begin + 0.75 * unit, abs=0.2)
    texts = [element.text for element in drawing.iter() if element.get("class") == "value"]
    assert texts == ["50\N{NO-BREAK SPACE}%", "0\N{NO-BREAK SPACE}%"]


@pytest.mark.parametrize("highest", [0.0, 0.01, 0.2, 0.34, 0.5, 1.0])
def test_the_axis_of_the_bars_holds_the_widest_whisker(highest):
    drawing = intervals(
        [Group(name="a", beside="b", bars=[Bar(kind="named", share=0.0, low=0.0, high=highest)])], title=""
    )
    ticks = [int(tick) for tick in re.findall(r'class="tick \w+"[^>]*>(\d+)\xa0%', drawing)]
    assert ticks == sorted(set(ticks))
    assert max(ticks) >= 100 * highest
    assert max(map(float, re.findall(r"H([\d.]+)", drawing))) <= 420
