"""A painted split on disk: one safetensors file for the arrays and one JSON file for the texts.

The folder's name holds a hash of everything that the pictures depend on: the arguments, the sources of the painter
and the versions of OpenCV and NumPy. So a stale cache is never found. The JSON file is written last and tells the
arrays' size: what is incomplete is not read.
"""

import json
import logging
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from whynet.data.example import Claim

_LOGGER = logging.getLogger("whynet")
_ARRAYS, _TEXTS = "pictures.safetensors", "texts.json"


@dataclass(frozen=True, kw_only=True)
class PaintedSplit:
    """Everything of a painted split.

    Args:
        captions: Each picture's sentences.
        caption_claims: The claims each of these was made from.
        attributes: Each picture's claims.
        images, part_maps, landmarks, boxes: The pictures; None where they would take too much memory and are painted
            when asked for. A box of -1 is a bird of which nothing is seen.
    """

    captions: tuple[tuple[str, ...], ...]
    caption_claims: tuple[tuple[frozenset[Claim], ...], ...]
    attributes: tuple[frozenset[Claim], ...]
    images: UInt8[np.ndarray, "examples height width 3"] | None = None
    part_maps: UInt8[np.ndarray, "examples height width"] | None = None
    landmarks: Float[np.ndarray, "examples parts 3"] | None = None
    boxes: Float[np.ndarray, "examples 4"] | None = None


def cache_folder(folder: Path | None) -> Path:
    """The folder asked for, else the environment's WHYNET_CACHE, else the user's cache folder."""
    if folder is not None:
        return Path(folder)
    from_environment = os.environ.get("WHYNET_CACHE")
    return Path(from_environment) if from_environment else Path(platformdirs.user_cache_dir("whynet"))


def split_folder(folder: Path, **arguments: object) -> Path:
    """Where the split painted with these arguments belongs."""
    key = json.dumps(
        {name: repr(value) for name, value in arguments.items()} | {"painter": _fingerprint()}, sort_keys=True
    )
    return folder / "painted_birds" / blake2b(key.encode(), digest_size=16).hexdigest()


@cache
def _fingerprint() -> str:
    """A hash of the painter's sources and of the libraries whose arithmetic it uses."""
    digest = blake2b(f"{cv2.__version__} {np.__version__}".encode(), digest_size=16)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def read_split(folder: Path, examples: int) -> PaintedSplit | None:
    """The split that was stored here; None where there is none, or what there is is damaged.

    Args:
        folder: As from `split_folder`.
        examples: How many pictures it must hold.
    """
    try:
        texts = json.loads((folder / _TEXTS).read_text("utf-8"))
        arrays = load_file(folder / _ARRAYS) if texts["arrays_bytes"] else {}
        if texts["arrays_bytes"] and (folder / _ARRAYS).stat().st_size != texts["arrays_bytes"]:
            return None
        kinds = [tuple(claim) for claim in texts["claims"]]
        split = PaintedSplit(
            captions=tuple(map(tuple, texts["captions"])),
            caption_claims=tuple(
                tuple(frozenset(kinds[number] for number in numbers) for numbers in image)
                for image in texts["caption_claims"]
            ),
            attributes=tuple(frozenset(kinds[number] for number in numbers) for numbers in texts["attributes"]),
            **arrays,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError):
        return None
    lengths = [len(split.captions), len(split.caption_claims), len(split.attributes), *map(len, arrays.values())]
    return split if all(length == examples for length in lengths) else None


def write_split(folder: Path, split: PaintedSplit) -> None:
    """Store a split; where that is impossible say so in the log and go on.

    Args:
        folder: As from `split_folder`; made where it is absent.
        split: What to store.
    """
    arrays = {name: getattr(split, name) for name in ("images", "part_maps", "landmarks", "boxes")}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    content = save(arrays) if arrays else b""
    kinds = sorted(frozenset().union(*split.attributes)) if split.attributes else []
    numbers = {claim: number for number, claim in enumerate(kinds)}

    def numbered(claims: frozenset[Claim]) -> list[int]:
        return sorted(numbers[claim] for claim in claims)

    texts: dict[str, Any] = {
        "arrays_bytes": len(content),
        "claims": kinds,
        "attributes": [numbered(claims) for claims in split.attributes],
        "captions": split.captions,
        "caption_claims": [[numbered(claims) for claims in image] for image in split.caption_claims],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if content:
            _write(folder / _ARRAYS, content)
        _write(folder / _TEXTS, json.dumps(texts, separators=(",", ":")).encode())
    except OSError as error:
        _LOGGER.warning("the painted birds cannot be stored in %s (%s); they stay in memory", folder, error.strerror)


def _write(path: Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, then move it there in one step."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    Path(file.name).replace(path)
