"""oneDNN's convolutions and pooling, where the library is installed: found at run time, never required.

    found = onednn.library()                    None without oneDNN, and with MXR_ONEDNN=0
    primitive = found.convolution(...)          made once for its shapes, and cached
    with onednn.one_thread(): ...               around everything that makes or runs primitives

Both generations of the C interface work: 2.x, which Debian 12 has, and 3.x. MXR_ONEDNN may name a library's
file. A primitive runs on the number of OpenMP's threads for which it was made. Mostly that is the calling
thread alone, and our own threads (`mxr.runtime.threads`) share the work: they sleep while they wait, and a
forked process makes its own. OpenMP's threads do neither. Fewer samples than processors use them all the
same, as training does, in `on_threads`, which ends them.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
from collections.abc import Callable, Hashable, Sequence
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint, c_void_p
from functools import cache, lru_cache, partial
from math import prod
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from mxr.runtime import memory, threads

# libraries by the order in which they are tried; Debian 13's has the minor version in its name
_NAMES = {
    "linux": ("libdnnl.so.3", *(f"libdnnl.so.3.{minor}" for minor in range(15, 0, -1)), "libdnnl.so.2"),
    "darwin": ("libdnnl.3.dylib", "libdnnl.2.dylib"),
}
_CPU, _IN_ORDER, _FLOAT, _ANY = 1, 1, 3, 1
_DIRECT, _TRANSPOSED = 1, 10  # the algorithms: Winograd's loses digits
_FORWARD, _INFERENCE, _BACKWARD = 64, 96, 128  # the propagation kinds: that train, that do not, gradients
_POOLING = {"max": 0x1FF, "avg": 0x2FF, "avg without padding": 0x3FF}
_RELU = {2: 0x1F, 3: 0x20}  # by the interface's version
_RELU_FROM_OUTPUT = 0x100  # its gradient reads the output
_GIVEN_STATISTICS = 1  # flags of a normalization
_SCALE_AND_SHIFT, _WITH_RELU = {2: 8 + 16, 3: 2 + 4}, {2: 4, 3: 8}
# Layouts of images with 3 to 5 axes: channels in blocks of 16 or 8, channels last, channels first
_IMAGE_TAGS = {
    2: {3: (47, 60, 17, 4), 4: (69, 93, 20, 5), 5: (112, 133, 21, 7)},
    3: {3: (56, 69, 15, 4), 4: (78, 102, 22, 5), 5: (121, 142, 33, 6)},
}
_MOST_AXES, _DESCRIPTOR_BYTES, _OPERATION_BYTES = 12, 4096, 32768  # at least what 2.x's structures need
_QUERY = {
    "src": 129, "gsrc": 130, "weights": 131, "gweights": 132, "dst": 133, "gdst": 134, "workspace": 135,
    "scratch": 136,
}  # fmt: skip
_ARGUMENT = {
    "src": 1, "dst": 17, "weights": 33, "bias": 41, "mean": 49, "variance": 50, "scale": 51, "shift": 52,
    "workspace": 64, "scratch": 80, "gsrc": 129, "gdst": 145, "gweights": 161, "gbias": 169, "gscale": 255,
    "gshift": 256,
}  # fmt: skip
# by what is made: the arguments that are the input, the weight and the output
ARGUMENTS = {
    "out": ("src", "weights", "dst"),
    "gx": ("gsrc", "weights", "gdst"),
    "gw": ("src", "gweights", "gdst"),
    "transposed": ("src", "weights", "dst"),
    "transposed gx": ("gsrc", "weights", "gdst"),
    "transposed gw": ("src", "gweights", "gdst"),
}
# by what is made: the operation, its propagation kind and algorithm, and which forward pass it needs
_CONVOLUTIONS: dict[str, tuple[str, tuple[int, ...], str]] = {
    "out": ("convolution_forward", (_FORWARD, _DIRECT), ""),
    "gx": ("convolution_backward_data", (_DIRECT,), "out"),
    "gw": ("convolution_backward_weights", (_DIRECT,), "out"),
    "transposed": ("deconvolution_forward", (_FORWARD, _TRANSPOSED), ""),
    "transposed gx": ("deconvolution_backward_data", (_TRANSPOSED,), "transposed"),
    "transposed gw": ("deconvolution_backward_weights", (_TRANSPOSED,), "transposed"),
}
_SEQUENTIAL, _OPENMP = 1, 2  # what a library runs its threads by
_SCRATCH_GIVEN, _QUERY_NAME = 1, 8
_PAUSE_SOFT = 1  # OpenMP's: numbers of threads that were set stay
_CACHED = 1024  # primitives


class _Version(ctypes.Structure):
    _fields_ = [
        ("major", c_int),
        ("minor", c_int),
        ("patch", c_int),
        ("hash", c_char_p),
        ("cpu_runtime", ctypes.c_uint),
        ("gpu_runtime", ctypes.c_uint),
    ]


class _Argument(ctypes.Structure):
    _fields_ = [("arg", c_int), ("memory", c_void_p)]


class Unavailable(Exception):
    """oneDNN cannot be used, or not for this geometry."""


class _Handle:
    """An object of the library's, destroyed with this one."""

    def __init__(self, pointer: c_void_p, destroy: Callable[[c_void_p], object]):
        self.pointer, self._destroy = pointer, destroy

    def __del__(self) -> None:
        self._destroy(self.pointer)


class Layout:
    """How an array lies in memory: a memory descriptor. `owner` holds the descriptor's own memory."""

    def __init__(self, pointer: Any, owner: object, nbytes: int):
        self.pointer, self.owner, self.nbytes = pointer, owner, nbytes


class Prepared(Protocol):
    """A call without arguments, to be made on this number of threads."""

    threads: int

    def __call__(self) -> None: ...


class Computation(Protocol):
    """What `Primitive` is to its users."""

    threads: int
    name: str
    layouts: dict[str, Layout]

    def call(self, **arrays: tuple[Layout, np.ndarray]) -> Prepared: ...


class Primitive:
    """A computation for fixed shapes and layouts, by this number of `threads`. `layouts`: of its arguments,
    by their names. `name`: what the library calls the code that it has chosen."""

    def __init__(self, library: Library, description: _Handle, names: Sequence[str]):
        self._library, self.description, self.threads = library, description, library.threads
        pointer = c_void_p()
        library.check("dnnl_primitive_create", byref(pointer), description.pointer)
        self.handle = _Handle(pointer, library.dll.dnnl_primitive_destroy)
        self.layouts = {name: self._layout(name) for name in (*names, "scratch")}
        self.name = library.name_of(description)

    def _layout(self, name: str) -> Layout:
        found = self._library.dll.dnnl_primitive_desc_query_md(self.description.pointer, _QUERY[name], 0)
        return Layout(c_void_p(found), self.description, self._library.nbytes(c_void_p(found)))

    def call(self, **arrays: tuple[Layout, np.ndarray]) -> Call:
        """A prepared call on arrays that lie as their layouts say."""
        return Call(self._library, self, arrays)


def scratch(computation: Computation) -> tuple[Layout, np.ndarray]:
    """New scratch memory for a call."""
    layout = computation.layouts["scratch"]
    return layout, memory.empty((max(1, layout.nbytes),), np.uint8)


class Call:
    """A primitive on its arrays. `run` calls it on as many threads as it was made for."""

    def __init__(self, library: Library, primitive: Primitive, arrays: dict[str, tuple[Layout, np.ndarray]]):
        self._execute, self._keep = library.dll.dnnl_primitive_execute, (primitive, arrays)
        self.threads = primitive.threads
        arguments = (_Argument * len(arrays))()
        self._memories = []
        for argument, (name, (layout, array)) in zip(arguments, arrays.items()):
            memory = c_void_p()
            library.check(
                "dnnl_memory_create",
                byref(memory),
                layout.pointer,
                library.engine,
                c_void_p(array.ctypes.data),
            )
            self._memories.append(_Handle(memory, library.dll.dnnl_memory_destroy))
            argument.arg, argument.memory = _ARGUMENT[name], memory
        self._arguments = primitive.handle.pointer, library.stream, len(arrays), arguments

    def __call__(self) -> None:
        status = self._execute(*self._arguments)
        if status:
            raise RuntimeError(f"oneDNN: dnnl_primitive_execute gives status {status}")


class Library:
    """oneDNN, its engine for the processor, and the primitives made so far."""

    def __init__(self, path: str):
        self.path = path
        self.dll: Any = ctypes.CDLL(path)
        dll = self.dll
        dll.dnnl_version.restype = POINTER(_Version)
        dll.dnnl_primitive_desc_query_md.restype = c_void_p
        dll.dnnl_memory_desc_get_size.restype = c_size_t
        dll.dnnl_primitive_execute.argtypes = c_void_p, c_void_p, c_int, POINTER(_Argument)
        version = dll.dnnl_version().contents
        self.version = version.major, version.minor, version.patch
        if version.major not in (2, 3):
            raise Unavailable(f"version {version.major} of oneDNN has another interface")
        if version.cpu_runtime not in (_SEQUENTIAL, _OPENMP):
            raise Unavailable("this oneDNN runs its threads by another library than OpenMP")
        self.openmp = version.cpu_runtime == _OPENMP
        if self.openmp and not hasattr(dll, "omp_set_num_threads"):
            raise Unavailable("the OpenMP of oneDNN was not found")
        # GNU's OpenMP can end its threads since GCC 9; LLVM's and Intel's keep them
        self._ends_threads = hasattr(dll, "omp_pause_resource_all") and not hasattr(dll, "__kmpc_fork_call")
        self.engine, self.stream = c_void_p(), c_void_p()
        self.check("dnnl_engine_create", byref(self.engine), _CPU, c_size_t(0))
        self.check("dnnl_stream_create", byref(self.stream), self.engine, _IN_ORDER)
        self._attributes = lru_cache(None)(self._made_attributes)
        self.convolution = self._kept(self._convolution)
        self.layout = lru_cache(_CACHED)(self._layout)
        self.reorder = self._kept(self._reorder)
        # what mxr.compiler.alone has found
        self.on_one: WeakKeyDictionary[Computation, Computation | None] = WeakKeyDictionary()

    @property
    def threads(self) -> int:
        """The number of threads for which a primitive is made now."""
        return int(self.dll.omp_get_max_threads()) if self.openmp else 1

    @property
    def most_threads(self) -> int:
        """The most threads that `on_threads` may be asked for: one where OpenMP's threads would stay."""
        return threads.workers() if self.openmp and self._ends_threads else 1

    def _kept(self, make: Callable[..., Primitive]) -> Callable[..., Primitive]:
        """`make` with a cache, by its arguments and the number of threads."""
        kept = lru_cache(_CACHED)(lambda threads, *args: make(*args))

        def find(*args: Hashable) -> Primitive:
            return kept(self.threads, *args)

        return find

    def check(self, function: str, *args: Any) -> None:
        """Call a function of the library; Unavailable where it refuses."""
        status = getattr(self.dll, function)(*args)
        if status:
            raise Unavailable(f"{function} gives status {status}")

    def nbytes(self, pointer: Any) -> int:
        """The memory that an array of a layout takes."""
        return int(self.dll.dnnl_memory_desc_get_size(pointer))

    def _made_attributes(self, *after: str) -> c_void_p:
        """Scratch memory is given with a call. `after`: what is done to the result, in this order. "sum": it
        is added to what is there; "relu"."""
        attributes = c_void_p()
        self.check("dnnl_primitive_attr_create", byref(attributes))
        self.check("dnnl_primitive_attr_set_scratchpad_mode", attributes, _SCRATCH_GIVEN)
        operations = c_void_p()
        self.check("dnnl_post_ops_create", byref(operations))
        major = self.version[0]
        for what in after:
            if what == "sum":
                more = () if major == 2 else (0, 0)  # no zero point, the array's type
                self.check("dnnl_post_ops_append_sum", operations, c_float(1), *more)
            else:
                scale = (c_float(1),) if major == 2 else ()
                zeros = c_float(0), c_float(0)
                self.check("dnnl_post_ops_append_eltwise", operations, *scale, _RELU[major], *zeros)
        self.check("dnnl_primitive_attr_set_post_ops", attributes, operations)
        self.check("dnnl_post_ops_destroy", operations)
        return attributes

    def name_of(self, description: _Handle) -> str:
        """What the library calls the code that it has chosen for a description."""
        text = c_char_p()
        self.check("dnnl_primitive_desc_query", description.pointer, _QUERY_NAME, 0, byref(text))
        return (text.value or b"").decode()

    # ---------------------------------------------------------------- layouts
    def _layout(self, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> Layout:
        """Floats of this shape at these strides (elements); without strides, the layout is the primitive's
        choice."""
        return self._described_memory(shape, _ANY) if strides is None else self._strided(shape, strides)

    def contiguous(self, shape: tuple[int, ...]) -> Layout:
        """The layout of a contiguous array."""
        return self.layout(shape, tuple(prod(shape[i + 1 :]) for i in range(len(shape))))

    def _strided(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Layout:
        return self._memory("by_strides", "with_strides", len(shape), _dims(shape), _FLOAT, _dims(strides))

    def _described_memory(self, shape: tuple[int, ...], tag: int) -> Layout:
        return self._memory("by_tag", "with_tag", len(shape), _dims(shape), _FLOAT, tag)

    def _memory(self, second: str, third: str, *args: Any) -> Layout:
        """A layout, by the function whose name ends so in versions 2 and 3 of the interface."""
        if self.version[0] == 2:
            memory = ctypes.create_string_buffer(_DESCRIPTOR_BYTES)
            self.check(f"dnnl_memory_desc_init_{second}", memory, *args)
            pointer = ctypes.cast(memory, c_void_p)
            return Layout(pointer, memory, self.nbytes(pointer))
        pointer = c_void_p()
        self.check(f"dnnl_memory_desc_create_{third}", byref(pointer), *args)
        return Layout(pointer, _Handle(pointer, self.dll.dnnl_memory_desc_destroy), self.nbytes(pointer))

    def like(self, image: Layout, shape: tuple[int, ...], other: tuple[int, ...]) -> Layout | None:
        """The layout of images of the `other` shape, in the order of `image`, whose shape is given. The
        number of channels or of spatial axes may differ. None if it is none of the usual orders."""
        tags = _IMAGE_TAGS[self.version[0]]
        for tag, other_tag in zip(tags[len(shape)], tags[len(other)]):
            if self.same(image, self._described_memory(shape, tag)):
                return self._described_memory(other, other_tag)
        return None

    def threads_for_channels(self, image: Layout, shape: tuple[int, ...]) -> int:
        """The number of threads for a computation by channels, which lie in blocks. Each thread has one block
        at least, unless half of the threads would have none. Where threads share a block, their number shows
        in sums, and they spin until all have added theirs."""
        for tag, block in zip(_IMAGE_TAGS[self.version[0]][len(shape)], (16, 8)):
            if self.same(image, self._described_memory(shape, tag)):
                blocks = -(-shape[1] // block)
                return min(self.threads, blocks) if 2 * blocks >= self.threads else self.threads
        return self.threads

    def part(self, whole: Layout, shape: tuple[int, ...], start: tuple[int, ...]) -> Layout:
        """A part of an array, as a layout of the same memory. Unavailable if the layout has no such part."""
        return self._memory("submemory", "submemory", whole.pointer, _dims(shape), _dims(start))

    def same(self, a: Layout, b: Layout) -> bool:
        """Whether both are the same layout."""
        return bool(self.dll.dnnl_memory_desc_equal(a.pointer, b.pointer))

    # ---------------------------------------------------------------- primitives
    def _reorder(self, source: Layout, target: Layout, adds: bool = False) -> Primitive:
        """A copy into another layout; `adds` to what is there."""
        pointer = c_void_p()
        self.check(
            "dnnl_reorder_primitive_desc_create",
            byref(pointer),
            source.pointer,
            self.engine,
            target.pointer,
            self.engine,
            self._attributes("sum") if adds else self._attributes(),
        )
        return Primitive(self, _Handle(pointer, self.dll.dnnl_primitive_desc_destroy), ())

    def _convolution(
        self,
        kind: str,
        shapes: tuple[tuple[int, ...], ...],
        bias: bool,
        geometry: tuple[tuple[int, ...], ...],
        after: tuple[str, ...] = (),
    ) -> Primitive:
        """A convolution ("out"), the gradient of its input ("gx") or of its weight ("gw"), or those of a
        transposed convolution, whose geometry is that of the convolution from its output to its input.

        `shapes`: of the input (n, C, *size), the weight ([G,] F/G, C/G, *kernel) and the output (n, F, *out);
        the primitive chooses their layouts. `bias`: whether one (F) is added to the output. `geometry`:
        strides, dilations (0 is none), padding before and after, along each spatial axis. `after`: what is
        done with the output, see `_made_attributes`.
        """
        forward = _CONVOLUTIONS[kind][2]
        description = self._described(forward or kind, shapes, bias, geometry, None, after)
        if forward:
            description = self._described(kind, shapes, bias, geometry, description.pointer)
        return Primitive(self, description, ARGUMENTS[kind])

    def has_fast(self, shapes: tuple, bias: bool, geometry: tuple, kind: str = "out") -> bool:
        """Whether there is compiled code for a convolution, "out" or "transposed". For a transposed one: code
        that is no product of matrices. With those, a whole segment could not use several threads."""
        try:
            name = inner(self.name_of(self._described(kind, shapes, bias, geometry, None)))
        except Unavailable:
            return False
        return name.startswith("jit") if kind == "transposed" else not name.startswith(("ref", "gemm"))

    def pooling(
        self,
        how: str,
        image: Layout,
        shape: tuple[int, ...],
        geometry: tuple[tuple[int, ...], ...],
        training: bool = False,
    ) -> Primitive:
        """Pooling of images. `how`: max, avg, or avg without padding. `shape`: of the output, whose layout
        the primitive chooses. `geometry`: strides, kernel, padding before and after. In `training`, max fills
        a workspace for its gradient."""
        images = image.pointer, self.layout(shape).pointer
        two, three = _pooling_window(geometry)
        how_ = _FORWARD if training else _INFERENCE, _POOLING[how], *images
        description = self._description("pooling_forward", (*how_, *two), (*how_, *three))
        names = ("workspace",) if training and how == "max" else ()
        return Primitive(self, description, ("src", "dst", *names))

    def pooling_gradient(
        self, how: str, forward: Primitive, geometry: tuple[tuple[int, ...], ...]
    ) -> Primitive:
        """The gradient of `pooling` in training, in its layouts."""
        images = (forward.layouts[name].pointer for name in ("src", "dst"))
        two, three = _pooling_window(geometry)
        how_ = _POOLING[how], *images
        return self._gradient("pooling", forward, (*how_, *two), (*how_, *three))

    def normalization(self, image: Layout, eps: float, given: bool, relu: bool) -> Primitive:
        """Batch normalization in training, which gives mean and variance, or takes them as `given`. With
        `relu`, negative results are set to 0, and a workspace says where."""
        what = c_float(eps), self._normalization_flags(given, relu)
        data = image.pointer
        description = self._description(
            "batch_normalization_forward", (_FORWARD, data, *what), (_FORWARD, data, data, *what)
        )
        return Primitive(self, description, ("src", "dst", *(("workspace",) if relu else ())))

    def normalization_gradient(self, forward: Primitive, eps: float, given: bool, relu: bool) -> Primitive:
        """The gradients of `normalization`: of the data, the scale and the shift."""
        what = c_float(eps), self._normalization_flags(given, relu)
        data = forward.layouts["src"].pointer
        return self._gradient(
            "batch_normalization",
            forward,
            (_BACKWARD, data, data, *what),
            (_BACKWARD, data, data, data, *what),
        )

    @property
    def gradient_reads_shift(self) -> bool:
        """Whether `normalization_gradient` takes the shift among its operands."""
        return bool(self.version[0] == 2)

    def _normalization_flags(self, given: bool, relu: bool) -> int:
        major = self.version[0]
        return _GIVEN_STATISTICS * given + _SCALE_AND_SHIFT[major] + _WITH_RELU[major] * relu

    def rectifier(self, image: Layout) -> Primitive:
        """Negative values become zero. The output may be where the input is."""
        how, data = (_FORWARD, _RELU_FROM_OUTPUT), image.pointer
        zeros = c_float(0), c_float(0)
        return Primitive(
            self,
            self._description("eltwise_forward", (*how, data, *zeros), (*how, data, data, *zeros)),
            ("src", "dst"),
        )

    def rectifier_gradient(self, image: Layout) -> Primitive:
        """The gradient of `rectifier`, from its output; it may be where the output's gradient is."""
        data, zeros = image.pointer, (c_float(0), c_float(0))
        return self._gradient(
            "eltwise",
            self.rectifier(image),
            (_RELU_FROM_OUTPUT, data, data, *zeros),
            (_RELU_FROM_OUTPUT, data, data, data, *zeros),
        )

    def _gradient(self, operation: str, forward: Primitive, two: tuple, three: tuple) -> Primitive:
        hint = forward.description.pointer
        description = self._description(f"{operation}_backward", two, three, hint)
        return Primitive(self, description, ("gsrc", "gdst"))

    def _described(
        self,
        kind: str,
        shapes: tuple,
        bias: bool,
        geometry: tuple,
        forward: c_void_p | None,
        after: tuple[str, ...] = (),
    ) -> _Handle:
        """The primitive's description. A gradient's needs that of the `forward` pass."""
        window = [_dims(g) for g in geometry]
        layouts = [self.layout(shape) for shape in shapes]
        x, weight, out = (layout.pointer for layout in layouts)
        added = self.layout(shapes[2][1:2], (1,)) if bias else None
        filters = None if added is None else added.pointer
        operation, how, _ = _CONVOLUTIONS[kind]
        arrays = (x, weight, out) if kind.endswith("gx") else (x, weight, filters, out)
        dilated = "dilated_" if self.version[0] == 2 else ""
        arguments = *how, *arrays, *window
        return self._description(f"{dilated}{operation}", arguments, arguments, forward, after)

    def _description(
        self,
        operation: str,
        two: tuple,
        three: tuple,
        forward: c_void_p | None = None,
        after: tuple[str, ...] = (),
    ) -> _Handle:
        """The description of a primitive, from the arguments that version `two` or `three` of the interface
        takes. A gradient has a `forward` description. `after`: see `_made_attributes`."""
        pointer, attributes = c_void_p(), self._attributes(*after)
        if self.version[0] == 2:
            described = ctypes.create_string_buffer(_OPERATION_BYTES)
            self.check(f"dnnl_{operation}_desc_init", described, *two)
            function, arguments = "dnnl_primitive_desc_create", (described, attributes, self.engine, forward)
        else:
            function = f"dnnl_{operation}_primitive_desc_create"
            hint = () if forward is None else (forward,)
            arguments = self.engine, *three, *hint, attributes
        self.check(function, byref(pointer), *arguments)
        return _Handle(pointer, self.dll.dnnl_primitive_desc_destroy)


def _pooling_window(geometry: tuple[tuple[int, ...], ...]) -> tuple[tuple, tuple]:
    """The arguments of pooling's window in versions 2 and 3 of the interface, which has dilations."""
    strides, kernel, *padding = map(_dims, geometry)
    return (strides, kernel, *padding), (strides, kernel, _dims([0] * len(geometry[0])), *padding)


def inner(name: str) -> str:
    """The name of the code by which other code computes: of a convolution's for a transposed one."""
    return name.rsplit("+", 1)[-1]


def grouped(weight: tuple[int, ...], groups: int) -> tuple[int, ...]:
    """The shape of a weight, (F, C/G, *kernel), as primitives take it: (G, F/G, C/G, *kernel) if there are
    groups."""
    return weight if groups == 1 else (groups, weight[0] // groups, *weight[1:])


def _dims(values: Sequence[int]) -> Any:
    return (c_int64 * _MOST_AXES)(*values)


# ------------------------------------------------------------------------------------------ threads


class on_threads:
    """`with on_threads(n):` oneDNN makes and runs primitives for `n` of OpenMP's threads. The calling thread
    is one of them. The others end with the block: they would spin for milliseconds, and a process forked
    later would wait for them forever. Making and ending them takes costs.TEAM_NS.

    `sleepy`: a thread that waits for the others sleeps soon. That is slower, except beside a busy process.
    """

    def __init__(self, n: int, sleepy: bool = False):
        self._n, self._sleepy = n, sleepy

    def use(self, n: int) -> None:
        """From here on, primitives are for `n` threads, at most as many as there are."""
        if self._dll is not None:
            self._dll.omp_set_num_threads(n)  # of this thread only, as OpenMP has it

    @threads.unbroken
    def __enter__(self) -> on_threads:
        found = library()
        self._dll = found.dll if found is not None and found.openmp else None
        if self._dll is not None:
            self._before = self._dll.omp_get_max_threads()
            self.use(self._n)
            self._crowd = _crowd(self._dll) if self._sleepy and self._n > 1 else None
            if self._crowd is not None:
                self._crowd.add()
        return self

    @threads.unbroken
    def __exit__(self, *exc: object) -> None:
        if self._dll is not None:
            self._dll.omp_set_num_threads(self._before)
            if self._n > 1:
                self._dll.omp_pause_resource_all(_PAUSE_SOFT)
            if self._crowd is not None:
                self._crowd.remove()


class _Crowd:
    """Makes waiting threads of GNU's OpenMP sleep soon.

    They spin 300 000 times before, or 1000 times if OpenMP has more threads than there are processors. The
    environment variables that could change this come too late where R has loaded OpenMP. So a thread of ours
    has a team of its own meanwhile, which sleeps.
    """

    def __init__(self, dll: Any):
        self._dll, self._requests, self._done = dll, SimpleQueue[bool](), SimpleQueue[None]()
        self._teams, self._lock = 0, threading.Lock()
        dll.GOMP_parallel.argtypes = c_void_p, c_void_p, c_uint, c_uint
        threading.Thread(target=self._loop, name="mxr-openmp", daemon=True).start()

    def add(self) -> None:
        with self._lock:
            self._teams += 1
            if self._teams == 1:
                self._ask(True)

    def remove(self) -> None:
        with self._lock:
            self._teams -= 1
            if not self._teams:
                self._ask(False)

    def _ask(self, more: bool) -> None:
        self._requests.put(more)
        self._done.get()

    def _loop(self) -> None:
        harmless = ctypes.cast(self._dll.omp_get_thread_num, c_void_p)  # what its threads call once
        while True:
            if self._requests.get():
                self._dll.GOMP_parallel(harmless, None, threads.cpus() + 1, 0)
            else:
                self._dll.omp_pause_resource_all(_PAUSE_SOFT)
            self._done.put(None)


@cache
def _crowd(dll: Any) -> _Crowd:
    return _Crowd(dll)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crowd.cache_clear)  # its thread is not in the child


one_thread = partial(on_threads, 1)


def run(calls: Sequence[Prepared], sleepy: bool = False, deadline: float = math.inf) -> None:
    """The prepared calls one after the other, each on as many threads as it was made for, with the calling
    thread. `sleepy`: see `on_threads`. Raises `threads.TooSlow` before the first call that would begin after
    the deadline, of `perf_counter_ns`."""
    now = max((call.threads for call in calls), default=1)
    with on_threads(now, sleepy) as team:
        for call in calls:
            if perf_counter_ns() > deadline:
                raise threads.TooSlow
            if call.threads != now:
                now = call.threads
                team.use(now)
            call()


# ------------------------------------------------------------------------------------------ finding it


@cache
def _found(asked: str) -> tuple[Library | None, str]:
    """(the library, why there is none). `asked` is the file of one, or empty."""
    why = "it is not installed"
    for name in (asked,) if asked else _NAMES.get(sys.platform, ()):
        try:
            return Library(name), ""
        except (OSError, AttributeError) as e:  # not there, or it lacks functions
            why = f"{e}" if asked else why
        except Unavailable as e:
            why = f"{name}: {e}"
    return None, why


def _asked() -> str:
    asked = os.environ.get("MXR_ONEDNN", "")
    return "" if asked == "1" else asked  # 1 is what leaves it in, as 0 leaves it out


def library() -> Library | None:
    """oneDNN, or None. The first call looks for it. Raises ImportError where MXR_ONEDNN names a file that
    cannot be used: a measurement of something else would mislead."""
    asked = _asked()
    if asked == "0":
        return None
    found, why = _found(asked)
    if asked and found is None:
        raise ImportError(f"MXR_ONEDNN={asked}: {why}")
    return found


def description() -> str:
    """One line for people: which oneDNN computes convolutions."""
    if _asked() == "0":
        return "not used (MXR_ONEDNN=0)"
    found, why = _found(_asked())
    return f"not used: {why}" if found is None else f"{'.'.join(map(str, found.version))} ({found.path})"
