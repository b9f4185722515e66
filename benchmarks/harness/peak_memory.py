"""The largest resident size of a process."""

import resource
import subprocess
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


def peak_of(script: str, *arguments: str) -> float:
    """What a script prints last, in a process of its own: its `peak_gigabytes`."""
    command = [sys.executable, script, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
