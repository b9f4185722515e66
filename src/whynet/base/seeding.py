"""Independent, named random streams from one seed.

A program with one seed and one generator is fragile: one more draw in one place changes every number after it. Here
each consumer names its stream instead,

    noise = generator(seed, "augmentation", epoch)

and what it draws depends on nothing but the seed and the name, which is hashed:

    entropy = SHA-256(JSON([seed, *stream]))

JSON keeps 1 apart from "1", and ("a", "b") from ("ab",). numpy's generators (PCG64 through `SeedSequence`) are seeded
with all 256 bits. A `torch.Generator` takes the first 64 of them, of which torch's CPU engine (MT19937) uses 32: among
N streams, some two coincide with a probability of about N² / 2³³. That is nothing for the streams of one training, and
certain for one stream a picture of a million pictures: use `numpy_generator` there.
"""

import hashlib
import json
import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from whynet.base.errors import SettingError

_LARGEST_SEED = 2**63 - 1


def generator(seed: int, *stream: int | str) -> torch.Generator:
    """A torch generator (on the CPU) for one named stream.

    Args:
        seed: The seed of the whole run, from 0 to 2**63 - 1.
        stream: The name of the stream: any number of words and numbers.

    Returns:
        A new generator. Equal arguments give equal draws, in any process on any machine.

    Raises:
        SettingError: The seed is negative or exceeds 2**63 - 1.
    """
    return torch.Generator().manual_seed(_torch_seed(_entropy(seed, *stream)))


def numpy_generator(seed: int, *stream: int | str) -> np.random.Generator:
    """A numpy generator for one named stream; see `generator` for the arguments and what is raised.

    Args:
        seed: The seed of the whole run, from 0 to 2**63 - 1.
        stream: The name of the stream.

    Returns:
        A new generator; it shares no draws with the torch generator of the same name.

    Raises:
        SettingError: The seed is negative or exceeds 2**63 - 1.
    """
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(_entropy(seed, *stream))))


@contextmanager
def seeded(seed: int, *stream: int | str) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python inside a `with` block, and restore them on leaving it.

    For code of others that takes no generator: the initial weights of a module, for one. Torch's CUDA generators are
    seeded and restored as well if CUDA is in use when the block is entered. The global generators belong to the whole
    process: other threads see the seeding too.

    Args:
        seed: The seed of the whole run, from 0 to 2**63 - 1.
        stream: The name of the stream.

    Yields:
        Nothing.

    Raises:
        SettingError: The seed is negative or exceeds 2**63 - 1.
    """
    entropy = _entropy(seed, *stream)
    # Not `torch.manual_seed`: where CUDA is not in use yet, it would leave its seed behind for when it is.
    with_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    torch_state = torch.default_generator.get_state()
    cuda_states = torch.cuda.get_rng_state_all() if with_cuda else []
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global generator is what this function is about
    python_state = random.getstate()
    try:
        torch.default_generator.manual_seed(_torch_seed(entropy))
        if with_cuda:
            torch.cuda.manual_seed_all(_torch_seed(entropy))
        np.random.seed(np.frombuffer(entropy, dtype="<u4"))  # noqa: NPY002
        random.seed(entropy)
        yield
    finally:
        torch.default_generator.set_state(torch_state)
        if with_cuda:
            torch.cuda.set_rng_state_all(cuda_states)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


def _entropy(seed: int, *stream: int | str) -> bytes:
    seed = operator.index(seed)
    if not 0 <= seed <= _LARGEST_SEED:
        raise SettingError(f"a seed lies between 0 and 2**63 - 1, but {seed} came; choose one in that range")
    return hashlib.sha256(json.dumps([seed, *stream]).encode()).digest()


def _torch_seed(entropy: bytes) -> int:
    return int.from_bytes(entropy[:8])
