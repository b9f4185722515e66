import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whynet.base.errors import SettingError
from whynet.base.seeding import generator, numpy_generator, seeded

names = st.lists(st.integers() | st.text(), max_size=3).map(tuple)

DRAW = """
import random, numpy, torch
from whynet.base.seeding import generator, numpy_generator, seeded
print(torch.randint(2**62, (3,), generator=generator(7, "weights", 1)).tolist())
print(numpy_generator(7, "weights", 1).integers(2**62, size=3).tolist())
with seeded(7, "weights", 1):
    print(torch.randint(2**62, (3,)).tolist(), numpy.random.randint(2**31, size=3).tolist(), random.getrandbits(62))
"""


def torch_draw(seed: int, *stream: int | str) -> list[int]:
    return torch.randint(2**62, (4,), generator=generator(seed, *stream)).tolist()


def numpy_draw(seed: int, *stream: int | str) -> list[int]:
    return numpy_generator(seed, *stream).integers(2**62, size=4).tolist()


def global_draw() -> tuple[list[int], list[int], int]:
    return torch.randint(2**62, (4,)).tolist(), np.random.randint(2**31, size=4).tolist(), random.getrandbits(62)  # noqa: NPY002


def test_draws_are_the_same_in_every_process() -> None:
    first, second = (
        subprocess.run(
            [sys.executable, "-c", DRAW],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    )
    assert first == second
    assert first.splitlines()[:2] == [
        str(torch.randint(2**62, (3,), generator=generator(7, "weights", 1)).tolist()),
        str(numpy_generator(7, "weights", 1).integers(2**62, size=3).tolist()),
    ]


def test_entropy_is_the_hash_that_the_docstring_gives() -> None:
    # printf '[7, "weights", 1]' | sha256sum
    digest = "5d2bb94ced15c8c5ac758bef9c74e70274d46fdc5f021c7b3103e5f59fb07aba"
    expected = torch.Generator().manual_seed(int(digest[:16], 16))
    assert generator(7, "weights", 1).initial_seed() == expected.initial_seed()
    expected_numpy = np.random.default_rng(int(digest, 16))
    assert numpy_draw(7, "weights", 1) == expected_numpy.integers(2**62, size=4).tolist()


@pytest.mark.parametrize("draw", [torch_draw, numpy_draw])
@given(one=names, other=names)
def test_each_name_has_draws_of_its_own(draw, one, other) -> None:
    assert (draw(3, *one) == draw(3, *other)) == (one == other)


@pytest.mark.parametrize("draw", [torch_draw, numpy_draw])
def test_names_that_read_alike_and_neighbouring_seeds_are_kept_apart(draw) -> None:
    streams = [
        (0,),
        (1,),
        (0, 1),
        (0, "1"),
        (0, "a", "b"),
        (0, "ab"),
        (0, "a, b"),
        (0, '"a", "b"'),
        (2**32,),
        (2**63 - 1,),
    ]
    assert len({tuple(draw(*stream)) for stream in streams}) == len(streams)


def test_streams_are_uncorrelated() -> None:
    draws = np.stack([numpy_generator(0, "image", i).standard_normal(2000) for i in range(8)])
    draws = np.concatenate([draws, np.stack([torch.randn(2000, generator=generator(0, i)).numpy() for i in range(8)])])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


def test_seeded_repeats_itself_and_leaves_nothing_behind() -> None:
    with seeded(1, "outer"):
        untouched = [global_draw(), global_draw()]
    with seeded(1, "outer"):
        before = global_draw()
        with seeded(1, "inner"):
            first = global_draw()
        after = global_draw()
    with seeded(1, "inner"):
        again = global_draw()
    assert [before, after] == untouched
    assert first == again
    assert all(a != b for a, b in zip(first, before, strict=True))


def test_seeded_restores_the_generators_after_an_exception() -> None:
    def fail() -> None:
        with seeded(1, "inner"):
            global_draw()
            raise KeyError("x")

    with seeded(1, "outer"):
        untouched = global_draw()
    with seeded(1, "outer"):
        with pytest.raises(KeyError):
            fail()
        assert global_draw() == untouched


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused_and_nothing_is_seeded(seed: int) -> None:
    state = torch.get_rng_state()
    for use in (generator, numpy_generator, lambda seed: seeded(seed).__enter__()):
        with pytest.raises(SettingError, match=rf"between 0 and 2\*\*63 - 1, but {seed} came"):
            use(seed)
    assert torch.equal(torch.get_rng_state(), state)
