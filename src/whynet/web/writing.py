"""Writing to the store beside the loop, by threads of its own: who waits there for the store holds up no page."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request

Done = TypeVar("Done")


async def written(request: Request, work: Callable[[], Done]) -> Done:
    """What work at the store comes to, when its turn has come.

    Args:
        request: Of whoever waits.
        work: Writes, and reads what is then to be shown.

    Raises:
        WhynetError: What the work raises.
    """
    writers: CapacityLimiter = request.app.state.writers
    return await run_sync(work, limiter=writers)
