"""oneDNN's convolutions and pooling, where the library is installed: found at run time, never required.

    found = onednn.library()                    None without oneDNN, and with MXR_ONEDNN=0
    primitive = found.convolution(...)          made once for its shapes, and cached
    with onednn.one_thread(): ...               around everything that makes or runs primitives

Both generations of the C interface work: 2.x, which Debian 12 has, and 3.x. MXR_ONEDNN may name a library's
file. A primitive runs on the number of OpenMP's threads for which it was made. Mostly that is the calling
thread alone, and our own threads (`mxr.runtime.threads`) share the work: they sleep while they wait, and a
forked process makes its own. OpenMP's threads do neither. Fewer samples than processors use them all the
same, in `on_threads`, which ends them.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Callable, Hashable, Sequence
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int64, c_size_t, c_void_p
from functools import cache, lru_cache, partial
from math import prod
from time import perf_counter_ns
from typing import Any

import numpy as np

from mxr.runtime import threads

# libraries by the order in which they are tried; Debian 13's has the minor version in its name
_NAMES = {
    "linux": ("libdnnl.so.3", *(f"libdnnl.so.3.{minor}" for minor in range(15, 0, -1)), "libdnnl.so.2"),
    "darwin": ("libdnnl.3.dylib", "libdnnl.2.dylib"),
}
_CPU, _IN_ORDER, _FLOAT, _ANY = 1, 1, 3, 1
_DIRECT, _TRANSPOSED = 1, 10  # the algorithms: Winograd's loses digits
_FORWARD, _INFERENCE = 64, 96  # the propagation kinds that train, and that do not
_POOLING = {"max": 0x1FF, "avg": 0x2FF, "avg without padding": 0x3FF}
_RELU = {2: 0x1F, 3: 0x20}  # by the interface's version
# layouts of images: channels in blocks of 16 or 8, channels last, channels first
_IMAGE_TAGS = {2: (69, 93, 20, 5), 3: (78, 102, 22, 5)}
_MOST_AXES, _DESCRIPTOR_BYTES, _OPERATION_BYTES = 12, 4096, 32768  # at least what 2.x's structures need
_QUERY = {"src": 129, "gsrc": 130, "weights": 131, "gweights": 132, "dst": 133, "gdst": 134, "scratch": 136}
_ARGUMENT = {
    "src": 1, "dst": 17, "weights": 33, "bias": 41, "scratch": 80, "gsrc": 129, "gdst": 145, "gweights": 161,
}  # fmt: skip
# by what is made: the arguments that are the input, the weight and the output
ARGUMENTS = {
    "out": ("src", "weights", "dst"),
    "transposed": ("src", "weights", "dst"),
    "gx": ("gsrc", "weights", "gdst"),
    "gw": ("src", "gweights", "gdst"),
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


class Primitive:
    """A computation for fixed shapes and layouts. `layouts`: of its arguments, by their names. `name`: what
    the library calls the code that it has chosen."""

    def __init__(self, library: Library, description: _Handle, names: Sequence[str]):
        self._library, self._description = library, description
        pointer = c_void_p()
        library.check("dnnl_primitive_create", byref(pointer), description.pointer)
        self.handle = _Handle(pointer, library.dll.dnnl_primitive_destroy)
        self.layouts = {name: self._layout(name) for name in (*names, "scratch")}
        self.name = library.name_of(description)

    def _layout(self, name: str) -> Layout:
        found = self._library.dll.dnnl_primitive_desc_query_md(self._description.pointer, _QUERY[name], 0)
        return Layout(c_void_p(found), self._description, self._library.nbytes(c_void_p(found)))

    def call(self, **arrays: tuple[Layout, np.ndarray]) -> Call:
        """A prepared call on arrays that lie as their layouts say."""
        return Call(self._library, self, arrays)


class Call:
    """A primitive on its arrays. To be called in `on_threads`, for as many as it was made for."""

    def __init__(self, library: Library, primitive: Primitive, arrays: dict[str, tuple[Layout, np.ndarray]]):
        self._execute, self._keep = library.dll.dnnl_primitive_execute, (primitive, arrays)
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

    def like(self, image: Layout, shape: tuple[int, ...], channels: int) -> Layout | None:
        """The layout of images of this shape, (n, C, height, width), with another number of channels. None if
        it is none of the usual ones."""
        other = shape[0], channels, *shape[2:]
        for tag in _IMAGE_TAGS[self.version[0]]:
            if self.same(image, self._described_memory(shape, tag)):
                return self._described_memory(other, tag)
        return None

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
        """A convolution ("out"), the gradient of its input ("gx") or of its weight ("gw"), or a transposed
        convolution, whose geometry is that of the convolution from its output to its input.

        `shapes`: of the input (n, C, *size), the weight ([G,] F/G, C/G, *kernel) and the output (n, F, *out);
        the primitive chooses their layouts. `bias`: whether one (F) is added to the output. `geometry`:
        strides, dilations (0 is none), padding before and after, along each spatial axis. `after`: what is
        done with the output, see `_made_attributes`.
        """
        is_forward = kind in ("out", "transposed")
        description = self._described(kind if is_forward else "out", shapes, bias, geometry, None, after)
        if not is_forward:
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
        self, how: str, image: Layout, shape: tuple[int, ...], geometry: tuple[tuple[int, ...], ...]
    ) -> Primitive:
        """Pooling of images, for inference. `how`: max, avg, or avg without padding. `shape`: of the output,
        whose layout the primitive chooses. `geometry`: strides, kernel, padding before and after."""
        strides, kernel, *padding = map(_dims, geometry)
        out = self.layout(shape)
        pointer = c_void_p()
        if self.version[0] == 2:
            operation = ctypes.create_string_buffer(_OPERATION_BYTES)
            window = strides, kernel, *padding
            arguments = _INFERENCE, _POOLING[how], image.pointer, out.pointer
            self.check("dnnl_pooling_forward_desc_init", operation, *arguments, *window)
            self.check(
                "dnnl_primitive_desc_create",
                byref(pointer),
                operation,
                self._attributes(),
                self.engine,
                None,
            )
        else:
            self.check(
                "dnnl_pooling_forward_primitive_desc_create",
                byref(pointer),
                self.engine,
                _INFERENCE,
                _POOLING[how],
                image.pointer,
                out.pointer,
                strides,
                kernel,
                _dims([0] * len(geometry[0])),  # dilations
                *padding,
                self._attributes(),
            )
        return Primitive(self, _Handle(pointer, self.dll.dnnl_primitive_desc_destroy), ("src", "dst"))

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
        arrays = (x, weight, out) if kind == "gx" else (x, weight, filters, out)
        how = {"out": (_FORWARD, _DIRECT), "transposed": (_FORWARD, _TRANSPOSED)}.get(kind, (_DIRECT,))
        function = {
            "out": "convolution_forward",
            "transposed": "deconvolution_forward",
            "gx": "convolution_backward_data",
            "gw": "convolution_backward_weights",
        }[kind]
        pointer = c_void_p()
        if self.version[0] == 2:
            operation = ctypes.create_string_buffer(_OPERATION_BYTES)
            self.check(f"dnnl_dilated_{function}_desc_init", operation, *how, *arrays, *window)
            self.check(
                "dnnl_primitive_desc_create",
                byref(pointer),
                operation,
                self._attributes(*after),
                self.engine,
                forward,
            )
        else:
            hint = () if forward is None else (forward,)
            self.check(
                f"dnnl_{function}_primitive_desc_create",
                byref(pointer),
                self.engine,
                *how,
                *arrays,
                *window,
                *hint,
                self._attributes(*after),
            )
        return _Handle(pointer, self.dll.dnnl_primitive_desc_destroy)


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
    later would wait for them forever. Making and ending them takes costs.TEAM_NS."""

    def __init__(self, n: int):
        self._n = n

    @threads.unbroken
    def __enter__(self) -> None:
        found = library()
        self._dll = found.dll if found is not None and found.openmp else None
        if self._dll is not None:
            self._before = self._dll.omp_get_max_threads()
            self._dll.omp_set_num_threads(self._n)  # of this thread only, as OpenMP has it

    @threads.unbroken
    def __exit__(self, *exc: object) -> None:
        if self._dll is not None:
            self._dll.omp_set_num_threads(self._before)
            if self._n > 1:
                self._dll.omp_pause_resource_all(_PAUSE_SOFT)


one_thread = partial(on_threads, 1)


def run(calls: Sequence[Callable[[], None]], n: int = 1, deadline: float = math.inf) -> None:
    """The prepared calls one after the other, on the calling thread, or each of them on `n` threads. Raises
    `threads.TooSlow` before the first call that would begin after the deadline, of `perf_counter_ns`."""
    with on_threads(n):
        for call in calls:
            if perf_counter_ns() > deadline:
                raise threads.TooSlow
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
