"""How the workbench bears many people at once: votes and names from 50 clients, on SQLite and on PostgreSQL.

Each client votes again and again as a person of its own, on concepts drawn at random, and names one at every tenth
step, and takes note of what the server acknowledged. In the middle the server is killed (SIGKILL) and started again on
the same store. At the end the store itself is asked for every acknowledged vote and name. `ratios` holds the 95th
percentile of the time of a vote over the aim of 200 ms (`sqlite.vote.p95`), where 1 is the aim; `lost` and `errors`
must be 0.

    python benchmarks/workbench.py --json runs/bench/workbench.json
    WHYNET_POSTGRES=$(.ci/postgres) python benchmarks/workbench.py --run runs/demo

The servers listen on loopback, and nobody waits between votes, so that the machine, whose cores clients, server and
PostgreSQL share, is full all the time. Without `WHYNET_POSTGRES` only SQLite is measured.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from harness.figures import give, machine
from harness.workbench_server import run_at, serving
from sqlalchemy.engine import make_url

from whynet.store import Store

AIM_SECONDS = 0.2
QUICK = {"clients": 8, "seconds": 4.0}


@dataclass
class Notes:
    """What clients saw."""

    votes: list[float] = field(default_factory=list)
    names: list[float] = field(default_factory=list)
    acknowledged: list[tuple[str, str, bool]] = field(default_factory=list)
    named: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: int = 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--run", type=Path, help="a run with concepts; without one, a small one is made")
    found.add_argument("--clients", type=int, default=50)
    found.add_argument("--seconds", type=float, default=60.0, help="at most 600")
    found.add_argument("--quick", action="store_true", help="few clients for a moment, to see that all works")
    found.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return found


def main() -> None:
    """Measure each store that is at hand."""
    asked = parser().parse_args()
    if asked.quick:
        asked.clients, asked.seconds = QUICK["clients"], QUICK["seconds"]
    asked.seconds = min(asked.seconds, 600.0)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        asked.run = run_at(asked.run, Path(folder))
        figures["sqlite"] = measured(asked, str(Path(folder) / "bench.db"))
        if server := os.environ.get("WHYNET_POSTGRES"):
            with database(server) as location:
                figures["postgresql"] = measured(asked, location)
    give(
        {
            "machine": machine(), "versions": {"whynet": version("whynet"), "fastapi": version("fastapi")},
            "clients": asked.clients, "seconds": asked.seconds, **figures,
            "ratios": {
                f"{name}.vote.p95": {"median": own["vote_p95_seconds"] / AIM_SECONDS} for name, own in figures.items()
            },
        },
        asked.json,
    )  # fmt: skip
    for name, own in figures.items():
        if own["lost"] or own["errors"] or own["kept_but_not_acknowledged"] > asked.clients:
            sys.exit(
                f"{name}: {own['lost']} lost, {own['errors']} errors, {own['kept_but_not_acknowledged']} unasked for"
            )


@contextmanager
def database(server: str) -> Iterator[str]:
    """A database of its own on a server, dropped afterwards."""
    name = f"whynet_bench_{os.getpid()}"
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def measured(asked: argparse.Namespace, location: str) -> dict[str, Any]:
    """Figures of one store: load, a kill in the middle, and what is there afterwards."""
    notes = Notes()
    took = 0.0
    for number in range(2):  # the first server is killed under load, the second ends in peace
        with serving(asked.run, location) as (process, address):
            began = time.perf_counter()
            ends = began + asked.seconds / 2
            kill = process if number == 0 else None
            asyncio.run(load(address, asked.clients, ends, notes, number, kill))
            took += time.perf_counter() - began
    with Store(location) as store:
        votes = Counter((vote.concept, vote.voter, vote.trusted) for concept in {c for c, _, _ in notes.acknowledged}
                        for vote in store.votes.history(concept))  # fmt: skip
        names = Counter((naming.concept, naming.name) for concept in {c for c, _ in notes.named}
                        for naming in store.names.history(concept))  # fmt: skip
    # As often as it was acknowledged, and at most once more for each request that was on its way when the server died.
    lost = (Counter(notes.acknowledged) - votes).total() + (Counter(notes.named) - names).total()
    unasked = (votes - Counter(notes.acknowledged)).total() + (names - Counter(notes.named)).total()
    return {
        "votes": len(notes.votes), "names": len(notes.names), "seconds": took,
        "votes_a_second": len(notes.votes) / took,
        "vote_median_seconds": statistics.median(notes.votes), "vote_p95_seconds": quantile(notes.votes),
        "name_p95_seconds": quantile(notes.names), "lost": lost, "kept_but_not_acknowledged": unasked,
        "errors": len(notes.errors), "first_error": notes.errors[0] if notes.errors else None,
        "refused_while_down": notes.refused,
    }  # fmt: skip


def quantile(values: list[float]) -> float:
    """The 95th percentile."""
    return sorted(values)[int(0.95 * (len(values) - 1))]


async def load(
    address: str, clients: int, ends: float, notes: Notes, number: int, kill: subprocess.Popen[str] | None
) -> None:
    """All clients at once until the end, at which the server may be killed under them."""
    async with AsyncExitStack() as stack:
        # A connection for each, as people's browsers have; aiohttp, as httpx takes more of the machine than the server.
        waits = aiohttp.ClientTimeout(total=30)
        own = [await stack.enter_async_context(aiohttp.ClientSession(address, timeout=waits)) for _ in range(clients)]
        async with own[0].get("/api/concepts") as answer:
            concepts = [found["id"] for found in await answer.json()]
        assert concepts, "the run has no concepts; take one that has"
        tasks = [asyncio.create_task(person(client, concepts, f"person {place}", ends, notes, 1000 * number + place,
                                            kill is not None)) for place, client in enumerate(own)]  # fmt: skip
        if kill is not None:
            await asyncio.sleep(max(0.0, ends - time.perf_counter() - 0.5))
            kill.kill()
        await asyncio.gather(*tasks)


async def person(
    client: aiohttp.ClientSession, concepts: list[str], name: str, ends: float, notes: Notes, seed: int, is_killed: bool
) -> None:
    """One person: votes, and now and then a name."""
    drawn = random.Random(seed)
    step = 0
    while time.perf_counter() < ends:
        step += 1
        concept, trusted = drawn.choice(concepts), drawn.random() < 0.5
        if step % 10:
            what, body = "vote", {"voter": name, "trusted": trusted}
        else:
            what, body = "name", {"name": f"{name} {seed} {step}", "author": name}
        begun = time.perf_counter()
        try:
            async with client.post(f"/api/concepts/{concept}/{what}", json=body) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            if is_killed and ends - time.perf_counter() < 2:
                notes.refused += 1
                return
            notes.errors.append(repr(error))
            continue
        took = time.perf_counter() - begun
        if status != 200:
            notes.errors.append(f"{status} {text[:200]}")
        elif what == "vote":
            notes.votes.append(took)
            notes.acknowledged.append((concept, name, trusted))
        else:
            notes.names.append(took)
            notes.named.append((concept, str(body["name"])))


if __name__ == "__main__":
    main()
