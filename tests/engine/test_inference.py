"""Inference: an executor without gradients computes `forward(False)` by a plan of its own."""

import numpy as np
import pytest

import mxr
from mxr.compiler.autodiff import KernelStep


def block(kind="BatchNorm", **attrs):
    """A residual block: two convolutions with normalization, activations, a sum."""
    x = mxr.sym.Variable("data")

    def layer(x, name):
        x = mxr.sym.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=16, name=f"{name}_conv")
        return getattr(mxr.sym, kind)(x, name=f"{name}_norm", **attrs)

    a = mxr.sym.Activation(layer(x, "a"), act_type="relu")
    return mxr.sym.Activation(layer(a, "b") + x, act_type="relu")


def bound(net, reqs, shape=(2, 16, 9, 9), dtype=np.float32):
    ex = net.simple_bind(reqs, data=shape)
    rng = np.random.default_rng(8)
    for name, a in (ex.args | ex.aux).items():
        a[:] = rng.uniform(0.5, 2, a.shape) if name.endswith("var") else rng.standard_normal(a.shape)
    return ex


@pytest.mark.parametrize("kind", ["BatchNorm", "BatchNorm_v1"])
@pytest.mark.parametrize(
    "attrs", [{}, {"fix_gamma": False, "eps": 1e-5}, {"use_global_stats": True}], ids=str
)
def test_it_has_the_bits_of_an_executor_that_trains(kind, attrs):
    net = block(kind, **attrs)
    trains, predicts = bound(net, "write"), bound(net, "null")
    for _ in range(2):  # parameters may change from call to call
        (expected,), (out,) = trains.forward(False), predicts.forward(False)
        np.testing.assert_array_equal(out.data, expected.data)
        np.testing.assert_array_equal(predicts.args["a_norm_gamma"].data, trains.args["a_norm_gamma"].data)
        for ex in (trains, predicts):
            ex.args["data"].data[0, 0, 0] = np.nan
            for name in ("a_norm_gamma", "a_norm_moving_var", "b_norm_beta", "b_conv_weight"):
                (ex.args | ex.aux)[name].data[...] *= 1.5
    assert np.isnan(out.data).any() and not np.isnan(out.data).all()


def test_normalization_is_part_of_the_regions_around_it():
    ex = bound(block(), "null")
    ex.forward(True)
    ex.forward(False)
    trained, inferred = (
        [s.node.op.name for s in steps if isinstance(s, KernelStep)]
        for steps in (ex._forward_steps, ex._inference_steps)
    )
    assert trained == ["Convolution", "BatchNorm"] * 2
    assert inferred == ["Convolution"] * 2


def test_training_mode_takes_the_statistics_of_the_batch():
    net = block()
    trains, predicts = bound(net, "write"), bound(net, "null")
    apart = predicts.forward(False)[0].data.copy()
    (expected,), (out,) = trains.forward(True), predicts.forward(True)
    np.testing.assert_array_equal(out.data, expected.data)
    assert abs(out.data - apart).max() > 0.1


def test_other_axes_and_several_outputs():
    x = mxr.sym.Variable("data")
    last = mxr.sym.BatchNorm(x, axis=-1, fix_gamma=False, name="a_norm")
    shown = mxr.sym.BatchNorm(x, output_mean_var=True, name="b_norm")
    net = mxr.sym.Group(last, shown[0], shown[1], shown[2])
    trains, predicts = bound(net, "write", (4, 3, 5)), bound(net, "null", (4, 3, 5))
    for a, b in zip(trains.forward(False), predicts.forward(False), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
