"""im2rec: packs the images of a list into a RecordIO file."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import numpy as np

from mxr.io import recordio
from mxr.io.files import replacing
from mxr.io.images import decode, resize
from mxr.io.images.augment import shorter_edge
from mxr.io.readers.base import blocks
from mxr.operator import MxError
from mxr.random.cpp_engine import Engine
from mxr.runtime import progress


def _check(color_mode: int, encoding: str, inter_method: int) -> None:
    if color_mode not in (-1, 0, 1):
        raise MxError(f"im2rec: color_mode must be 1, 0 or -1, not {color_mode}")
    if encoding not in (".jpg", ".png"):
        raise MxError(f'im2rec: encoding must be ".jpg" or ".png", not "{encoding}"')
    if inter_method not in resize.METHODS:
        raise MxError(
            f"im2rec: inter_method must be one of {', '.join(map(str, resize.METHODS))}, not {inter_method}"
        )


def im2rec(
    image_lst: str,
    root: str,
    output_rec: str,
    label_width: int = 1,
    pack_label: int = 0,
    new_size: int = -1,
    nsplit: int = 1,
    partid: int = 0,
    center_crop: int = 0,
    quality: int = 95,
    color_mode: int = 1,
    unchanged: int = 0,
    inter_method: int = 1,
    encoding: str = ".jpg",
) -> int:
    """Write the images of a list to the RecordIO file `output_rec`, and return their number.

    Each line of `image_lst` has an id, `label_width` labels and a path, which is appended to `root`. With
    `nsplit` > 1, part number `partid` is written, to `output_rec` with `.part000` and so on at its end.
    `color_mode`: 1 colour, 0 grey, -1 like the file. MxError names the line that is wrong.
    """
    _check(color_mode, encoding, inter_method)
    if pack_label and label_width <= 1:
        raise MxError("im2rec: pack_label is for several labels: set label_width to their number")
    if not 0 <= partid < nsplit:
        raise MxError(f"im2rec: partid is {partid}, of {nsplit} parts counted from 0")
    if encoding == ".png" and quality > 9:
        quality = 3
    if nsplit > 1:
        output_rec = f"{output_rec}.part{partid:03d}"
    entries = list(_entries(image_lst, label_width))
    size = -(-len(entries) // nsplit)
    engine = Engine(int.from_bytes(os.urandom(4), "little")) if inter_method == resize.RANDOM else None
    mine = entries[size * partid : size * (partid + 1)]
    with replacing(output_rec) as file:
        writer = recordio.Writer(file)
        for done, (where, number, labels, path) in enumerate(mine):
            progress.report(f"im2rec: image {done + 1} of {len(mine)}", done, len(mine))
            content = _content(root + path, where)
            if not unchanged:
                image = _shaped(
                    _decoded(content, color_mode, f"im2rec: {where}: {path}"),
                    new_size,
                    center_crop,
                    inter_method,
                    engine,
                )
                content = decode.encode(image, encoding, quality)
            writer.write(_head(number, labels, bool(pack_label)) + content)
    return len(mine)


def _entries(path: str, width: int) -> Iterator[tuple[str, int, np.ndarray, str]]:
    """(line for messages, id, labels, image path) of a list file."""
    if not os.path.exists(path):
        raise MxError(f"im2rec: there is no list file {path}")
    for first, lines in blocks(path):
        for n, line in enumerate(lines, first):
            fields = os.fsdecode(line).split(None, 1 + width)
            if not fields:
                continue
            where = f"{path}, line {n}"
            try:
                number, name = int(fields[0]), fields[1 + width].strip()
                labels = [float(x) for x in fields[1 : 1 + width]]
            except (ValueError, IndexError):
                raise MxError(
                    f"im2rec: {where}: an id, {width} label{'s' * (width != 1)} and a path are expected"
                ) from None
            yield where, number, np.array(labels, "<f4"), name


def _content(path: str, where: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as e:
        raise MxError(
            f"im2rec: {where}: cannot read {path}: {e.strerror or e}; "
            "the path is root followed by the path in the list: end root with /"
        ) from None


def _decoded(content: bytes, color_mode: int, where: str) -> np.ndarray:
    if color_mode >= 0:
        return decode.decode(content, 3 if color_mode else 1, where)
    return decode.decode(content, decode.channels(content, where), where)


def _shaped(
    image: np.ndarray, new_size: int, center_crop: int, method: int, engine: Engine | None
) -> np.ndarray:
    if new_size <= 0:
        return image
    if center_crop:
        h, w = image.shape[:2]
        side = min(h, w)
        image = image[(h - side) // 2 : (h - side) // 2 + side, (w - side) // 2 : (w - side) // 2 + side]
    if min(image.shape[:2]) == new_size:
        return image
    return shorter_edge(image, new_size, method, engine)


def _head(number: int, labels: np.ndarray, pack: bool) -> bytes:
    """The record's header. The first label is in its fixed part, even if all labels follow."""
    head = struct.pack("<IfQQ", len(labels) if pack else 0, labels[0], number, 0)
    return head + labels.tobytes() if pack else head
