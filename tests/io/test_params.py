"""Files of arrays: written byte for byte as MXNet writes them, read in every format it wrote, and safe on
garbage."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxr.io import params
from mxr.operator import MxError

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("name", ["named", "unnamed", "types", "empty"])
def test_mxnets_files_survive_unchanged(name, tmp_path):
    source = DATA / f"{name}.params"
    params.save(tmp_path / "copy", params.load(source))
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_contents():
    arrays = params.load(DATA / "named.params")
    assert list(arrays) == ["arg:fc1_weight", "arg:fc1_bias", "aux:bn_moving_mean"]
    assert [a.shape for a in arrays.values()] == [(3, 4), (3,), (2, 1, 3)]
    assert arrays["arg:fc1_weight"][0, 0] == np.float32(35.772568)
    assert isinstance(params.load(DATA / "unnamed.params"), list)
    for name, array in params.load(DATA / "types.params").items():
        assert array.dtype == name and array.flags.writeable and array.dtype.isnative


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_formats_of_older_releases(version):
    old, new = params.load(DATA / f"{version}.params"), params.load(DATA / "named.params")
    assert list(old) == list(new)
    assert all((old[k] == new[k]).all() for k in new)


def test_numpy_shape_format():
    arrays = params.load(DATA / "v3.params")
    assert arrays["scalar"].shape == () and arrays["scalar"] == 2.5
    assert arrays["none"].shape == (0, 3) and arrays["x"].shape == (2, 3)


@pytest.mark.parametrize(("name", "kind"), [("sparse", "row_sparse"), ("sparse_csr", "csr")])
def test_sparse_arrays_are_refused(name, kind):
    with pytest.raises(MxError, match=rf"{name}.params.*{kind} array"):
        params.load(DATA / f"{name}.params")


@pytest.mark.parametrize("name", ["named", "types", "v0", "v1", "v3"])
def test_cut_files(name, tmp_path):
    whole = (DATA / f"{name}.params").read_bytes()
    for n in range(len(whole)):
        (tmp_path / "cut.params").write_bytes(whole[:n])
        with pytest.raises(MxError, match="cut.params"):
            params.load(tmp_path / "cut.params")


def test_sizes_are_checked_before_memory_is_taken(tmp_path):
    file = tmp_path / "huge.params"
    file.write_bytes(struct.pack("<QQQ", 0x112, 0, 1 << 60) + bytes(100))
    with pytest.raises(MxError, match="announces more"):
        params.load(file)
    head = struct.pack("<Iii2qiii", 0xF993FAC9, 0, 2, 1 << 40, 1 << 40, 1, 0, 0)
    file.write_bytes(struct.pack("<QQQ", 0x112, 0, 1) + head + bytes(100))
    with pytest.raises(MxError, match="too early"):
        params.load(file)
    head = struct.pack("<Iii2qiii", 0xF993FAC9, 0, 2, 0, 1 << 62, 1, 0, 0)
    file.write_bytes(struct.pack("<QQQ", 0x112, 0, 1) + head + bytes(8))
    with pytest.raises(MxError, match="has the shape"):
        params.load(file)
    file.write_bytes(struct.pack("<QQQQQ", 0x112, 0, 0, 1, 1 << 50))
    with pytest.raises(MxError, match=r"huge\.params"):
        params.load(file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_garbage_never_crashes(data, tmp_path_factory):
    whole = bytearray(
        (DATA / data.draw(st.sampled_from(["named", "v0", "v1", "v3", "types"])))
        .with_suffix(".params")
        .read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "garbage.params"
    file.write_bytes(whole)
    try:
        params.load(file)
    except MxError as e:
        assert "garbage.params" in str(e)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(MxError, match=r"nowhere\.params: No such file"):
        params.load(tmp_path / "nowhere.params")
    with pytest.raises(MxError, match="cannot read"):
        params.load(tmp_path)
    (tmp_path / "note.txt").write_text("this is a note, and longer than a header")
    with pytest.raises(MxError, match=r"note\.txt: it is not a file of MXNet arrays"):
        params.load(tmp_path / "note.txt")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    file = tmp_path / "w.params"
    params.save(file, {"x": np.ones(3, np.float32)})
    before = file.read_bytes()
    with pytest.raises(MxError, match="complex64"):
        params.save(file, {"x": np.ones(3, np.complex64)})
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]
    with pytest.raises(MxError, match="cannot write"):
        params.save(tmp_path / "no" / "such" / "folder", [])


def test_any_layout_is_written_in_order(tmp_path):
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    arrays = {
        "transposed": x.T,
        "sliced": x[:, ::2, 1:],
        "swapped": x.astype(">f4"),
        "scalar": np.float32(3),
        "none": x[:0],
        "flags": x > 3,
    }
    params.save(tmp_path / "w", arrays)
    back = params.load(tmp_path / "w")
    for name, array in arrays.items():
        assert (back[name] == array).all() and back[name].shape == (np.shape(array) or (1,))
