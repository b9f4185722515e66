import xml.etree.ElementTree as ElementTree

import numpy as np

from whynet.workflows.report.charts import MAX_CLASSES, confusion, curves


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


def test_confusion_tells_each_cell():
    drawing = confusion(np.array([[3, 1], [0, 4]]), ["tern & co", "wren"])
    ElementTree.fromstring(drawing)
    assert "tern &amp; co taken for wren: 1 of 4" in drawing
    assert "wren taken for wren: 4 of 4" in drawing
    many = MAX_CLASSES + 1
    assert confusion(np.zeros((many, many), dtype=np.int64), [str(index) for index in range(many)]) == ""
