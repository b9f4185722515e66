"""Waiting for the worker without holding up anyone else; who leaves the page no longer waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

from starlette.requests import Request

from whynet.workflows.workbench.worker import Abandoned, Worker

_LOOK_SECONDS = 0.25
"""How often it is looked whether anyone is still there."""


async def answer_of(request: Request, ask: Callable[[], AbstractContextManager[Future[Any]]]) -> Any:
    """What a question to the worker comes to.

    Args:
        request: Of whoever waits.
        ask: Gives what `Answers.asked` gives; it may read files, which is done beside the loop.

    Raises:
        Abandoned: The page was left, or the server is ending.
        WhynetError: What the work raises.
    """
    loop, ready = asyncio.get_running_loop(), asyncio.Event()

    def done(_future: Future[Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(ready.set)

    def begin() -> tuple[AbstractContextManager[Future[Any]], Future[Any]]:
        asked = ask()
        return asked, asked.__enter__()

    asked, future = await asyncio.to_thread(begin)
    try:
        # Not `wrap_future`, whose cancelling would reach the future of others who wait for the same.
        future.add_done_callback(done)
        while not future.done():
            try:
                await asyncio.wait_for(ready.wait(), _LOOK_SECONDS)
            except TimeoutError:
                if await request.is_disconnected():
                    raise Abandoned from None
        return future.result()
    finally:
        asked.__exit__(None, None, None)


async def worked(request: Request, worker: Worker, key: str, title: str, work: Callable[[], Any]) -> Any:
    """The same for work whose result is not kept."""
    return await answer_of(request, lambda: worker.asked(key, title, work))
