import logging
import os
import re
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import whynet
from whynet.base.errors import SettingError
from whynet.data.image_folder import ImageFolder
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows.feature_cache import FeatureCache, _hash

KEY, OTHER = "0" * 31 + "1", "0" * 31 + "2"


def reading_of(seed=0, rows=5):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 7, generator=draw), torch.randn(rows, 3, generator=draw)


def assert_same(found, expected):
    assert found is not None
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features")


@pytest.fixture
def root(tmp_path):
    for name in ("jay/1.png", "jay/2.png", "owl/1.png"):
        path = tmp_path / "data/train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "blue").save(path)
    return tmp_path / "data"


def introspection_of(names=("jay", "owl"), layers=("0",), side=8, network=None):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()) if network is None else network
    return Introspection(Subject(network, class_names=names, preprocess=Preprocessing(height=side, width=side)), layers)


def test_what_was_stored_is_found(cache):
    assert cache.load(KEY) is None
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        stored = tuple(tensor.to(dtype) for tensor in reading_of())
        cache.store(KEY, *stored)
        assert_same(cache.load(KEY), stored)
    assert cache.load(OTHER) is None
    with safe_open(cache.folder / f"{KEY}.safetensors", framework="pt") as file:
        assert file.metadata()["key"] == KEY
    assert [path.name for path in cache.folder.iterdir()] == [f"{KEY}.safetensors"]


def test_views_and_gradients_are_stored_as_plain_numbers(cache):
    readings, logits = reading_of()
    cache.store(KEY, readings.T.contiguous().T.requires_grad_(), logits[:, [0, 0, 1]])
    assert_same(cache.load(KEY), (readings, logits[:, [0, 0, 1]]))


def test_the_key_follows_every_input(cache, root, monkeypatch):
    data = ImageFolder(root)
    grown = introspection_of()
    grown.subject.network[0].weight.data[0, 0, 0, 0] += 1e-6
    strided = introspection_of()
    strided.subject.network[0].stride = (2, 2)
    keys = [
        cache.key(introspection_of(), data),
        cache.key(introspection_of(), data.subset([0, 1, 2])),
        cache.key(introspection_of(), data.subset([1, 0, 2])),
        cache.key(introspection_of(), data, "view 1"),
        cache.key(introspection_of(names=("jay", "rook")), data),
        cache.key(introspection_of(layers=("1",)), data),
        cache.key(introspection_of(layers=("0", "1")), data),
        cache.key(introspection_of(layers=("1", "0")), data),
        cache.key(introspection_of(side=9), data),
        cache.key(grown, data),
        cache.key(strided, data),
    ]
    assert keys[0] == cache.key(introspection_of(), ImageFolder(root)) == FeatureCache().key(introspection_of(), data)
    Image.new("RGB", (9, 8), "blue").save(root / "train/owl/1.png")
    keys.append(cache.key(introspection_of(), data))
    monkeypatch.setattr(whynet, "__version__", "another")
    keys.append(cache.key(introspection_of(), data))
    assert len(set(keys)) == len(keys)


def test_no_key_where_the_preprocessing_cannot_be_seen(cache, root):
    subject = Subject(nn.Flatten(), class_names=("jay", "owl"), preprocess=lambda pictures: torch.zeros(1, 3, 8, 8))
    assert cache.key(Introspection(subject, ()), ImageFolder(root)) is None


PROCESS = """
import sys
from pathlib import Path
import torch
from whynet import Introspection, Preprocessing, Subject
from whynet.data.image_folder import ImageFolder
from whynet.workflows.feature_cache import FeatureCache

class Net(torch.nn.Sequential):
    kinds = {"one", "two", "three"}

    def forward(self, images):
        return super().forward(images if "one" in {"one", "two", "three"} else -images).mean((2, 3))

torch.manual_seed(0)
network = Net(torch.nn.Conv2d(3, 2, 3))
subject = Subject(network, class_names=("jay", "owl"), preprocess=Preprocessing(height=8, width=8))
cache = FeatureCache(Path(sys.argv[1]))
key = cache.key(Introspection(subject, ("0",)), ImageFolder(Path(sys.argv[2])), "view 1")
print(key, cache.load(key) is not None)
cache.store(key, torch.ones(3, 4), torch.ones(3, 2))
"""


def test_another_process_finds_what_one_has_stored(cache, root, tmp_path):
    (tmp_path / "process.py").write_text(PROCESS)
    found = []
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "error", str(tmp_path / "process.py"), str(cache.folder), str(root)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.split())
    assert found == [[found[0][0], "False"], [found[0][0], "True"]]
    assert_same(cache.load(found[0][0]), (torch.ones(3, 4), torch.ones(3, 2)))


def half_written(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def one_bit_changed(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def rewritten(readings, logits):
    """An entry of these tensors, with the hash that belongs to them."""
    tensors = {"readings": readings, "logits": logits}
    return lambda path: save_file(tensors, path, {"key": KEY, "numbers": _hash(tensors.values())})


DAMAGES = {
    "half-written": (half_written, "Error while deserializing"),
    "empty": (lambda path: path.write_bytes(b""), "whole entry"),
    "random bytes": (lambda path: path.write_bytes(torch.randn(500).numpy().tobytes()), "Error while deserializing"),
    "one bit": (one_bit_changed, "its numbers have changed"),
    "no metadata": (lambda path: save_file({"readings": torch.ones(2, 2)}, path), "belongs to the key None"),
    "one tensor": (lambda path: save_file({"readings": torch.ones(2, 2)}, path, {"key": KEY}), r"\['readings'\]"),
    "other rows": (rewritten(torch.ones(2, 2), torch.ones(3, 2)), r"its shapes are \(2, 2\) and \(3, 2\)"),
    "a vector": (rewritten(torch.ones(2), torch.ones(2, 2)), r"its shapes are \(2,\)"),
    "not finite": (rewritten(torch.full((2, 2), torch.nan), torch.ones(2, 2)), "not finite"),
    "whole numbers": (rewritten(torch.ones(2, 2).long(), torch.ones(2, 2)), "not finite"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_named_removed_and_computed_again(cache, caplog, damage, reason):
    cache.store(KEY, *reading_of())
    path = cache.folder / f"{KEY}.safetensors"
    damage(path)
    assert cache.load(KEY) is None
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("whynet", logging.WARNING)
    assert record.getMessage().startswith(f"{path} is no whole entry of this cache (")
    assert re.search(reason, record.getMessage())
    assert not path.exists()
    cache.store(KEY, *reading_of())
    assert_same(cache.load(KEY), reading_of())


def test_an_entry_under_another_name_is_refused(cache, caplog):
    cache.store(KEY, *reading_of())
    (cache.folder / f"{KEY}.safetensors").rename(cache.folder / f"{OTHER}.safetensors")
    assert cache.load(OTHER) is None
    assert f"it belongs to the key {KEY}" in caplog.text
    assert list(cache.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_once(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = FeatureCache(tmp_path / "file" / "features")
    for _ in range(2):
        assert cache.load(KEY) is None
        cache.store(KEY, *reading_of())
    (record,) = caplog.records
    assert record.getMessage().startswith(f"readings cannot be kept in {cache.folder} (")


def test_an_entry_that_cannot_be_read_is_left_alone(cache, caplog):
    path = cache.folder / f"{KEY}.safetensors"
    path.mkdir(parents=True)
    assert cache.load(KEY) is None
    assert "cannot be read (Is a directory)" in caplog.text
    assert path.exists()


def test_the_least_recently_used_make_room(tmp_path):
    keys = [f"{number:032x}" for number in range(4)]
    size = sum(tensor.nbytes for tensor in reading_of(rows=500))
    cache = FeatureCache(tmp_path, max_bytes=3 * (size + 1024))
    for age, key in enumerate(keys[:3]):
        cache.store(key, *reading_of(age, rows=500))
        os.utime(tmp_path / f"{key}.safetensors", (age, age))
    (tmp_path / "notes.safetensors").touch()
    assert_same(cache.load(keys[0]), reading_of(0, rows=500))  # now the one used last
    cache.store(keys[0], *reading_of(0, rows=500))  # takes its own place
    assert len(list(tmp_path.iterdir())) == 4
    cache = FeatureCache(tmp_path, max_bytes=2 * (size + 1024))
    cache.store(keys[3], *reading_of(3, rows=500))
    assert {path.stem for path in tmp_path.iterdir()} == {keys[0], keys[3], "notes"}


def test_an_entry_that_is_too_large_is_not_kept_and_moves_no_other(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="whynet")
    cache = FeatureCache(tmp_path, max_bytes=2000)
    cache.store(KEY, *reading_of())
    cache.store(OTHER, *reading_of(rows=100))
    assert [path.stem for path in tmp_path.iterdir()] == [KEY]
    assert f"are not kept, since {tmp_path} may hold 2000" in caplog.text
    FeatureCache(tmp_path / "none", max_bytes=0).store(KEY, *reading_of())
    assert not (tmp_path / "none").exists()


def test_what_a_killed_process_left_is_cleared_after_a_day(cache):
    cache.folder.mkdir()
    old, young = cache.folder / ".writing-1.safetensors", cache.folder / ".writing-2.safetensors"
    for path, hours in ((old, 25), (young, 1)):
        path.touch()
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    cache.store(KEY, *reading_of())
    assert {path.name for path in cache.folder.iterdir()} == {young.name, f"{KEY}.safetensors"}


def test_the_default_folder_is_in_the_cache_of_whynet(tmp_path, monkeypatch):
    monkeypatch.setenv("WHYNET_CACHE", str(tmp_path))
    assert FeatureCache().folder == tmp_path / "features"


def test_errors(cache):
    with pytest.raises(SettingError, match="0 bytes or more, not -1"):
        FeatureCache(max_bytes=-1)
    for wrong in ("../secret", KEY[:-1], KEY.replace("0", "G"), f"{KEY}\n"):
        with pytest.raises(SettingError, match="32 hexadecimal digits"):
            cache.load(wrong)
    with pytest.raises(SettingError, match="unlike 'key'"):
        cache.store("key", *reading_of())
