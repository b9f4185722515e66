"""Pictures from outside: any common file becomes an upright 8-bit RGB array, or one clear `ImageError`.

Pillow decodes; this file decides what is let in and what the pixels mean:

- Only the formats of `FORMATS` are tried, by content and not by file name. (Pillow's EPS reader, for one, starts
  another program.)
- The size is checked from the header, before a pixel is decoded.
- EXIF rotation is applied; of an animated picture the first frame is taken.
- A transparent picture is laid over white.
- 16-bit grey is scaled by 1/257, so 65535 becomes 255; of 16-bit colour Pillow keeps the upper byte. 32-bit integers
  count as 16-bit grey if they lie in 0..65535, floating point as grey if it lies in 0..1; any other range has no known
  white and is refused.

Nothing process-wide is set (Pillow's MAX_IMAGE_PIXELS and LOAD_TRUNCATED_IMAGES, warning filters), so several threads
may read at once.
"""

import base64
import io
import struct
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.ImageFile import ImageFile

from whynet.base.errors import ImageError, SettingError
from whynet.base.types import Picture

Stream: TypeAlias = io.BufferedReader | io.BytesIO

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
"""The picture formats that are read, by Pillow's names."""

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".avif",
    ]
)
"""How the names of such files end, in lower case."""

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded unless told otherwise: 8000 x 8000."""


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file as upright 8-bit RGB.

    Args:
        path: A picture file in one of `FORMATS`.
        max_pixels: The largest width x height to decode, at least 1.

    Returns:
        The pixels, 0 to 255.

    Raises:
        ImageError: The file is absent, unreadable, empty, truncated, damaged, too large, not a picture, or holds
            numbers of no known range.
    """
    if path.is_dir():
        raise ImageError(f"{path}: expected a picture file, but it is a folder; name a file")
    if path.exists() and not path.is_file():
        raise ImageError(f"{path}: expected a picture file, but it is a device or a pipe; name an ordinary file")
    try:
        with path.open("rb") as stream:
            return _decode(stream, str(path), max_pixels)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: expected a picture file, but there is none; check the path") from error
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{path}: the file cannot be read ({_reason(error)}); check the path and its permissions"
        ) from error


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode the bytes of a picture file as upright 8-bit RGB; `read_image` for what is not on disk, such as an upload.

    Args:
        data: The whole content of a picture file in one of `FORMATS`.
        name: What messages call the picture.
        max_pixels: The largest width x height to decode, at least 1.

    Returns:
        The pixels, 0 to 255.

    Raises:
        ImageError: As for `read_image`.
    """
    return _decode(io.BytesIO(data), name, max_pixels)


def to_png(picture: Picture) -> bytes:
    """The picture as a PNG file's bytes, without loss."""
    return _encode(Image.fromarray(picture), "png")


def to_data_uri(picture: Picture, *, longest_side: int | None = None, form: Literal["png", "jpeg"] = "png") -> str:
    """The picture as a `data:` address, for HTML that needs no other file.

    Args:
        picture: RGB, 0 to 255.
        longest_side: Shrink to at most this many pixels, keeping the proportions; never enlarges.
        form: "png" is without loss; "jpeg" (quality 90) is several times smaller for photographs.

    Returns:
        `data:image/...;base64,...`

    Raises:
        SettingError: `longest_side` is below 1.
    """
    image = Image.fromarray(picture)
    if longest_side is not None:
        if longest_side < 1:
            raise SettingError(f"longest_side must be at least 1 pixel, but is {longest_side}; give a larger one")
        image.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return f"data:image/{form};base64,{base64.b64encode(_encode(image, form)).decode('ascii')}"


def _encode(image: Image.Image, form: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=form, quality=90)
    return stream.getvalue()


def _decode(stream: Stream, name: str, max_pixels: int) -> Picture:
    try:
        image = _open(stream, name)
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: the picture has {width} x {height} pixels, but at most {max_pixels} are read; shrink it first"
            )
        image.load()
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: the picture has far more than {max_pixels} pixels; shrink it first") from error
    except Exception as error:  # on damaged data Pillow's decoders raise nearly every kind of error
        raise ImageError(
            f"{name}: the picture is damaged or cut short ({_reason(error)}); restore it or leave it out"
        ) from error
    return np.ascontiguousarray(_upright(_to_rgb(image, name), image))


def _open(stream: Stream, name: str) -> ImageFile:
    """Read the header: `Image.open` less its warning about large pictures, which no thread can silence alone."""
    prefix = stream.read(16)
    if not prefix:
        raise ImageError(f"{name}: expected a picture, but the file is empty; restore it or leave it out")
    for form in FORMATS:
        if form not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN[form]
        try:
            if accept is not None and accept(prefix) is not True:  # a text: this Pillow was built without the format
                continue
            stream.seek(0)
            return factory(stream, "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # how a Pillow plugin says "not mine"
            continue
    raise ImageError(
        f"{name}: expected a picture ({', '.join(FORMATS)}), but the content is none or is damaged "
        "at its start; convert it or leave it out"
    )


def _to_rgb(image: Image.Image, name: str) -> Picture:
    if image.mode.startswith("I") or image.mode == "F":
        grey = _to_8_bits(np.asarray(image), name)
        if (transparent := image.info.get("transparency")) is not None:
            grey = np.where(np.asarray(image) == transparent, np.uint8(255), grey)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def _to_8_bits(values: np.ndarray, name: str) -> np.ndarray:
    white = 1 if values.dtype.kind == "f" else 65535
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= white):  # also refuses NaN
        raise ImageError(
            f"{name}: expected grey values from 0 to {white}, but they go from {low:g} to {high:g}; "
            "convert the picture to 8 or 16 bits"
        )
    return np.rint(values / white * 255).astype(np.uint8)


def _upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:  # not Picture: height and width may change places
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # unreadable EXIF names no rotation; the pixels are sound
        return pixels
    if orientation == 1:
        return pixels
    plain = Image.fromarray(pixels)  # carries no other EXIF that Pillow would have to write again
    plain.getexif()[ExifTags.Base.Orientation] = orientation
    return np.asarray(ImageOps.exif_transpose(plain))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
