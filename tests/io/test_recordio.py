"""RecordIO files: framing byte for byte as MXNet's, image headers, packing by im2rec, and OpenCV's pixels."""

import io
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxr.io import readers, recordio
from mxr.io.im2rec import im2rec
from mxr.io.images import decode, pixels, resize
from mxr.operator import MxError
from mxr.random.cpp_engine import Engine
from tests.reference.iterators import FOLDER

MAGIC = recordio.MAGIC


def written(records) -> bytes:
    file = io.BytesIO()
    writer = recordio.Writer(file)
    for record in records:
        writer.write(record)
    return file.getvalue()


def test_mxnets_files_read_and_write_back_byte_for_byte():
    # written by MXNet; its records contain the magic number itself at several places
    records = list(recordio.Reader(FOLDER / "magic.rec"))
    assert records == [
        b"",
        b"a",
        b"abcd",
        MAGIC,
        MAGIC + MAGIC,
        b"abcd" + MAGIC + b"xyz",
        b"x" + MAGIC + b"yyy",
        MAGIC + b"abc" + MAGIC + MAGIC + b"q",
        b"abcdefg" + MAGIC,
    ]
    for name in ("magic.rec", "images.rec", "labels.rec"):
        assert written(recordio.Reader(FOLDER / name)) == (FOLDER / name).read_bytes()


def test_headers_pack_and_unpack_byte_for_byte():
    for name in ("images.rec", "labels.rec"):
        for record in recordio.Reader(FOLDER / name):
            header, image = recordio.unpack(record)
            assert recordio.pack(header, image) == record
    assert np.ndim(header.label) == 1 and header.id == 6


def test_offsets_are_those_of_the_index():
    reader = recordio.Reader(FOLDER / "images.rec")
    offsets = list(reader.offsets())
    assert offsets == recordio.read_index(FOLDER / "images.idx")
    assert reader.first(offsets[2] + 1) == offsets[3] and reader.first(offsets[-1] + 1) == reader.size


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.sampled_from([MAGIC, b"a", b"bcd", b"efgh", MAGIC[:2]])).map(b"".join)))
def test_written_files_read_back(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("records") / "x.rec"
    path.write_bytes(written(records))
    reader = recordio.Reader(path)
    assert list(reader) == records
    for at in range(0, reader.size, 4):
        assert reader.first(at) in (*reader.offsets(), reader.size)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=80))
def test_random_bytes_are_refused_with_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("random") / "x.rec"
    path.write_bytes(MAGIC + content)
    try:
        for record in recordio.Reader(path):
            recordio.unpack(record)
    except MxError:
        pass


@pytest.mark.parametrize("text", ["1 x\n", "7\n"])
def test_an_invalid_index(tmp_path, text):
    (tmp_path / "i.idx").write_text("0 0\n" + text)
    with pytest.raises(MxError, match="line 2"):
        recordio.read_index(tmp_path / "i.idx")


# ------------------------------------------------------------------------------------------------ im2rec


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    lines = []
    for i, (h, w) in enumerate([(30, 40), (50, 32), (36, 36)]):
        (tmp_path / f"pic {i}.png").write_bytes(
            decode.encode(rng.integers(0, 256, (h, w, 3), np.uint8), ".png", 3)
        )
        lines.append(f"{i + 10}\t{i}.5\t{i + 1}\tpic {i}.png\n")
    (tmp_path / "x.lst").write_text("".join(lines))
    return tmp_path


def packed(folder, **how):
    assert im2rec(
        str(folder / "x.lst"), f"{folder}/", str(folder / "x.rec"), **{"label_width": 2} | how
    ) == how.get("expect", 3)
    return [recordio.unpack(r) for r in recordio.Reader(folder / "x.rec")], list(
        recordio.Reader(folder / "x.rec")
    )


def test_im2rec_unchanged_keeps_the_files(folder):
    images, raw = packed(folder, unchanged=1)
    assert [h for h, _ in images] == [recordio.Header(i + 0.5, i + 10) for i in range(3)]
    assert [c for _, c in images] == [(folder / f"pic {i}.png").read_bytes() for i in range(3)]
    _, raw = packed(folder, unchanged=1, pack_label=1)
    # MXNet writes the first label twice
    assert raw[1][:32] == struct.pack("<IfQQff", 2, 1.5, 11, 0, 1.5, 2.0)


@pytest.mark.parametrize(
    "how, sizes",
    [
        ({}, [(30, 40), (50, 32), (36, 36)]),
        ({"new_size": 20}, [(20, 26), (31, 20), (20, 20)]),
        ({"new_size": 20, "center_crop": 1}, [(20, 20)] * 3),
    ],
)
@pytest.mark.parametrize("encoding", [".jpg", ".png"])
def test_im2rec_sizes(folder, how, sizes, encoding):
    images, _ = packed(folder, encoding=encoding, **how)
    decoded = [decode.decode(c, 3, "") for _, c in images]
    assert [d.shape[:2] for d in decoded] == sizes
    if encoding == ".png" and not how:
        assert all(
            (d == decode.decode((folder / f"pic {i}.png").read_bytes(), 3, "")).all()
            for i, d in enumerate(decoded)
        )


def test_im2rec_grey_and_unchanged_colours(folder):
    assert [decode.channels(c, "") for _, c in packed(folder, color_mode=0)[0]] == [1, 1, 1]
    assert [decode.channels(c, "") for _, c in packed(folder, color_mode=-1)[0]] == [3, 3, 3]


def test_im2rec_in_parts(folder):
    for part, count in ((0, 2), (1, 1)):
        assert (
            im2rec(str(folder / "x.lst"), f"{folder}/", str(folder / "x.rec"), 2, nsplit=2, partid=part)
            == count
        )
    assert len(list(recordio.Reader(folder / "x.rec.part001"))) == 1


def test_im2rec_feeds_the_reader(folder):
    packed(folder, pack_label=1)
    reader = readers.create(
        "ImageRecordIter",
        {"path_imgrec": str(folder / "x.rec"), "data_shape": (3, 28, 28), "batch_size": 3, "label_width": 2},
    )
    assert reader.next() and reader.value["label"].tolist() == [[0.5, 1], [1.5, 2], [2.5, 3]]


@pytest.mark.parametrize(
    "how, message",
    [
        ({"encoding": ".gif"}, 'must be ".jpg" or ".png"'),
        ({"color_mode": 2}, "color_mode must be"),
        ({"label_width": 1, "pack_label": 1}, "pack_label is for"),
        ({"label_width": 3}, "line 1: an id, 3 labels"),
        ({"partid": 1}, "of 1 parts"),
        ({"inter_method": 7}, "inter_method must be"),
    ],
)
def test_im2rec_says_what_is_wrong(folder, how, message):
    with pytest.raises(MxError) as e:
        packed(folder, **how)
    assert message in str(e.value) and not (folder / "x.rec").exists()


def test_im2rec_names_the_line_of_a_bad_image(folder):
    (folder / "pic 1.png").write_bytes(b"not an image")
    with pytest.raises(MxError, match=r"x\.lst, line 2: pic 1\.png is not an image"):
        packed(folder)
    (folder / "pic 1.png").unlink()
    with pytest.raises(MxError, match=r"x\.lst, line 2: cannot read .*end root with /"):
        packed(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["pic 0.png", "pic 2.png", "x.lst"]


# ------------------------------------------------------------------------------------------- pixels and draws


def test_resizing_keeps_constant_images():
    image = np.full((9, 13, 3), 200, np.uint8)
    for method in range(5):
        for size in ((9, 13), (18, 26), (5, 7), (30, 4)):
            assert (resize.resize(image, *size, method) == 200).all()


def test_warping_by_nothing_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    assert (pixels.warp(image, np.array([[1, 0, 0], [0, 1, 0]], np.float32), 12, 9, 0) == image).all()
    moved = pixels.warp(image, np.array([[1, 0, 2], [0, 1, 3]], np.float32), 12, 9, 7)
    assert (moved[3:, 2:] == image[:-3, :-2]).all() and (moved[:3] == 7).all()


def test_hls_and_back_is_nearly_the_same():
    image = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    # hue has 180 steps only: colours move by a few
    assert np.abs(pixels.from_hls(pixels.to_hls(image)).astype(int) - image).max() <= 5


def test_draws_are_the_librarys():
    engine = Engine(5489)
    for _ in range(9999):
        engine.draw()
    assert engine.draw() == 4123659995  # the ten thousandth number of std::mt19937, from the C++ standard
    order = list(range(10))
    Engine(1).shuffle(order)
    assert order == [6, 9, 7, 2, 4, 1, 5, 3, 8, 0]
