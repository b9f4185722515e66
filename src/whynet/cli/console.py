"""What a command shows: text for people on the terminal, JSON for programs in a file or on standard output."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from whynet.base.errors import SettingError
from whynet.base.files import write_json_atomically


def command_line() -> str:
    """The command as it was given."""
    return shlex.join(["whynet", *sys.argv[1:]])


class Answer:
    """Where a command's answer goes.

    Args:
        json_file: "-" prints the JSON on standard output and the text on standard error; a path writes the JSON there;
            None prints the text alone.
    """

    def __init__(self, json_file: str | None) -> None:
        if json_file not in (None, "-"):
            path = Path(str(json_file))
            if path.is_dir() or not path.parent.is_dir():
                raise SettingError(f"--json needs a file in a folder that exists, not {json_file}; name another")
        self.json_file = json_file
        self.console = Console(stderr=json_file == "-", highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line for people; square brackets in it are text."""
        self.console.print(text, markup=False)

    def figures(self, title: str, columns: list[str], rows: list[list[str]], *, reading: str | None = None) -> None:
        """Print a table: the first column names, the others hold figures; below it how to read them.

        Where the terminal is too narrow for the columns, they stand below each other in place of the rows, if that
        fits. Square brackets in a row are text: classes may be called so.
        """
        lines = [columns, *rows]
        tables = (_table(title, lines), _table(title, [list(line) for line in zip(*lines, strict=True)]))
        self.console.print(next(filter(self._fits, tables), tables[0]))
        if reading is not None:
            self.console.print(reading, markup=False, soft_wrap=False)

    def _fits(self, table: Table) -> bool:
        """Whether the terminal is as wide as a table."""
        unbounded = self.console.options.update(max_width=10_000)
        return Measurement.get(self.console, unbounded, table).maximum <= self.console.width

    def give(self, value: Any) -> None:
        """Hand the JSON form to whoever asked for it."""
        if self.json_file == "-":
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        elif self.json_file is not None:
            write_json_atomically(Path(self.json_file), value)


def _table(title: str, lines: list[list[str]]) -> Table:
    """A table whose first line is its head; what is too long is folded, and never cut."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(lines[0]):
        table.add_column(Text(column), justify="left" if index == 0 else "right", overflow="fold")
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    return table
