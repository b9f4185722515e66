import base64
import io
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from whynet.base.errors import ImageError, SettingError
from whynet.base.image import decode_image, read_image, to_data_uri, to_png


def save(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=form, **options)
    return stream.getvalue()


def noise(width: int = 24, height: int = 16) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of which only the header exists."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF"])
def test_lossless_formats_come_back_as_they_were(form: str) -> None:
    pixels = decode_image(save(noise(), form), "noise")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(noise()))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_other_formats_are_read_as_pillow_reads_them(form: str) -> None:
    data = save(noise(), form)
    np.testing.assert_array_equal(decode_image(data, "noise"), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


UPRIGHT = {  # from the EXIF standard: where row 0 and column 0 of the stored picture are seen
    1: lambda stored: stored,  # top, left
    2: lambda stored: stored[:, ::-1],  # top, right
    3: lambda stored: stored[::-1, ::-1],  # bottom, right
    4: lambda stored: stored[::-1],  # bottom, left
    5: lambda stored: stored.swapaxes(0, 1),  # left, top
    6: lambda stored: stored[::-1].swapaxes(0, 1),  # right, top
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),  # left, bottom
}


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation_is_applied_once(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = decode_image(save(noise(), form, exif=exif, **options), "turned")
    np.testing.assert_array_equal(pixels, UPRIGHT[orientation](np.asarray(noise())))


def test_unreadable_exif_is_passed_over() -> None:
    data = save(noise(), "JPEG", exif=b"Exif\0\0" + b"garbage!" * 4)
    assert decode_image(data, "x").shape == (16, 24, 3)


def test_cmyk_is_converted() -> None:
    image = Image.new("CMYK", (2, 2), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
    np.testing.assert_array_equal(decode_image(save(image, "TIFF"), "cmyk")[0, 0], [255, 0, 0])


@pytest.mark.parametrize(("mode", "value", "seen"), [("L", 77, 77), ("1", 1, 255), ("1", 0, 0)])
def test_grey_is_repeated(mode: str, value: int, seen: int) -> None:
    assert (decode_image(save(Image.new(mode, (3, 2), value), "PNG"), "grey") == seen).all()


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGBA", (255, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (255, 0, 0, 255), [255, 0, 0]),
        ("RGBA", (255, 0, 0, 128), [255, 127, 127]),
        ("LA", (0, 0), [255, 255, 255]),
        ("LA", (0, 51), [204, 204, 204]),
    ],
)
def test_transparent_pictures_lie_over_white(mode: str, colour: tuple[int, ...], seen: list[int]) -> None:
    pixels = decode_image(save(Image.new(mode, (2, 2), colour), "PNG"), "glass")
    np.testing.assert_array_equal(pixels[1, 1], seen)


@pytest.mark.parametrize(("mode", "clear"), [("P", bytes([255, 0])), ("L", 1), ("1", 1), ("RGB", (1, 1, 1))])
def test_a_transparent_colour_is_white(mode: str, clear: object) -> None:
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((1, 0), (1, 1, 1) if mode == "RGB" else 1)
    if mode == "P":
        image.putpalette([10, 20, 30, 40, 50, 60])
    pixels = decode_image(save(image, "PNG", transparency=clear), "glass")
    np.testing.assert_array_equal(pixels[0], [[10, 20, 30] if mode == "P" else [0, 0, 0], [255, 255, 255]])


GREY_16 = np.array([[0, 128, 129, 257, 32768, 65278, 65535]], dtype=np.uint16)
GREY_8 = np.array([[0, 0, 1, 1, 128, 254, 255]], dtype=np.uint8)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])  # a PGM of 16 bits opens in Pillow's mode I
def test_16_bit_grey_is_scaled(form: str) -> None:
    pixels = decode_image(save(Image.fromarray(GREY_16), form), "deep")
    np.testing.assert_array_equal(pixels, np.repeat(GREY_8[..., None], 3, axis=2))


def test_16_bit_grey_with_a_transparent_value() -> None:
    data = save(Image.fromarray(GREY_16), "PNG", transparency=257)
    np.testing.assert_array_equal(decode_image(data, "deep")[0, :, 1], [0, 0, 1, 255, 128, 254, 255])


def test_16_bit_colour_keeps_the_upper_byte() -> None:
    values = np.array([[0x0000, 0x1234, 0xFFFF], [0xFE01, 0x8000, 0x00FF]], dtype=">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 2, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode_image(data, "deep")[:, 0], [[0x00, 0x12, 0xFF], [0xFE, 0x80, 0x00]])


def test_32_bit_integers_count_as_16_bit_grey() -> None:
    pixels = decode_image(save(Image.fromarray(GREY_16.astype(np.int32)), "TIFF"), "deep")
    np.testing.assert_array_equal(pixels[..., 0], GREY_8)


def test_floating_point_grey_is_scaled() -> None:
    values = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    np.testing.assert_array_equal(decode_image(save(Image.fromarray(values), "TIFF"), "f")[0, :, 2], [0, 128, 255])


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 65536]], dtype=np.int32),
        np.array([[-1, 5]], dtype=np.int32),
        np.array([[0, 2.5]], dtype=np.float32),
        np.array([[0, np.nan]], dtype=np.float32),
    ],
)
def test_grey_of_no_known_range_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"x\.tif: expected grey values from 0 to (1|65535), but they go from"):
        decode_image(save(Image.fromarray(values), "TIFF"), "x.tif")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animated_pictures_show_their_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("black", "white")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = save(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert (decode_image(data, "film") == 0).all()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_one_pixel(form: str) -> None:
    np.testing.assert_array_equal(decode_image(save(Image.new("RGB", (1, 1)), form), "dot"), [[[0, 0, 0]]])


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    path = tmp_path / "wrong suffix.txt"
    path.write_bytes(save(noise(), "PNG"))
    np.testing.assert_array_equal(read_image(path), np.asarray(noise()))


# ---- what cannot be read


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated(form: str, share: float, tmp_path: Path) -> None:
    data = save(noise(64, 64), form)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match="cut: "):
        read_image(path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match=r"empty\.jpg: .* the file is empty"):
        read_image(tmp_path / "empty.jpg")


@pytest.mark.parametrize("data", [b"P", b"\xff", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", b"\0" * 99])
def test_not_a_picture(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"x\.png: expected a picture \(JPEG, "):
        decode_image(data, "x.png")


def test_random_damage_ends_in_one_error() -> None:
    dice, messages = random.Random(0), []
    for form in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"):
        whole = save(noise(), form)
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(dice.randint(1, 8)):
                data[dice.randrange(min(len(data), 200))] = dice.randrange(256)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # Pillow's remarks on odd metadata
                try:
                    assert decode_image(bytes(data), "hurt", max_pixels=100_000).ndim == 3
                except ImageError as error:
                    messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith("hurt: ") for message in messages)


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg: expected a picture file, but there is none"):
        read_image(tmp_path / "none.jpg")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="but it is a folder"):
        read_image(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="a device or a pipe"):
        read_image(tmp_path / "pipe")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.png").touch()

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)  # file modes do not bind the superuser that tests may run as
    with pytest.raises(ImageError, match=r"secret\.png: the file cannot be read \(Permission denied\)"):
        read_image(tmp_path / "secret.png")


def test_a_name_that_no_file_system_takes() -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(Path("a\0b"))


# ---- pictures above the limit


@pytest.mark.parametrize("side", [8001, 10_000, 20_000, 2**31 - 1])  # Pillow warns from 9460, refuses from 13378
def test_large_pictures_are_refused_by_their_header(side: int) -> None:
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match=rf"big: the picture has {side} x {side} pixels, but at most 64000000"):
            decode_image(png_of_size(side, side), "big")
    assert leaked == []


def test_a_large_webp_is_refused_by_its_header() -> None:
    body = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (19_999).to_bytes(3, "little") * 2
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    with pytest.raises(ImageError, match="big: the picture has far more than"):
        decode_image(data, "big")


def test_the_limit_itself_is_allowed() -> None:
    assert decode_image(save(noise(10, 10), "PNG"), "x", max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(ImageError, match="10 x 10 pixels, but at most 99 are read"):
        decode_image(save(noise(10, 10), "PNG"), "x", max_pixels=99)


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    decode_image(save(noise(), "PNG"), "x")
    with pytest.raises(ImageError):
        decode_image(png_of_size(20_000, 20_000), "x")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


def test_the_first_picture_of_a_process() -> None:
    """No plugin is loaded yet there."""
    code = (
        "import base64, sys; from whynet.base.image import decode_image;"
        "print(decode_image(base64.b64decode(sys.argv[1]), 'x').shape)"
    )
    data = base64.b64encode(save(noise(), "WEBP")).decode()
    result = subprocess.run([sys.executable, "-c", code, data], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(16, 24, 3)"


# ---- writing


def test_png_is_without_loss() -> None:
    np.testing.assert_array_equal(decode_image(to_png(np.asarray(noise())), "x"), np.asarray(noise()))


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_data_uri(form: str) -> None:
    uri = to_data_uri(np.asarray(noise(40, 20)), longest_side=10, form=form)
    head, _, body = uri.partition(",")
    assert head == f"data:image/{form};base64"
    image = Image.open(io.BytesIO(base64.b64decode(body, validate=True)))
    assert (image.format, image.size) == (form.upper(), (10, 5))


def test_data_uri_never_enlarges_and_keeps_a_pixel() -> None:
    def size(uri: str) -> tuple[int, int]:
        return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size

    assert size(to_data_uri(np.zeros((3, 4, 3), np.uint8), longest_side=100)) == (4, 3)
    assert size(to_data_uri(np.zeros((1, 500, 3), np.uint8), longest_side=10)) == (10, 1)
    with pytest.raises(SettingError, match="longest_side must be at least 1 pixel, but is 0"):
        to_data_uri(np.zeros((3, 4, 3), np.uint8), longest_side=0)
