"""Painted birds so few that a network is trained on them in seconds."""

import pytest

from whynet.data.birds import dataset


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory):
    """Painted birds with 8, 2 and 12 pictures of each species, painted into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PER_CLASS", {"train": 8, "validation": 2, "test": 12})
        patch.setenv("WHYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
