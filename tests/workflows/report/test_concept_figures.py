import json

import pytest
import torch

from whynet.base.errors import RunError
from whynet.metrics.orthogonality import Orthogonality
from whynet.workflows.concepts.names import Suggestion
from whynet.workflows.concepts.saved import Concept
from whynet.workflows.report.concept_figures import (
    MEANINGS,
    concept_summary,
    figure_rows,
    means,
    most_overlap,
    over_floor,
    shown,
)
from whynet.workflows.report.concept_pictures import source_of_name
from whynet.workflows.run import Run


def test_figures_stand_beside_those_of_training_with_a_line_each():
    rows = figure_rows({"stability": 0.5, "f_cls": 0.99, "f_cls_train": 1.0, "o1": 0.25, "causal_named": 3.0})
    assert [(row.name, row.test, row.train, row.better) for row in rows] == [
        ("F_cls", "99.0\N{NO-BREAK SPACE}%", "100.0\N{NO-BREAK SPACE}%", "higher"),
        ("O1", "0.25", "", "lower"),
        ("Stability", "", "0.50", "higher"),
    ]
    assert "at most" not in rows[1].reading
    rows = figure_rows({"o1": 1.35, "live": 5.0, "stability": 0.93, "stability_floor": 0.41})
    assert rows[0].reading.endswith("Here: at most 2.76.")
    assert [row.name for row in rows[-2:]] == ["Stability", "Its floor"]
    assert all(meaning.reading.endswith(".") for meaning in MEANINGS.values())


def test_a_mean_is_over_the_classes_that_have_the_figure():
    assert means([{"o1": 1.0, "f_cls": 0.5}, {"f_cls": 1.0}, {}]) == {"o1": 1.0, "f_cls": 0.75}
    assert means([]) == {}
    assert shown({}, "o1") == ""


@pytest.mark.parametrize("live", [1, 2, 5])
def test_the_most_overlap_is_that_of_maps_which_are_all_alike(live):
    orthogonality = Orthogonality(live)
    orthogonality.update(torch.rand(3, 1, 4, 4).expand(3, live, 4, 4))
    assert orthogonality.compute().o1 == pytest.approx(most_overlap({"live": float(live)}), abs=1e-5)
    assert most_overlap({"o1": 1.0}) is None


def test_a_stability_stands_beside_its_floor():
    assert over_floor("0.93", {"stability_floor": 0.412}) == "0.93 (floor 0.41)"
    assert over_floor("0.93", {}) == "0.93"
    assert over_floor("", {"stability_floor": 0.4}) == ""


def test_the_summary_counts_classes_once_there_are_pages(tmp_path):
    run = Run.create(tmp_path / "run", {})
    assert concept_summary(run) is None
    for number, f_cls in enumerate((0.9, 1.0)):
        folder = run.folder / "concepts" / f"000{number}"
        folder.mkdir(parents=True)
        (folder / "concepts.json").write_text(json.dumps({"figures": {"f_cls": f_cls}}))
    assert concept_summary(run) is None
    (run.folder / "concepts" / "index.html").touch()
    assert concept_summary(run).num_classes == 2
    assert concept_summary(run).f_cls == "95.0\N{NO-BREAK SPACE}%"
    (folder / "concepts.json").write_text("{}")
    with pytest.raises(RunError, match="has no figures; make the concepts again"):
        concept_summary(run)


def test_it_is_told_how_an_x_feature_came_by_its_name():
    suggestion = Suggestion(name="red wing", part="wing", precision=0.75, num_pictures=12)
    plain = Concept(number=0, weight=1.0, contribution=1.0, suggestion=suggestion)
    assert source_of_name(plain, knows_parts=True) == (
        "suggested: its map lies there more than on any other part in 9 of the 12 training pictures where it adds most "
        "(75\N{NO-BREAK SPACE}%)"
    )
    named, nameless = (Concept(number=0, weight=1.0, contribution=1.0, name=name) for name in ("tail", None))
    assert source_of_name(named, knows_parts=False) == "named by a person"
    assert source_of_name(nameless, knows_parts=False).endswith("suggestions come from parts, and these data know none")
    assert "in fewer than half of the training pictures" in source_of_name(nameless, knows_parts=True)
