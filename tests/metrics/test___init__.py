import re
import subprocess
import sys
from pathlib import Path

import pytest

from whynet import metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_public_name_is_there():
    assert sorted(metrics.__all__) == dir(metrics)
    assert set(metrics.__all__) == {*metrics._HOMES, "class_relevance", "paired_test", "part_hits", "stability"}
    for name in metrics.__all__:
        assert getattr(metrics, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'guesses'"):
        _ = metrics.guesses


def test_a_function_is_not_hidden_by_the_module_of_its_name():
    code = """
import whynet.metrics.class_relevance, whynet.metrics.paired_test, whynet.metrics.part_hits, whynet.metrics.stability
from whynet.metrics import class_relevance, paired_test, part_hits, stability
print(callable(class_relevance), callable(paired_test), callable(part_hits), callable(stability))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, whynet.metrics; print(*{'torchmetrics', 'lightning', 'pycocoevalcap', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda code: code.splitlines()[0])
def test_the_examples_of_the_page_run_and_print_what_they_say(example, request, capsys):
    if "LanguageMetrics" in example:
        request.getfixturevalue("lent")
    exec(compile(example, str(PAGE), "exec"), {})
    printed = capsys.readouterr().out.strip()
    assert printed
    for said in re.findall(r"^print\(.*\)  # (.*)$", example, re.MULTILINE):
        assert printed == said


def test_the_page_has_an_example_for_each_part():
    assert len(EXAMPLES) == 6
