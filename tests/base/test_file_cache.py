import os

import pytest

from whynet.base.errors import SettingError
from whynet.base.file_cache import FileCache

KEYS = [f"{number:032x}" for number in range(4)]


def _write(cache, key, content=b"x" * 10):
    cache.write(key, len(content), lambda path: path.write_bytes(content))


def test_the_least_recently_used_make_room_and_strangers_stay(tmp_path):
    cache = FileCache(tmp_path, "maps", ".bin", max_bytes=30)
    for age, key in enumerate(KEYS[:3]):
        _write(cache, key)
        os.utime(cache.path(key), (age, age))
    (tmp_path / "notes.bin").write_bytes(b"y" * 100)
    cache.used(KEYS[0])
    _write(cache, KEYS[3])
    assert {path.stem for path in tmp_path.iterdir()} == {KEYS[0], KEYS[2], KEYS[3], "notes"}


def test_a_file_that_is_dropped_is_gone_and_may_be_gone_already(tmp_path):
    cache = FileCache(tmp_path, "maps", ".bin", max_bytes=30)
    _write(cache, KEYS[0])
    for _ in range(2):
        cache.drop(KEYS[0])
        assert not cache.path(KEYS[0]).exists()
    cache.used(KEYS[0])


@pytest.mark.parametrize("key", ["", "../secret", KEYS[0][:-1], f"{KEYS[0]}\n", KEYS[0].replace("0", "G")])
def test_a_key_is_never_a_path(tmp_path, key):
    with pytest.raises(SettingError, match="32 hexadecimal digits"):
        FileCache(tmp_path, "maps", ".bin", max_bytes=30).path(key)


def test_a_size_below_nothing_is_refused(tmp_path):
    with pytest.raises(SettingError, match="a cache of maps holds 0 bytes or more, not -1"):
        FileCache(tmp_path, "maps", ".bin", max_bytes=-1)
