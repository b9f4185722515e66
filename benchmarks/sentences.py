"""How fast sentences are written and the explainer is trained, on one core.

Each ratio is a gain: time without over time with, everything else equal, in interleaved rounds.

    batching     64 images in one call, against 64 calls of one image
    projecting   r(x) projected once a sentence, against joined to LSTM 1's output and projected at every step

The network is untrained and never stops by itself (the bias of the full stop says so): all sentences have `MAX_LENGTH`
words and a full stop, the median length of the painted birds' captions, so that all calls do the same work.

    python benchmarks/sentences.py [--json FILE]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from harness.figures import give, machine
from jaxtyping import Float
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from whynet.base.seeding import generator, seeded
from whynet.base.tokens import NUM_SPECIAL, START, STOP
from whynet.base.types import TokenIds
from whynet.models.interpnet import InterpNET
from whynet.models.lrcn import LRCN, State
from whynet.training.interpnet import sentence_loss

THREADS, ROUNDS, IMAGES, MAX_LENGTH, BEAM, TOP = 1, 5, 64, 14, 5, 8
LEARNING_RATE, LEAST_SECONDS = 5e-4, 0.25

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of an explainer; `reading` is the length of r(x), `batch` the captions of a training step."""

    vocabulary: int
    reading: int
    embedding: int
    hidden: int
    projection: int
    batch: int


SIZES = {
    # Compact bilinear feature, two hidden layers, 20 class probabilities.
    "authors": Sizes(
        vocabulary=500, reading=8192 + 500 + 300 + 20, embedding=256, hidden=512, projection=512, batch=32
    ),
    "demo": Sizes(vocabulary=83, reading=256 + 500 + 300 + 20, embedding=128, hidden=192, projection=192, batch=64),
}


class JoiningLRCN(LRCN):
    """The textbook form of LRCN-2f with the weights of another: W [h1_t, r(x)] is computed at every step."""

    def __init__(self, sizes: Sizes, other: LRCN) -> None:
        super().__init__(
            vocabulary_size=sizes.vocabulary, reading_size=sizes.reading, embedding_size=sizes.embedding,
            hidden_size=sizes.hidden, projection_size=sizes.projection, dropout=other.dropout.p,
        )  # fmt: skip
        self.load_state_dict(other.state_dict())
        self.project = nn.Linear(sizes.hidden + sizes.reading, sizes.projection)
        with torch.no_grad():
            self.project.weight.copy_(torch.cat([other.project_hidden.weight, other.project_reading.weight], 1))
            self.project.bias.copy_(other.project_hidden.bias)
        del self.project_hidden
        self.project_reading = nn.Identity()

    def _step(
        self, projected: Float[Tensor, "batch reading"], ids: TokenIds, state: State | None
    ) -> tuple[Float[Tensor, "batch time vocabulary"], State]:
        first, second = (None, None) if state is None else state
        h1, first = self.first(self.embedding(ids), first)
        readings = projected[:, None].expand(-1, h1.shape[1], -1)
        h2, second = self.second(self.project(torch.cat([self.dropout(h1), readings], 2)), second)
        return self.output(self.dropout(h2)), (first, second)


def explainers(sizes: Sizes) -> tuple[InterpNET, InterpNET]:
    """An untrained explainer, and one that computes the same the slow way."""
    pair = []
    for _ in range(2):
        with seeded(0, "explainer"):
            network = InterpNET(
                reading_size=sizes.reading, vocabulary_size=sizes.vocabulary, embedding_size=sizes.embedding,
                hidden_size=sizes.hidden, projection_size=sizes.projection, max_length=MAX_LENGTH,
            ).eval()  # fmt: skip
        network.decoder.output.bias.data[STOP] = -100
        pair.append(network)
    fast, slow = pair
    slow.decoder = JoiningLRCN(sizes, fast.decoder).eval()
    return fast, slow


def check_equal(fast: InterpNET, slow: InterpNET, readings: Tensor, targets: Tensor) -> None:
    """Both write the same sentences of the same length, with the same probabilities, and learn from the same scores."""
    inputs = F.pad(targets[:, :-1], (1, 0), value=START)
    with torch.no_grad():
        torch.testing.assert_close(
            fast(readings[: len(targets)], inputs), slow(readings[: len(targets)], inputs), rtol=0, atol=1e-4
        )
    for beam in (1, BEAM):
        ours, theirs = fast.write(readings, beam=beam), slow.write(readings, beam=beam)
        assert ours.ids.shape == (IMAGES, MAX_LENGTH + 1)
        assert (ours.ids[:, -1] == STOP).all()
        assert (ours.ids == theirs.ids).all()
        torch.testing.assert_close(ours.probabilities, theirs.probabilities, rtol=0, atol=1e-4)


def writing(network: InterpNET, readings: Tensor, *, beam: int) -> Work:
    """Sentences of all images in one call."""
    return lambda: network.write(readings, beam=beam)


def writing_singly(network: InterpNET, readings: Tensor, *, beam: int) -> Work:
    """The same sentences, in one call an image."""
    return lambda: [network.write(reading[None], beam=beam) for reading in readings]


def training(network: InterpNET, readings: Tensor, targets: Tensor) -> Work:
    """One step of Adam on the words' cross-entropy, with dropout."""
    inputs = F.pad(targets[:, :-1], (1, 0), value=START)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def step() -> None:
        network.train()
        optimiser.zero_grad()
        sentence_loss(network(readings, inputs), targets).backward()
        optimiser.step()
        network.eval()

    return step


def seconds(work: Work) -> float:
    """Mean of one call, over as many calls as fill `LEAST_SECONDS`."""
    start, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - start < LEAST_SECONDS:
        work()
        calls += 1
    return (time.perf_counter() - start) / calls


def compare(slow: Work, fast: Work) -> tuple[dict[str, float], float]:
    """The ratio slow / fast over rounds in which each goes first in turn, and the median seconds of `fast`."""
    slow(), fast()  # the first calls set up memory
    rounds = []
    for number in range(ROUNDS):
        first, second = (slow, fast) if number % 2 else (fast, slow)
        times = {first: seconds(first), second: seconds(second)}
        rounds.append((times[slow], times[fast]))
    ratios = [slow_time / fast_time for slow_time, fast_time in rounds]
    gain = {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}
    return gain, statistics.median(fast_time for _, fast_time in rounds)


def profiled(work: Work) -> list[dict[str, Any]]:
    """The operators that take most of the processor's time in themselves, with their shares of all."""
    work()
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        work()
    operators = sorted(recorded.key_averages(), key=lambda operator: -operator.self_cpu_time_total)
    total = sum(operator.self_cpu_time_total for operator in operators)
    return [
        {"operator": operator.key, "share": operator.self_cpu_time_total / total, "calls": operator.count}
        for operator in operators[:TOP]
    ]


def measure(name: str, sizes: Sizes) -> dict[str, Any]:
    """Every figure at one set of sizes."""
    readings = F.normalize(torch.randn(IMAGES, sizes.reading, generator=generator(0, "readings", name)))
    targets = torch.randint(
        NUM_SPECIAL, sizes.vocabulary, (sizes.batch, MAX_LENGTH + 1), generator=generator(0, "captions", name)
    )
    targets[:, -1] = STOP
    fast, slow = explainers(sizes)
    check_equal(fast, slow, readings, targets)
    ratios, images_per_second = {}, {}
    for decoding, beam in (("greedy", 1), (f"beam{BEAM}", BEAM)):
        together = writing(fast, readings, beam=beam)
        ratios[f"{decoding}.batching"], _ = compare(writing_singly(fast, readings, beam=beam), together)
        ratios[f"{decoding}.projecting"], duration = compare(writing(slow, readings, beam=beam), together)
        images_per_second[decoding] = IMAGES / duration
    profiles = {"greedy": profiled(writing(fast, readings, beam=1))}  # before training changes the weights
    pairs = readings[: sizes.batch], targets
    step = training(fast, *pairs)
    ratios["training_step.projecting"], duration = compare(training(slow, *pairs), step)
    return {
        "ratios": ratios,
        "images_per_second": images_per_second,
        "training_steps_per_second": 1 / duration,
        "profile": profiles | {"training_step": profiled(step)},
    }


def main() -> None:
    """Measure, print, and write JSON where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    measured = {name: measure(name, sizes) for name, sizes in SIZES.items()}
    figures = {
        "machine": machine(torch_threads=torch.get_num_threads()),
        "versions": {"torch": torch.__version__},
        "sentences": {"images": IMAGES, "words": MAX_LENGTH, "stop_early": False, "rounds": ROUNDS},
        "sizes": {name: vars(sizes) for name, sizes in SIZES.items()},
        "ratios": {
            f"sentences.{name}.{key}": ratio
            for name, found in measured.items()
            for key, ratio in found["ratios"].items()
        },
        **{
            key: {name: found[key] for name, found in measured.items()}
            for key in ("images_per_second", "training_steps_per_second", "profile")
        },
    }
    give(figures, arguments.json)


if __name__ == "__main__":
    main()
