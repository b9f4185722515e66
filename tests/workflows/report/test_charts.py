import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from whynet.workflows.report.charts import MAX_CLASSES, Bar, Group, confusion, curves, intervals


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
    assert texts == ["50 %", "0 %"]


@pytest.mark.parametrize("highest", [0.0, 0.01, 0.2, 0.34, 0.5, 1.0])
def test_the_axis_of_the_bars_holds_the_widest_whisker(highest):
    drawing = intervals(
        [Group(name="a", beside="b", bars=[Bar(kind="named", share=0.0, low=0.0, high=highest)])], title=""
    )
    ticks = [int(tick) for tick in re.findall(r'class="tick \w+"[^>]*>(\d+) %', drawing)]
    assert ticks == sorted(set(ticks))
    assert max(ticks) >= 100 * highest
    assert max(map(float, re.findall(r"H([\d.]+)", drawing))) <= 420


def test_confusion_tells_each_cell():
    drawing = confusion(np.array([[3, 1], [0, 4]]), ["tern & co", "wren"])
    ElementTree.fromstring(drawing)
    assert "tern &amp; co taken for wren: 1 of 4" in drawing
    assert "wren taken for wren: 4 of 4" in drawing
    many = MAX_CLASSES + 1
    assert confusion(np.zeros((many, many), dtype=np.int64), [str(index) for index in range(many)]) == ""
