"""What MXNet's own file iterators give for small files: `python -m tests.reference.iterators` asks them (with
the oracle's Python) and writes tests/data/io/answers.json, which tests/io/test_readers.py compares mxr's
readers with."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "data" / "io"
_IMAGES = {"path_imgrec": "images.rec", "data_shape": (3, 24, 26), "batch_size": 3, "preprocess_threads": 1}
_BOXES = _IMAGES | {"path_imglist": "objects.lst"}
_CROPS = {"rand_crop_prob": 0.9, "min_crop_scales": 0.3, "max_crop_scales": 0.9}

# (iterator, what to do: a pass, r reset, n one batch, s wait; parameters). A path is in FOLDER; one that
# begins with new is written.
CASES = [
    (
        "CSVIter",
        "arara",
        {"data_csv": "data.csv", "data_shape": (3,), "label_csv": "label.csv", "batch_size": 3},
    ),
    ("CSVIter", "arara", {"data_csv": "data.csv", "data_shape": (3,), "batch_size": 3, "round_batch": False}),
    ("CSVIter", "nsrara", {"data_csv": "data.csv", "data_shape": (3,), "batch_size": 3}),
    ("CSVIter", "aa", {"data_csv": "data.csv", "data_shape": (1, 3), "batch_size": 10}),
    (
        "CSVIter",
        "a",
        {
            "data_csv": "data.csv",
            "data_shape": (3,),
            "label_csv": "label.csv",
            "batch_size": 2,
            "dtype": "int32",
        },
    ),
    *(
        ("MNISTIter", "arna", {"image": "images.ubyte", "label": "labels.ubyte", "batch_size": 3, "seed": s})
        for s in (0, 1, 10)
    ),
    (
        "MNISTIter",
        "ara",
        {"image": "images.ubyte", "label": "labels.ubyte", "batch_size": 4, "shuffle": False, "flat": True},
    ),
    (
        "MNISTIter",
        "a",
        {"image": "images.ubyte", "label": "labels.ubyte", "batch_size": 2, "num_parts": 3, "part_index": 1},
    ),
    ("LibSVMIter", "arara", {"data_libsvm": "data.svm", "data_shape": (3,), "batch_size": 3}),
    (
        "LibSVMIter",
        "ara",
        {
            "data_libsvm": "data.svm",
            "data_shape": (3,),
            "label_libsvm": "label.svm",
            "label_shape": (3,),
            "batch_size": 3,
        },
    ),
    *(
        ("ImageRecordIter", "arara", _IMAGES | more)
        for more in (
            {},
            {"path_imgrec": "photos.rec"},
            {"shuffle": True, "seed": 3},
            {"shuffle": True, "seed": 1, "path_imgidx": "images.idx"},
            {"rand_crop": True, "rand_mirror": True},
            {"rand_mirror": True, "seed_aug": 5},
            {"rand_mirror": True, "shuffle": True, "seed_aug": 5},
            {"rand_crop": True, "rand_mirror": True, "shuffle": True, "path_imgidx": "images.idx"},
            {
                "mirror": True,
                "mean_r": 10,
                "mean_g": 20,
                "mean_b": 30,
                "std_r": 2,
                "std_g": 3,
                "std_b": 4,
                "scale": 0.5,
            },
            {"max_random_contrast": 0.3, "max_random_illumination": 10, "scale": 0.1, "mean_r": 3},
            {"mean_img": "new1.bin", "rand_crop": True, "rand_mirror": True},
            {"mean_img": "mean.bin", "scale": 0.5},
            {"num_parts": 2, "part_index": 0},
            {"num_parts": 2, "part_index": 1},
            {"path_imgrec": "grey.rec", "data_shape": (1, 24, 26)},
            {"path_imgrec": "grey.rec"},
            {"path_imgrec": "alpha.rec", "data_shape": (4, 24, 26), "batch_size": 1, "mean_a": 5},
            {"path_imgrec": "labels.rec", "label_width": 3},
            {"path_imglist": "labels.lst", "label_width": 2},
            {"dtype": "uint8"},
        )
    ),
    *(
        ("ImageRecordIter", "ara", _IMAGES | {"resize": 32, "inter_method": m})
        for m in (0, 1, 2, 3, 4, 9, 10)
    ),
    *(
        ("ImageRecordIter", "ara", _IMAGES | more)
        for more in (
            {"data_shape": (3, 60, 50), "rand_crop": True},
            {"max_crop_size": 26, "min_crop_size": 20, "rand_crop": True},
            {"max_crop_size": 26, "min_crop_size": 20},
            {"max_rotate_angle": 20},
            {"rotate": 30, "fill_value": 10},
            {
                "random_resized_crop": True,
                "min_random_area": 0.2,
                "max_random_area": 0.8,
                "min_aspect_ratio": 0.75,
                "max_aspect_ratio": 1.33,
            },
            {
                "max_shear_ratio": 0.2,
                "max_random_scale": 1.2,
                "min_random_scale": 0.8,
                "max_aspect_ratio": 0.25,
            },
            *(
                {"max_rotate_angle": 30, "max_shear_ratio": 0.1, "fill_value": 17, "inter_method": m}
                for m in (2, 3, 4, 9, 10)
            ),
            {"rotate_list": "0,90,45"},
            {"max_rotate_angle": 20, "min_img_size": 40, "max_img_size": 60},
            {"pad": 4, "rand_crop": True, "fill_value": 127},
            {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
            {"random_h": 36, "random_s": 50, "random_l": 50},
            {"pca_noise": 0.1},
        )
    ),
    ("ImageRecordInt8Iter", "ara", _IMAGES | {"mean_img": "mean.bin", "rand_mirror": True}),
    ("ImageRecordInt8Iter", "ara", _IMAGES | {"mean_r": 100.5, "mean_g": 3}),
    ("ImageRecordUInt8Iter", "ara", _IMAGES | {"rand_mirror": True, "rand_crop": True}),
    ("ImageRecordIter_v1", "arara", _IMAGES | {"shuffle": True, "seed": 3}),
    (
        "ImageRecordIter_v1",
        "ara",
        _IMAGES
        | {
            "rand_mirror": True,
            "rand_crop": True,
            "seed": 4,
            "scale": 0.3,
            "max_random_contrast": 0.3,
            "mean_r": 3,
        },
    ),
    ("ImageRecordIter_v1", "ara", _IMAGES | {"mean_img": "new3.bin", "mirror": True}),
    ("ImageRecordUInt8Iter_v1", "ara", _IMAGES | {"rand_crop": True}),
    *(
        ("ImageDetRecordIter", "ara", _BOXES | more)
        for more in (
            {},
            {"shuffle": True, "seed": 2},
            {"mean_r": 10, "mean_g": 20, "std_b": 3, "scale": 0.5},
            {"label_pad_width": 20, "label_pad_value": -7},
            {"rand_mirror_prob": 0.5},
            {"rand_pad_prob": 0.8, "max_pad_scale": 2},
            {"resize_mode": "shrink"},
            {"resize_mode": "fit"},
            _CROPS | {"min_crop_aspect_ratios": 0.5, "max_crop_aspect_ratios": 2, "min_crop_overlaps": 0.1},
            _CROPS
            | {
                "num_crop_sampler": 2,
                "min_crop_scales": (0.3, 0.4),
                "min_crop_object_coverages": (0.2, 0.5),
                "crop_emit_mode": "overlap",
            },
            _CROPS
            | {
                "min_crop_sample_coverages": 0.1,
                "max_crop_sample_coverages": 0.9,
                "rand_mirror_prob": 0.5,
                "rand_pad_prob": 0.5,
                "max_pad_scale": 3,
            },
            {
                "random_hue_prob": 0.5,
                "max_random_hue": 20,
                "random_saturation_prob": 0.5,
                "max_random_saturation": 30,
                "random_illumination_prob": 0.5,
                "max_random_illumination": 30,
                "random_contrast_prob": 0.5,
                "max_random_contrast": 1,
            },
            {"resize": 50, "inter_method": 9},
            {"mean_img": "new4.bin"},
        )
    ),
]


def located(args: dict, new: str) -> dict:
    """Parameters with whole paths; files that are written go to the folder `new`."""

    def path(value):
        if isinstance(value, str) and value.startswith("new"):
            return os.path.join(new, value)
        return str(FOLDER / value) if isinstance(value, str) and (FOLDER / value).is_file() else value

    return {k: path(v) for k, v in args.items()}


def summary(data: np.ndarray, label: np.ndarray, pad: int) -> dict:
    """A batch in few numbers, among them sums that depend on the place of every value."""
    weights = 1 + np.arange(data[0].size) % 251
    return {
        "shape": list(data.shape),
        "dtype": str(data.dtype),
        "label": np.asarray(label, np.float64).round(6).tolist(),
        "pad": pad,
        "sums": [float(np.dot(x.astype(np.float64).ravel(), weights)) for x in data],
    }


def _ask(kind: str, script: str, args: dict) -> list:
    import time

    import mxnet as mx

    def plain(self, handle, **_):  # without the batch that the Python class reads ahead
        self.handle, self.first_batch, self._debug_skip_load, self._debug_at_begin = handle, None, False, True

    mx.io.io.MXDataIter.__init__ = plain
    it, passes = getattr(mx.io, kind)(**args), []
    for step in script:
        if step == "r":
            it.reset()
        elif step == "s":
            time.sleep(0.3)
        else:
            passes.append([])
            while it.iter_next():
                passes[-1].append(summary(it.getdata().asnumpy(), it.getlabel().asnumpy(), it.getpad()))
                if step == "n":
                    break
    return passes


def _main() -> None:
    with tempfile.TemporaryDirectory() as new:
        answers = [_ask(kind, script, located(args, new)) for kind, script, args in CASES]
    text = "[\n" + ",\n".join(json.dumps(a, separators=(",", ":")) for a in answers) + "\n]\n"
    (FOLDER / "answers.json").write_text(text)
    print(len(answers), "answers", file=sys.stderr)


if __name__ == "__main__":
    _main()
