"""What every benchmark tells beside its ratios, and where it writes all."""

import json
import platform
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
    """Print the figures as JSON and, where asked for, write them to a file."""
    text = json.dumps(figures, indent=2)
    print(text)
    if path is not None:
        path.write_text(text + "\n", encoding="utf-8")
