"""Pictures of every usual kind become upright pixels of 8 bits; everything else is refused in a few words."""

import contextlib
import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image, ImageOps

from pbt_gan.gan.data.pictures import picture as module
from pbt_gan.gan.data.pictures.picture import FORMATS, PictureError, decode, header, told
from tests.gan.data.pictures.drawing import NOISE, encoded, frames

LOSSLESS = ("PNG", "BMP", "TIFF", "PPM", "WEBP")


def pixels(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(decode(data).image)


def refused(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode(data)
    reason = str(caught.value)
    assert 0 < len(reason) <= 80
    assert reason.isprintable()
    return reason


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, bits: int = 8, kind: int = 0, rows: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# What is read


@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_was_stored_without_loss_is_what_is_read(kind):
    np.testing.assert_array_equal(pixels(encoded(NOISE, kind, lossless=True)), NOISE)  # of which only WebP takes notice


@pytest.mark.parametrize("kind", FORMATS)
def test_the_header_says_what_decoding_finds(kind):
    for mode in ("L", "RGB", "P", "1") if kind not in ("JPEG", "WEBP", "PPM") else ("L", "RGB"):
        data = encoded(NOISE, kind, mode)
        said, found = header(data), decode(data)
        assert (said.width, said.height, said.grey) == (found.width, found.height, found.grey) == (30, 20, found.grey)
    assert said.grey == (kind not in ("JPEG", "WEBP", "PPM"))  # the last one is "1", or else RGB


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_its_exif_data_say(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(NOISE, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        right = ImageOps.exif_transpose(image)
        found = decode(data)
        np.testing.assert_array_equal(np.asarray(found.image), np.asarray(right))
    assert (found.width, found.height) == found.image.size == header(data)[:2]
    assert found.traits == ({"turned"} if orientation > 1 else set())


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(9)]
)
def test_damaged_exif_data_cost_no_picture(exif):
    found = decode(encoded(NOISE, "JPEG", exif=exif))
    assert found.image.size == (30, 20)
    assert not found.traits


def test_an_orientation_behind_the_pixels_of_a_png_is_seen_when_they_are_decoded():
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encoded(NOISE)
    late = whole[:-12] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + whole[-12:]
    found = decode(late)
    assert found.image.size == (20, 30)
    assert (found.width, found.height) == (20, 30)
    assert found.traits == {"turned"}


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_taken(kind):
    found = decode(frames(kind))
    assert np.unique(np.asarray(found.image)).tolist() == [100]
    assert found.traits == {"several frames"}


def test_nothing_is_read_of_an_animation_behind_its_second_frame():
    data = frames("GIF", 200)
    assert decode(data[: len(data) // 20]).traits == {"several frames"}


@pytest.mark.parametrize(("kind", "order"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2"), ("PPM", "<u2")])
def test_greys_of_sixteen_bits_keep_their_brightness(kind, order):
    values = np.linspace(0, 65535, 64).astype("u2").reshape(8, 8)
    found = decode(encoded(values.astype(order), kind))
    np.testing.assert_array_equal(np.asarray(found.image), np.rint(values / 257))
    assert found.traits == {"16 bits"}


@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_sixteen_bits_that_hold_fewer_are_not_dark(white):
    values = np.linspace(0, white, 64).astype("u2").reshape(8, 8)
    np.testing.assert_array_equal(pixels(encoded(values)), np.rint(values / white * 255))


def test_colours_of_sixteen_bits_lose_their_lower_eight():
    rows = b"\0" + struct.pack(">6H", 0, 256, 65535, 32768, 255, 511)
    assert pixels(png(2, 1, bits=16, kind=2, rows=rows)).tolist() == [[[0, 1, 255], [128, 0, 1]]]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[..., 0] = 255  # cyan
    file = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(file, kind)
    found = decode(file.getvalue())
    np.testing.assert_allclose(np.asarray(found.image), np.broadcast_to([0, 255, 255], (8, 8, 3)), atol=3)
    assert found.traits == {"CMYK"}


def test_an_inverted_cmyk_jpeg_of_adobe_is_not_read_as_its_negative():
    file = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(file, "JPEG")  # no ink at all: Pillow writes Adobe's marker and inverts
    assert b"Adobe" in file.getvalue()
    assert pixels(file.getvalue()).min() > 250


def test_alpha_is_kept_where_it_hides_something():
    half = np.dstack([NOISE, np.full((20, 30), 255, np.uint8)])
    assert decode(encoded(half)).image.mode == "RGB"
    half[:10, :, 3] = 0
    found = decode(encoded(half))
    assert found.image.mode == "RGBA"
    assert found.traits == {"transparent"}
    grey = decode(encoded(half, mode="LA"))
    assert (grey.image.mode, grey.grey) == ("LA", True)


def test_a_palette_is_looked_up_with_its_transparency():
    image = Image.new("P", (4, 4))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    for transparency in (1, bytes([255, 0])):
        file = io.BytesIO()
        image.save(file, "PNG", transparency=transparency)
        found = decode(file.getvalue())
        assert found.image.getpixel((1, 1)) == (255, 0, 0, 255)
        assert found.image.getpixel((0, 0)) == (0, 0, 255, 0)


def test_a_palette_of_greys_is_grey():
    image = Image.new("P", (4, 4))
    image.putpalette([7, 7, 7, 200, 200, 200])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=1)
    assert header(file.getvalue()).grey
    assert decode(file.getvalue()).image.getpixel((0, 0)) == 7


def test_a_value_of_a_grey_or_rgb_png_may_be_the_transparent_one():
    grey = decode(png(2, 1, chunk(b"tRNS", struct.pack(">H", 9)), rows=b"\0\x09\x50"))
    assert [grey.image.getpixel((x, 0)) for x in range(2)] == [(9, 0), (80, 255)]
    rgb = decode(png(2, 1, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)), kind=2, rows=b"\0\1\2\3\4\5\6"))
    assert [rgb.image.getpixel((x, 0)) for x in range(2)] == [(1, 2, 3, 0), (4, 5, 6, 255)]


def test_a_large_jpeg_is_decoded_no_larger_than_it_needs_to_be():
    ramp = np.broadcast_to(np.arange(400, dtype=np.float32) * 0.6, (300, 400)).astype(np.uint8)
    data = encoded(ramp, "JPEG")
    found = decode(data, enough=16)
    assert found.image.size == (50, 38)  # an eighth, and at least 32
    assert (found.width, found.height) == (400, 300)
    assert abs(np.asarray(found.image).mean() - ramp.mean()) < 1
    assert decode(data, enough=200).image.size == (400, 300)
    assert decode(encoded(ramp), enough=16).image.size == (400, 300)  # a PNG has to be unpacked as a whole


def test_a_reduced_picture_is_turned_with_the_size_that_it_has():
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(encoded(np.zeros((300, 400), np.uint8), "JPEG", exif=exif), enough=16)
    assert found.image.size == (38, 50)
    assert (found.width, found.height) == (300, 400)


# What is refused


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(kind):
    whole = encoded(NOISE, kind)
    for length in (0, 1, 9, 20, 60, len(whole) // 2, len(whole) * 3 // 4, len(whole) - 40):
        refused(whole[:length])
    if kind != "WEBP":
        assert refused(whole[:-40]) == "truncated"


@settings(deadline=None)
@given(kind=st.sampled_from(FORMATS), place=st.floats(0, 1), put=st.binary(min_size=1, max_size=6))
def test_whatever_is_damaged_is_decoded_or_refused_and_nothing_else(kind, place, put):
    whole = encoded(NOISE[:8, :8], kind)
    at = int(place * len(whole))
    damaged = whole[:at] + put + whole[at + len(put) :]
    for read in (header, decode):
        with contextlib.suppress(PictureError):
            read(damaged)


@given(st.binary(max_size=50))
def test_bytes_that_are_no_picture_are_refused(data):
    refused(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not one of PNG, JPEG, BMP, GIF, WEBP, TIFF, PPM"),
        (b"\xff\xd8\xff\xe0nothing more", "truncated"),
        (png(100_000, 100_000), "too many pixels"),
        (png(8193, 8192), "8,193×8,192 pixels are too many"),
        (b"P6 99999 99999 255\n", "too many pixels"),
        (b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\2\2L\1\0;", "damaged at its beginning"),
        (b"GIF89a\4\0\4\0" + bytes(3) + b"," + bytes(9) + b"\2\2L\1\0;", "damaged: tile cannot extend outside image"),
        (
            encoded(NOISE[..., 0].astype(np.float32), "TIFF"),
            "its pixels are of 32 bits or signed; convert them to 8 or 16",
        ),
        (
            encoded(NOISE[..., 0].astype(np.int32), "TIFF"),
            "its pixels are of 32 bits or signed; convert them to 8 or 16",
        ),
    ],
)
def test_the_reason_is_said_in_a_few_words(data, reason):
    assert refused(data) == reason


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_bomb_beside_the_pixels_is_not_unpacked(kind):
    bomb = chunk(kind, b"a\0\0" + zlib.compress(bytes(2**21)))
    assert refused(png(1, 1, bomb, rows=b"\0\0")) == "unpacks to too much"


def test_pages_that_lead_in_a_circle_come_to_an_end():
    page = bytearray(encoded(NOISE, "TIFF"))
    (first,) = struct.unpack_from("<I", page, 4)
    (count,) = struct.unpack_from("<H", page, first)
    struct.pack_into("<I", page, first + 2 + 12 * count, first)
    np.testing.assert_array_equal(pixels(bytes(page)), NOISE)


def test_scans_without_end_are_refused_before_they_are_decoded(monkeypatch):
    jpeg = encoded(NOISE, "JPEG", progressive=True)
    scans = jpeg.count(b"\xff\xda")
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    again = jpeg[:-2] + 3 * last + jpeg[-2:]
    monkeypatch.setattr(module, "MOST_PASSES", 30 * 20 * scans)
    decode(jpeg)
    assert refused(again) == "too many scans of too many pixels"


def test_postscript_never_reaches_ghostscript(monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    assert refused(encoded(NOISE, "EPS")).startswith("not one of")


# Around it


def odd_metadata() -> bytes:
    """Make a TIFF that Pillow warns of: a tag that should hold one number holds two."""
    page = bytearray(encoded(NOISE, "TIFF"))
    (first,) = struct.unpack_from("<I", page, 4)
    (count,) = struct.unpack_from("<H", page, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from("<H", page, entry)[0] == 278:  # rows a strip
            struct.pack_into("<HI", page, entry + 2, 3, 2)
    return bytes(page)


def test_odd_metadata_are_not_told_on_the_screen():
    data = odd_metadata()
    with pytest.warns(UserWarning, match="too many entries"), Image.open(io.BytesIO(data)) as image:
        image.load()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(data)
    assert not caught


def test_threads_that_decode_leave_warnings_as_they_were():
    before = list(warnings.filters)
    data = odd_metadata()
    gate = threading.Barrier(4)

    def read(_: int) -> None:
        gate.wait()
        for _ in range(5):
            decode(data)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))
    assert warnings.filters == before


def test_all_traits_that_were_met_are_one_remark():
    assert list(told({})) == list(told({"CMYK": 0})) == []
    assert list(told({"CMYK": 1200, "several frames": 1})) == [
        "pictures of several frames (the first is taken): 1; in CMYK (no colour profile is applied): 1,200"
    ]
