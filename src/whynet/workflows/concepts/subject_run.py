"""The run that concepts land in: the one that was named, or a new one around a subject that is explained as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whynet.base.errors import SettingError
from whynet.workflows.run import Run
from whynet.workflows.settings import settings_with
from whynet.workflows.subjects import is_code
from whynet.workflows.train import train


def run_of(
    subject: str,
    *,
    out: Path | None,
    data: Mapping[str, Any],
    layer: str | None,
    weights: Path | None = None,
    skip_bad: bool = False,
) -> tuple[Run, str | None]:
    """The run of a subject, and the user's function whose code may run, if the subject is one.

    Args:
        subject: A run's folder; or any other subject, around which a run is made.
        out: Folder of the run to be made.
        data: Settings of its data that the user gave.
        layer: That is explained; a run of one's own network names its layers.
        weights: Of a subject that is built by name or by a function.
        skip_bad: Leave out pictures that cannot be used.

    Raises:
        SettingError: A run is given more than its folder, or another subject less than it needs.
        WhynetError: What `train` raises.
    """
    if (Path(subject) / "run.json").is_file():
        if given := [name for name, value in {"--out": out, "--weights": weights, "--data": data}.items() if value]:
            raise SettingError(f"{subject} is a run with data and weights of its own; leave out {' and '.join(given)}")
        return Run.open(subject), None
    if out is None or layer is None or "name" not in data:
        raise SettingError(
            f"{subject} is no run; to explain it as it is, name --layer, its --data and --out, the folder of a new run"
        )
    model = {"subject": subject, "layers": layer, "weights": None if weights is None else str(weights)}
    settings = settings_with({"data": dict(data), "model": model})
    run = train(out, settings, resume=(out / "run.json").exists(), skip_bad=skip_bad, explainer=False)
    return run, subject if is_code(subject) else None
