"""Answers that take a while: computed by the worker, kept on disk as JSON, and given at once the next time."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import whynet
from whynet.base.errors import StorageError
from whynet.base.file_cache import FileCache
from whynet.base.files import read_json
from whynet.data.birds.cache import cache_folder
from whynet.data.example import digest_of
from whynet.workflows.workbench.worker import Worker

_FORMAT = 1
MAX_BYTES = 1 << 30


class Answers:
    """A worker with a memory.

    Args:
        worker: Computes.
        folder: Where to keep answers; None: in WHYNET_CACHE, or in the user's cache folder.
    """

    def __init__(self, worker: Worker, folder: Path | None = None) -> None:
        self.worker = worker
        folder = cache_folder(None) / "workbench" if folder is None else folder
        self._files = FileCache(folder, "answers", ".json", max_bytes=MAX_BYTES)

    @contextmanager
    def asked(
        self, title: str, of: tuple[Any, ...], work: Callable[[], Any], *, is_kept: bool = True
    ) -> Iterator[Future[Any]]:
        """Inside, somebody waits for an answer; see `Worker.asked`.

        Args:
            title: What is computed, for people.
            of: All that the answer depends on, as texts and numbers.
            work: Computes it: values that `json.dump` takes.
            is_kept: Whether it is kept on disk; what people bring is not.
        """
        key = _key(of)
        kept = self._kept(key) if is_kept else None
        if kept is not None:
            future: Future[Any] = Future()
            future.set_result(kept)
            yield future
            return

        def computed() -> Any:
            answer = work()
            if not is_kept:
                return answer
            entry = json.dumps({"key": key, "answer": answer})
            self._files.write(key, len(entry), lambda path: path.write_text(entry))
            return answer

        with self.worker.asked(key, title, computed) as future:
            yield future

    def kept(self, of: tuple[Any, ...]) -> Any:
        """The answer that is kept to a question, by all that it depends on; None where there is none."""
        return self._kept(_key(of))

    def _kept(self, key: str) -> Any:
        path = self._files.path(key)
        if not path.exists():
            return None
        try:
            entry = read_json(path, "an answer")
        except StorageError:
            self._files.drop(key)
            return None
        if not isinstance(entry, dict) or entry.get("key") != key:
            self._files.drop(key)
            return None
        self._files.used(key)
        return entry.get("answer")


def _key(of: tuple[Any, ...]) -> str:
    return digest_of(_FORMAT, whynet.__version__, *of)
