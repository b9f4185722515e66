"""What every benchmark tells beside its ratios, and where it writes all."""

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def machine(**more: Any) -> dict[str, Any]:
    """On what was measured."""
    return {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        **more,
    }


def give(figures: Mapping[str, Any], path: Path | None) -> None:
    """Print the figures as JSON, with the command that made them, and, where asked for, write them to a file."""
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    text = json.dumps({"command": command, **figures}, indent=2)
    print(text)
    if path is not None:
        path.write_text(text + "\n", encoding="utf-8")
