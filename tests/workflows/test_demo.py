"""Which run the demo goes on with."""

import pytest

from whynet.base.errors import RunError
from whynet.workflows import demo
from whynet.workflows.demo import demo_settings, run_demo
from whynet.workflows.run import Run


@pytest.fixture
def resumed(monkeypatch):
    """Whether `train` was asked to resume; nothing is trained."""
    asked = []

    def train(_folder, _settings, *, resume, **_more):
        asked.append(resume)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "train", train)
    monkeypatch.setattr(demo, "missing_language_tools", lambda: None)
    return asked


def test_a_demo_that_an_older_version_began_is_gone_on_with(resumed, tmp_path):
    settings = demo_settings(3).to_json()
    del settings["filters"], settings["data"]["task"]  # that version did not know them
    Run.create(tmp_path / "demo", settings)
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "demo", seed=3)
    assert resumed == [True]


@pytest.mark.parametrize("settings", [demo_settings(4).to_json(), {"data": {}}])
def test_another_run_is_left_as_it_is(resumed, tmp_path, settings):
    Run.create(tmp_path / "demo", settings)
    with pytest.raises(RunError, match="holds another run; name another --out, or remove it with --fresh"):
        run_demo(tmp_path / "demo", seed=3)
    assert resumed == []
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "demo", seed=3, fresh=True)
    assert resumed == [False]
