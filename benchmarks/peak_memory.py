"""The largest resident size of this process so far."""

import resource
import sys
from pathlib import Path


def peak_gigabytes() -> float:
    """Of this process alone: on Linux `ru_maxrss` would begin with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in lines:
            return float(lines["VmHWM"].split()[0]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
