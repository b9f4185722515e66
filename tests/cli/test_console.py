"""Tables for terminals of any width: nothing of them is ever cut."""

import pytest

from whynet.cli.console import Answer

COLUMNS = ["", "class changed", "sentence changed", "x-features changed", "way down the tree", "nodes left"]
ROWS = [["FGSM", "1 %", "2 %", "3 %", "4 %", "5 %"], ["noise of the same size", "6 %", "7 %", "8 %", "9 %", "10 %"]]


def printed(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [
        [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]
        for line in lines
        if "┃" in line or "│" in line
    ]


@pytest.mark.parametrize("width", [200, 80])
def test_columns_become_rows_where_the_terminal_is_too_narrow_for_them(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    Answer(None).figures("Probe", COLUMNS, ROWS)
    table = [COLUMNS, *ROWS]
    assert printed(capsys) == (table if width == 200 else [list(line) for line in zip(*table, strict=True)])


def test_where_neither_fits_words_are_folded_and_not_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    Answer(None).figures("Probe", COLUMNS, 3 * ROWS)
    lines = printed(capsys)
    assert {len(line) for line in lines} == {len(COLUMNS)}
    for place, column in enumerate(COLUMNS):
        shown = "".join(line[place] for line in lines)
        assert "…" not in shown
        assert shown.startswith(column.replace(" ", ""))


def test_square_brackets_are_text(capsys):
    Answer(None).figures("Classes", ["", "[bold]"], [["[red]", "[/]"]])
    assert printed(capsys) == [["", "[bold]"], ["[red]", "[/]"]]
