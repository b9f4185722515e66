import json

import pytest

from whynet.workflows.workbench.answers import Answers
from whynet.workflows.workbench.worker import Worker

WAIT = 120


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.close()


class Work:
    def __init__(self, answer):
        self.answer, self.runs = answer, 0

    def __call__(self):
        self.runs += 1
        return self.answer


def _answer(answers, work, *of):
    with answers.asked("Working", of, work) as future:
        return future.result(WAIT)


def test_an_answer_is_computed_once_and_then_read(worker, tmp_path):
    work = Work({"maps": [[0.5, None]], "name": "Żółw"})
    for _ in range(2):
        assert _answer(Answers(worker, tmp_path), work, "image", 3) == work.answer
    assert work.runs == 1
    assert Answers(worker, tmp_path).kept(("image", 3)) == work.answer
    assert Answers(worker, tmp_path).kept(("image", 4)) is None
    assert _answer(Answers(worker, tmp_path), work, "image", 4) == work.answer
    assert work.runs == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({"key": "another", "answer": 1})])
def test_a_damaged_answer_is_computed_again(worker, tmp_path, damage):
    work = Work(7)
    answers = Answers(worker, tmp_path)
    assert _answer(answers, work, "a") == 7
    (path,) = tmp_path.iterdir()
    path.write_text(damage)
    assert _answer(answers, work, "a") == 7
    assert work.runs == 2
    assert _answer(answers, work, "a") == 7
    assert work.runs == 2


def test_where_nothing_can_be_kept_it_is_computed_each_time(worker, tmp_path, caplog):
    (tmp_path / "file").touch()
    work = Work(7)
    answers = Answers(worker, tmp_path / "file" / "folder")
    assert [_answer(answers, work, "a") for _ in range(2)] == [7, 7]
    assert work.runs == 2
    assert "answers cannot be kept" in caplog.text
