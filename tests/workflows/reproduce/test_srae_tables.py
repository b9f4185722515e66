"""What is told of SRAE's results beside the tables: Lasso's sweep, and which of the paper's orderings hold."""

from whynet.workflows.reproduce.srae_plan import ROWS
from whynet.workflows.reproduce.srae_tables import lasso_lines, orderings


def row(name, **means):
    """A row with the paper's figures and ours."""
    paper = {key: value for key, value in ROWS[name].items() if key in means}
    metrics = {key: {"mean": mean, "sd": 0.1, "values": [mean]} for key, mean in means.items()}
    return {"name": name, "paper": paper, "metrics": metrics}


def told(*rows):
    return list(orderings({"rows": list(rows)}))


def test_an_ordering_holds_where_the_difference_has_the_papers_sign():
    """In the paper SRAE's O1 is below NN's, SAE's and Lasso's, and above CAE's."""
    lines = told(row("SRAE", o1=1.0), row("NN", o1=2.0), row("SAE", o1=0.5), row("CAE", o1=0.9), row("Lasso", o1=3.0))
    assert lines == [
        "O1 (lower is better): SRAE stands to NN, CAE and Lasso as in the paper.",
        "O1 (lower is better): SRAE does not stand to SAE as in the paper.",
    ]


def test_of_several_seeds_a_difference_must_be_more_than_their_noise():
    srae, nn, sae = row("SRAE", o1=1.0), row("NN", o1=1.5), row("SAE", o1=1.5)
    srae["metrics"]["o1"]["values"] = [0.9, 1.0, 1.1, None]
    nn["metrics"]["o1"]["values"] = [1.4, 1.5, 1.6, 1.7]
    sae["metrics"]["o1"]["values"] = [0.5, 2.5, 1.5, 1.5]
    assert told(srae, nn, sae) == [
        "O1 (lower is better): SRAE stands to NN as in the paper.",
        "O1 (lower is better): SRAE does not differ from SAE beyond the noise of the seeds.",
    ]


def test_completeness_is_better_when_higher():
    assert told(row("SRAE", completeness_05=0.6), row("ExcitationBP", completeness_05=0.5)) == [
        "completeness at 5 % (higher is better): SRAE stands to ExcitationBP as in the paper."
    ]
    assert told(row("SRAE", completeness_05=0.6), row("ExcitationBP", completeness_05=0.7)) == [
        "completeness at 5 % (higher is better): SRAE does not stand to ExcitationBP as in the paper."
    ]


def test_figures_that_are_equal_in_the_paper_have_no_ordering():
    """F_cls of SRAE and NN is 0.9999 in both; CAE's is lower."""
    lines = told(row("SRAE", f_cls=0.9), row("NN", f_cls=0.5), row("SAE", f_cls=0.8), row("CAE", f_cls=0.7))
    assert lines == ["F_cls (higher is better): SRAE stands to SAE and CAE as in the paper."]


def test_what_is_equal_here_does_not_stand_as_in_the_paper():
    assert told(row("SRAE", o2=1.0), row("NN", o2=1.0)) == [
        "O2 (lower is better): SRAE does not stand to NN as in the paper."
    ]


def test_rows_without_a_figure_of_the_paper_or_of_ours_are_left_out():
    other = {"name": "Z", "metrics": {"o1": {"mean": 0.0, "sd": None, "values": [0.0]}}}
    bare = {"name": "NN", "paper": ROWS["NN"], "metrics": {}}
    assert told(row("SRAE", o1=1.0), other, bare) == []
    lines = told(row("SRAE", locality=1.0), row("Z", locality=0.9), row("ExcitationBP", locality=2.0))
    assert lines == ["locality (lower is better): SRAE stands to Z and ExcitationBP as in the paper."]


def entry(size, number, f_reg, f_cls):
    return {"at_most": float(size), "num_entries": number, "f_reg": f_reg, "f_reg_train": f_reg / 2, "f_cls": f_cls}


def test_lassos_sweep_is_the_mean_over_the_seeds_with_the_papers_error_in_brackets():
    seeds = [
        [entry(5, 4.5, 3.0, 0.5), entry(8, 7.0, 2.0, 0.75)],
        [entry(5, 5.0, 4.0, 0.6), entry(8, 8.0, 1.0, 0.85)],
    ]
    columns, rows = lasso_lines({"lasso": seeds})
    assert len(columns) == len(rows[0]) == 5
    assert rows == [["5", "4.8", "1.75", "3.50", "55.0"], ["8", "7.5", "0.75", "1.50 (3.70)", "80.0"]]


def test_seeds_whose_layer_is_shorter_have_fewer_sizes():
    seeds = [[entry(5, 5.0, 3.0, 0.5), entry(8, 8.0, 2.0, 0.75)], [entry(5, 5.0, 5.0, 0.5)]]
    assert [own[3] for own in lasso_lines({"lasso": seeds})[1]] == ["4.00", "2.00 (3.70)"]
    assert lasso_lines({"lasso": [[]]})[1] == []
