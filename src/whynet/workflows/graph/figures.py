"""What was measured of a class's graph, as figures.json keeps it: read here alone, and checked entry by entry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whynet.base.errors import RunError, StorageError
from whynet.base.files import read_json

FIGURES = "figures.json"
FORMAT = 2
"""Of figures.json; what has another one is measured anew."""
MEASURED = {"told", "location_instability", "part", "hits"}
"""What is kept of each node; where the data know no parts, `told` alone."""
_LARGEST = 2**31


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What figures.json holds.

    Args:
        class_index: Among the subject's.
        class_name: Its name.
        pictures: How many the graph was fitted to (`train`) and measured on (`test`).
        data: A digest of these pictures and of what is annotated in them.
        rows: By kind of points its figures, by the keys of the results files; empty where the data know no parts.
        chosen: The nodes that wander least on the training pictures, the steadiest first; without parts none.
        surest: The nodes that the page shows.
        nodes: By what it is, one entry a node: `told`, and with parts `location_instability`, `part` and `hits`, None
            where there is none.
        settings: How the graph was fitted.
    """

    class_index: int
    class_name: str
    pictures: dict[str, int]
    data: str
    rows: dict[str, dict[str, float]]
    chosen: list[int]
    surest: list[int]
    nodes: dict[str, list[Any]]
    settings: dict[str, Any]


def read_figures(folder: Path) -> Figures:
    """The figures of the graph in a folder.

    Raises:
        RunError: There are none, an entry is not what it should be, or they are of another format or class.
    """
    path = folder / FIGURES
    try:
        own = read_json(path, "the figures of a graph")
        if not isinstance(own, dict) or own.get("format") != FORMAT:
            found = own.get("format") if isinstance(own, dict) else own
            raise ValueError(f"its format is {found!r:.40}, and this version reads {FORMAT}")
        index = own["class_index"]
        _expect(_is_count(index) and folder.name.partition("-")[0] == f"{index:04d}", "the folder's class", index)
        for name in ("class", "data"):
            _expect(isinstance(own[name], str) and own[name], f"a text as {name}", own[name])
        _expect(isinstance(own["settings"], dict), "settings by their names", own["settings"])
        pictures = own["pictures"]
        numbers = pictures.values() if isinstance(pictures, dict) and set(pictures) == {"train", "test"} else [None]
        _expect(all(map(_is_count, numbers)), "numbers of train and test pictures", pictures)
        for name in ("chosen", "surest"):
            _expect(isinstance(own[name], list) and all(map(_is_count, own[name])), f"nodes as {name}", own[name])
        return Figures(
            class_index=index, class_name=own["class"], pictures=pictures, data=own["data"], rows=_rows(own["rows"]),
            chosen=own["chosen"], surest=own["surest"], nodes=_nodes(own["nodes"]), settings=own["settings"],
        )  # fmt: skip
    except (KeyError, ValueError, StorageError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise RunError(f"{path} does not describe a graph ({told}); fit it anew with `whynet graph`") from error


def _rows(rows: Any) -> dict[str, dict[str, float]]:
    right = isinstance(rows, dict) and all(
        isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows.values()
    )
    _expect(right, "rows of numbers", rows)
    return {kind: {key: float(value) for key, value in row.items()} for kind, row in rows.items()}


def _nodes(nodes: Any) -> dict[str, list[Any]]:
    _expect(isinstance(nodes, dict) and set(nodes) in ({"told"}, MEASURED), "figures of nodes", nodes)
    _expect(all(isinstance(values, list) for values in nodes.values()), "one entry a node", nodes)
    _expect(len({len(values) for values in nodes.values()}) == 1, "one entry for each node", nodes)
    _expect(all(map(_is_share, nodes["told"])), "shares as told", nodes["told"])
    for name in MEASURED & set(nodes) - {"told"}:
        is_right = {"part": _is_text, "hits": _is_share}.get(name, _is_number)
        _expect(all(value is None or is_right(value) for value in nodes[name]), f"entries of {name}", nodes[name])
    for part, hits in zip(nodes.get("part", ()), nodes.get("hits", ()), strict=True):
        _expect(part is None or hits is not None, "hits for each part", part)
    return dict(nodes)


def _expect(right: object, what: str, found: object) -> None:
    if not right:
        raise ValueError(f"{what} expected, not {found!r:.60}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
