"""The readers of files against MXNet's own answers (tests/reference/iterators.py), and their errors for wrong
files."""

import gzip
import json
import struct
import tracemalloc
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxr import native
from mxr.io import numbers, readers, recordio
from mxr.io.images import decode
from mxr.io.readers import base
from mxr.operator import MxError
from mxr.runtime import costs, threads
from tests.reference.iterators import CASES, FOLDER, located, summary

ANSWERS = json.loads((FOLDER / "answers.json").read_text())
# MXNet's second ImageRecordIter reports, from the second pass on, paddings of earlier batches; with
# round_batch = False, none
_PAD_IS_STALE = ("ImageRecordIter", "ImageRecordUInt8Iter", "ImageRecordInt8Iter")


def passes(reader, script):
    found = []
    for step in script:
        if step == "r":
            reader.reset()
        elif step != "s":
            found.append([])
            while reader.next():
                found[-1].append(summary(reader.value["data"], reader.value["label"], reader.num_pad))
                if step == "n":
                    break
    return found


@pytest.mark.parametrize(
    "number, core",
    [(n, core) for n, case in enumerate(CASES) for core in (True, False) if core or case[0] != "MNISTIter"],
)
def test_batches_are_mxnets(number, core, tmp_path, monkeypatch):
    if not core:
        monkeypatch.setattr(native, "vectors", "")
    kind, script, args = CASES[number]
    got, want = passes(readers.create(kind, located(args, str(tmp_path))), script), deepcopy(ANSWERS[number])
    assert [len(batches) for batches in got] == [len(batches) for batches in want]
    for n, (ours, theirs) in enumerate(zip(got, want)):
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a.pop("sums"), b.pop("sums"), rtol=1e-9)
            np.testing.assert_allclose(a.pop("label"), b.pop("label"), rtol=1e-6)
            if n and kind in _PAD_IS_STALE:
                b["pad"] = a["pad"]
            assert a == b


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(threads):
    args = {
        "path_imgrec": str(FOLDER / "images.rec"),
        "data_shape": (3, 24, 24),
        "batch_size": 4,
        "rand_crop": True,
        "preprocess_threads": threads,
    }
    assert passes(readers.create("ImageRecordIter", args), "ar") == passes(
        readers.create("ImageRecordIter", args | {"preprocess_threads": 2}), "ar"
    )


def test_mean_image_is_mxnets_file(tmp_path):
    readers.create(
        "ImageRecordIter",
        {
            "path_imgrec": str(FOLDER / "images.rec"),
            "data_shape": (3, 24, 26),
            "batch_size": 3,
            "mean_img": str(tmp_path / "mean.bin"),
        },
    )
    assert (tmp_path / "mean.bin").read_bytes() == (FOLDER / "mean.bin").read_bytes()


def test_packed_objects_are_those_of_the_list(tmp_path):
    lines = [line.split("\t") for line in (FOLDER / "objects.lst").read_text().splitlines()]
    with open(tmp_path / "packed.rec", "wb") as file:
        writer = recordio.Writer(file)
        for record, fields in zip(recordio.Reader(FOLDER / "images.rec"), lines):
            header, image = recordio.unpack(record)
            writer.write(recordio.pack(recordio.Header(np.array(fields[1:-1], np.float32), header.id), image))
    args = {"data_shape": (3, 20, 20), "batch_size": 3, "shuffle": True}
    assert passes(
        readers.create("ImageDetRecordIter", args | {"path_imgrec": str(tmp_path / "packed.rec")}), "ara"
    ) == passes(
        readers.create(
            "ImageDetRecordIter",
            args | {"path_imgrec": str(FOLDER / "images.rec"), "path_imglist": str(FOLDER / "objects.lst")},
        ),
        "ara",
    )


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.floats(width=32),
            st.integers(-(10**30), 10**30),
            st.decimals(allow_nan=False, allow_infinity=False, places=7).map(str),
        ),
        min_size=1,
    )
)
def test_numbers_equal_those_that_python_reads(values):
    text = ",".join(map(str, values)).encode()
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(
            numbers.parse(text).astype(np.float32), np.array([float(v) for v in values]).astype(np.float32)
        )


@pytest.mark.parametrize(
    "text", [b"", b"1,,2", b"1,2-", b"--1", b"-", b"1.2.3", b".", b"1_0", b"1 2", b"1,x", b"0x10"]
)
def test_what_is_no_number(text):
    with pytest.raises(ValueError):
        numbers.parse(text)


def test_blank_lines_and_line_ends(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbf1,2\r\n\r\n 3 ,4e0\n\n\n-5,.6")
    reader = readers.create(
        "CSVIter", {"data_csv": str(tmp_path / "x.csv"), "data_shape": (2,), "batch_size": 3}
    )
    assert reader.next() and reader.value["data"].tolist() == [[1, 2], [3, 4], [-5, np.float32(0.6)]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_pieces_of_text_are_whole_lines(end, tmp_path, monkeypatch):
    lines = [f"{i},{i * i}" for i in range(40)]
    (tmp_path / "x.csv").write_text(end.join(lines), newline="")
    for size in (1, 2, 3, 7, 64, 1000):
        monkeypatch.setattr(costs, "TEXT_BLOCK", size)
        pieces = list(base.pieces(str(tmp_path / "x.csv")))
        assert all(p.endswith((b"\n", b"\r")) for p in pieces[:-1])
        assert [x.decode() for p in pieces for x in p.splitlines()] == lines
        numbered = [
            (n, x.decode())
            for first, block in base.blocks(str(tmp_path / "x.csv"))
            for n, x in enumerate(block, first)
        ]
        assert numbered == list(enumerate(lines, 1))


def test_compressed_mnist_files(tmp_path):
    paths = {}
    for what, name in (("image", "images.ubyte"), ("label", "labels.ubyte")):
        paths[what] = str(tmp_path / f"{name}.gz")
        Path(paths[what]).write_bytes(gzip.compress((FOLDER / name).read_bytes()))
    plain = {"image": str(FOLDER / "images.ubyte"), "label": str(FOLDER / "labels.ubyte")}
    assert passes(readers.create("MNISTIter", paths | {"batch_size": 3}), "a") == passes(
        readers.create("MNISTIter", plain | {"batch_size": 3}), "a"
    )


def test_a_broken_off_batch_can_be_read_again(monkeypatch):
    args = {"path_imgrec": str(FOLDER / "images.rec"), "data_shape": (3, 24, 24), "batch_size": 3}
    want = passes(readers.create("ImageRecordIter", args), "a")
    reader = readers.create("ImageRecordIter", args)
    with monkeypatch.context() as m:
        m.setattr(type(reader), "_prepared", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            reader.next()
    assert passes(reader, "a") == want


def test_a_damaged_record_is_an_error_of_its_batch(tmp_path):
    path = tmp_path / "images.rec"
    path.write_bytes((FOLDER / "images.rec").read_bytes())
    offsets = list(recordio.Reader(path).offsets())
    content = bytearray(path.read_bytes())
    content[offsets[3] + 60 : offsets[3] + 90] = bytes(30)
    path.write_bytes(content)
    args = {"path_imgrec": str(path), "data_shape": (3, 24, 24), "batch_size": 2, "preprocess_threads": 2}
    reader = readers.create("ImageRecordIter", args)
    assert reader.next()
    for _ in range(2):
        with pytest.raises(MxError, match=f"byte {offsets[3]}"):
            reader.next()


def test_the_next_batch_is_decoded_ahead(monkeypatch):
    args = {"path_imgrec": str(FOLDER / "images.rec"), "data_shape": (3, 24, 24), "batch_size": 3}
    monkeypatch.setattr(threads, "_count", 2)
    reader = readers.create("ImageRecordIter", args | {"preprocess_threads": 2})
    assert reader.next() and list(reader._decoding) == reader.order.at_hand(3)
    ahead = [wait()[2] for wait in reader._decoding.values()]
    decoded = []
    monkeypatch.setattr(
        type(reader), "sample", lambda self, number, *record: decoded.append(record[-1]) or (len, np.zeros(1))
    )
    assert reader.next() and all(a is b for a, b in zip(decoded, ahead, strict=True))
    reader.reset()
    assert reader.next() and not any(a is b for a, b in zip(decoded[3:], ahead))


def test_a_batch_in_memory_not_the_file(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "noise.rec", "wb") as file:
        writer = recordio.Writer(file)
        for i in range(40):
            writer.write(
                recordio.pack(
                    recordio.Header(0.0, i),
                    decode.encode(rng.integers(0, 256, (320, 320, 3), np.uint8), ".png", 0),
                )
            )
    reader = readers.create(
        "ImageRecordIter",
        {"path_imgrec": str(tmp_path / "noise.rec"), "data_shape": (3, 16, 16), "batch_size": 2},
    )
    tracemalloc.start()
    while reader.next():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (tmp_path / "noise.rec").stat().st_size / 4


@pytest.mark.parametrize(
    "kind, args",
    [
        ("CSVIter", {"data_csv": str(FOLDER / "data.csv"), "data_shape": (3,)}),
        ("LibSVMIter", {"data_libsvm": str(FOLDER / "data.svm"), "data_shape": (3,)}),
    ],
)
def test_writing_into_a_batch_changes_nothing_else(kind, args):
    reader = readers.create(kind, args | {"batch_size": 2})
    want = passes(reader, "a")
    reader.reset()
    while reader.next():
        for array in reader.value.values():
            array[...] = 7
    reader.reset()
    assert passes(reader, "a") == want


def _idx(shape, data=b"", magic=8):
    return bytes([0, 0, magic, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


FILES = [  # reader, parameters, the file, a part of the message
    (
        "CSVIter",
        {"data_csv": "f", "data_shape": (3,), "batch_size": 1},
        b"1,2,3\n1,2\n",
        "line 2 has 2 values",
    ),
    (
        "CSVIter",
        {"data_csv": "f", "data_shape": (3,), "batch_size": 1},
        b"1,2,3\n\n1,x,3\n",
        "line 3: 'x' is not a number",
    ),
    (
        "CSVIter",
        {"data_csv": "f", "data_shape": (3,), "batch_size": 1},
        b"1,2,3\n1,,3\n",
        "line 2: '' is not a number",
    ),
    ("CSVIter", {"data_csv": "f", "data_shape": (2,), "batch_size": 1}, b"a,b\n1,2\n", "col.names = FALSE"),
    (
        "CSVIter",
        {"data_csv": "f", "data_shape": (1,), "batch_size": 3},
        b"1\n",
        "a batch of 3 cannot be filled",
    ),
    (
        "LibSVMIter",
        {"data_libsvm": "f", "data_shape": (3,), "batch_size": 1},
        b"1 0:1\n2 5:1\n",
        "line 2 has index 5",
    ),
    (
        "LibSVMIter",
        {"data_libsvm": "f", "data_shape": (3,), "batch_size": 1},
        b"1 0:1\n2 x:1\n",
        "line 2 is not a label",
    ),
    ("MNISTIter", {"image": "f", "label": "f"}, b"\x89PNG", "is not a file in MNIST's format"),
    ("MNISTIter", {"image": "f", "label": "f"}, _idx((2**31, 2**31, 2**31)), "is cut off"),
    (
        "MNISTIter",
        {"image": "f", "label": "f"},
        gzip.compress(_idx((2**31, 2**31, 2**31), b"abc"), mtime=0),
        "more than a compressed file of",
    ),
    (
        "MNISTIter",
        {"image": "f", "label": "f"},
        gzip.compress(_idx((2, 2, 2), b"abc"), mtime=0),
        "is cut off",
    ),
    (
        "MNISTIter",
        {"image": "f", "label": "f"},
        gzip.compress(_idx((2, 2, 2), b"abc"), mtime=0)[:-12],
        "cannot read",
    ),
    (
        "ImageRecordIter",
        {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1},
        b"no records at all",
        "magic number",
    ),
    (
        "ImageRecordIter",
        {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1},
        recordio.MAGIC + struct.pack("<I", 2**28),
        "announces 268435456 bytes",
    ),
    (
        "ImageRecordIter",
        {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1},
        recordio.MAGIC + struct.pack("<I", 4) + b"abcd",
        "too few for the header",
    ),
    (
        "ImageRecordIter",
        {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1},
        recordio.MAGIC + struct.pack("<I", 28) + struct.pack("<IfQQ", 2**30, 0, 1, 0) + b"abcd",
        "announces 1073741824 labels",
    ),
    (
        "ImageRecordIter",
        {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1},
        recordio.MAGIC + struct.pack("<I", 28) + struct.pack("<IfQQ", 0, 0, 7, 0) + b"abcd",
        "(image 7) is not an image",
    ),
    ("ImageRecordIter", {"path_imgrec": "f", "data_shape": (3, 8, 8), "batch_size": 1}, b"", "is empty"),
]


@pytest.mark.parametrize("kind, args, content, message", FILES)
def test_wrong_files(kind, args, content, message, tmp_path):
    path = tmp_path / "the file"
    path.write_bytes(content)
    with pytest.raises(MxError) as e:
        readers.create(kind, {k: str(path) if v == "f" else v for k, v in args.items()}).next()
    assert message in str(e.value)
    assert "the file" in str(e.value) or "cannot be filled" in message


@pytest.mark.parametrize(
    "kind, args, message",
    [
        (
            "CSVIter",
            {"data_csv": "x", "data_shape": (3,), "batchsize": 3},
            'unknown parameter batchsize; did you mean "batch_size"',
        ),
        ("CSVIter", {"data_csv": "x", "data_shape": (3,)}, "batch_size is required"),
        (
            "CSVIter",
            {"data_csv": "not there", "data_shape": (3,), "batch_size": 1},
            "there is no file not there",
        ),
        (
            "ImageRecordIter",
            {"path_imgrec": "not there", "data_shape": (3, 8, 8), "batch_size": 1},
            "not there",
        ),
        (
            "ImageRecordIter",
            {"path_imgrec": "x", "data_shape": (2, 8, 8), "batch_size": 1},
            "1, 3 or 4 channels",
        ),
        ("ImageRecordIter", {"path_imgrec": "x", "data_shape": (3, 8, 8), "batch_size": 0}, "at least 1"),
        (
            "ImageDetRecordIter",
            {"path_imgrec": str(FOLDER / "images.rec"), "data_shape": (3, 8, 8), "batch_size": 1},
            "no packed label",
        ),
        (
            "ImageRecordIter",
            {
                "path_imgrec": str(FOLDER / "images.rec"),
                "data_shape": (3, 8, 8),
                "batch_size": 1,
                "label_width": 2,
            },
            "has 1 label, label.width is 2",
        ),
        ("NoIter", {}, "there is no reader NoIter"),
    ],
)
def test_parameters_that_do_not_fit(kind, args, message):
    with pytest.raises(MxError) as e:
        readers.create(kind, args).next()
    assert message in str(e.value)


def test_parameters_of_other_readers_are_ignored():
    args = {
        "image": str(FOLDER / "images.ubyte"),
        "label": str(FOLDER / "labels.ubyte"),
        "batch_size": 3,
        "data_shape": (12,),
        "input_shape": (1, 4, 3),
        "silent": 0,
        "round_batch": True,
    }
    assert readers.create("MNISTIter", args).next()


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MxError, match=r"pip install 'mxr\[images\]'"):
        readers.create(
            "ImageRecordIter",
            {"path_imgrec": str(FOLDER / "images.rec"), "data_shape": (3, 8, 8), "batch_size": 1},
        )


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=200),
    st.sampled_from(["CSVIter", "LibSVMIter", "MNISTIter", "ImageRecordIter", "ImageDetRecordIter"]),
    st.booleans(),
)
def test_random_bytes_never_crash(tmp_path_factory, content, kind, begins_well):
    path = tmp_path_factory.mktemp("random") / "file"
    path.write_bytes(
        (recordio.MAGIC + b"\x20\0\0\0" if "Image" in kind else b"\0\0\x08\x03") * begins_well + content
    )
    paths = dict.fromkeys(("data_csv", "data_libsvm", "image", "label", "path_imgrec"), str(path))
    try:
        reader = readers.create(
            kind, paths | {"data_shape": (3, 4, 4) if "Image" in kind else (3,), "batch_size": 1}
        )
        while reader.next():
            pass
    except MxError:
        pass


# Texts that MXNet misreads, by name: mxr rejects them, or reads them correctly.
MISREAD = {
    "hex": "0x10 is read as 0",
    "trailing": "2x is read as 2",
    "1d": "1d2 is read as 1",
    "1f": "1f is read as 1",
    "bigexp": "1e40 is read as 1e38, 1e-50 as 1e-38",
}
# texts, and what MXNet 1.9.1's CSVIter gives: rows, or an error (null)
CSV_TEXTS = json.loads((FOLDER / "csv.json").read_text())


@pytest.mark.parametrize("core", [True, False])
@pytest.mark.parametrize("name", CSV_TEXTS)
def test_csv_as_tolerant_as_mxnet(name, core, tmp_path, monkeypatch):
    if not core:
        monkeypatch.setattr(native, "vectors", "")
    (tmp_path / "x.csv").write_text(CSV_TEXTS[name]["text"], newline="")
    try:
        reader = readers.create(
            "CSVIter",
            {"data_csv": str(tmp_path / "x.csv"), "data_shape": (3,), "batch_size": 1, "round_batch": False},
        )
        rows = []
        while reader.next():
            rows.append(np.asarray(reader.value["data"])[0].tolist())
    except MxError:
        rows = None
    theirs = CSV_TEXTS[name]["mxnet"]
    if name in MISREAD:
        assert theirs is not None and json.dumps(rows) != json.dumps(theirs)
    elif theirs is not None:
        assert json.dumps(rows) == json.dumps(theirs)  # NaN is NaN
    elif name != "only blank line":  # a line of blanks, which is skipped
        assert rows is None
