"""Metrics, for R: functions of the labels and predictions of one batch, in single precision (C order)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from mxr.operator import MxError, ShapeError, shape_text
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array

Array: TypeAlias = np.ndarray


def _flat(label: Array, pred: Array) -> tuple[Array, Array]:
    if label.size != pred.size:
        raise ShapeError(
            f"label has {label.size} elements, the prediction {pred.size} (shapes {shape_text(label.shape)} "
            f"and {shape_text(pred.shape)})"
        )
    return label.ravel(), pred.ravel()


def _classes(label: Array, pred: Array) -> tuple[Array, Array]:
    if pred.ndim < 2 or pred.size // pred.shape[1] != label.size:
        raise ShapeError(
            f"labels of shape {shape_text(label.shape)} do not fit class scores of shape "
            f"{shape_text(pred.shape)}"
        )
    return label, pred


def accuracy(label: Array, pred: Array) -> Any:
    label, pred = _classes(label, pred)
    return np.mean(label.ravel() == np.argmax(pred, axis=1).ravel())


def top_k_accuracy(label: Array, pred: Array, k: int = 5) -> Any:
    label, pred = _classes(label, pred)
    best = np.argsort(-pred, axis=1, kind="stable")[:, :k]
    return np.mean((best == label.reshape(-1, 1)).sum(axis=1))


def mse(label: Array, pred: Array) -> Any:
    label, pred = _flat(label, pred)
    return np.mean(np.square(label - pred))


def rmse(label: Array, pred: Array) -> Any:
    return np.sqrt(mse(label, pred))


def mae(label: Array, pred: Array) -> Any:
    label, pred = _flat(label, pred)
    return np.mean(np.abs(label - pred))


def rmsle(label: Array, pred: Array) -> Any:
    label, pred = _flat(label, pred)
    return np.sqrt(np.mean(np.square(np.log1p(pred) - np.log1p(label))))


def perplexity(label: Array, pred: Array, left_out: int = -1) -> Any:
    label, pred = _classes(label, pred)
    label = label.ravel()
    index = np.clip(label, 0, pred.shape[1] - 1).astype(np.intp)
    kept = (label != left_out).astype(np.float32)
    scores = np.moveaxis(pred, 1, -1).reshape(-1, pred.shape[1])[np.arange(label.size), index]
    return np.exp(-np.sum(np.log(scores) * kept) / np.sum(kept))


def logloss(label: Array, pred: Array) -> Any:
    label, pred = _flat(label, pred)
    pred = np.clip(pred, np.float32(1e-15), np.float32(1))
    return -np.mean(label * np.log(pred) + (1 - label) * np.log(1 - pred))


def logistic_acc(label: Array, pred: Array) -> Any:
    label, pred = _flat(label, pred)
    return np.mean(label == (pred > 0.5))


_SCORES: dict[str, Callable[[Array, Array], Any]] = {
    "accuracy": accuracy,
    "top_k_accuracy": top_k_accuracy,
    "mse": mse,
    "rmse": rmse,
    "mae": mae,
    "rmsle": rmsle,
    "Perplexity": perplexity,
    "logloss": logloss,
    "logistic_acc": logistic_acc,
}


@verb("metric.score")
def score(kind: str, label: Any, pred: Any) -> float:
    """A built-in metric's value for one batch."""
    if label is None:
        raise MxError(f"the metric {kind} needs labels, and the network has none")
    label, pred = array(label, "label").data, array(pred, "pred").data
    try:
        with np.errstate(all="ignore"):
            return float(_SCORES[kind](label, pred))
    except ShapeError as error:
        raise ShapeError(f"the metric {kind}: {error}") from None
