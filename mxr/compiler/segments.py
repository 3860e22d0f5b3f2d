"""Segments: parts of a graph that oneDNN computes for inference, in its own layouts.

A convolution on its own copies its input into oneDNN's layout, its weight too, and its output back. A segment
is a connected set of convolutions, and of operators between them, whose images stay in that layout. Batch
normalization becomes part of the weights; shortcuts and rectifiers become part of the convolutions before
them. MXNet does the same in its subgraphs.

The weights in oneDNN's layout are stored, and made again when arguments have changed. An NDArray counts how
often it is written. If other code has its memory and may write without notice, each call takes a digest of
the arguments. That needs a sixth of the time of bringing them into the layout.

Our threads divide the samples. Fewer samples than processors, such as one image, go through primitives that
OpenMP's threads share, if that is the faster way: beside a busy process it is not, since a team of threads
waits for its slowest. Both ways give the same bits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from mxr import native
from mxr.compiler.images import Convolution, Entry, Image, Joined, Pooled, Source
from mxr.graph.node import Node
from mxr.operator.kernel import Run
from mxr.operator.shapes import Dims
from mxr.runtime import costs, memory, onednn, threads

FLOAT = np.dtype(np.float32)
# How the names of code begin in which threads divide a convolution's outputs. Products of matrices ("gemm",
# "brgconv") are cut by the number of threads, and sums with them.
_DIVIDES_OUTPUTS = "jit"
_SUMS = "gweights", "gbias", "mean", "variance", "gscale", "gshift"  # over samples, by operand


class NotFinite(Exception):
    """An input or a weight is infinite or NaN: oneDNN's rectifiers and pooling would hide it."""


class Segment:
    """`images[i]` is the output `outputs[i]`. `inputs` are the entries that are read from outside."""

    def __init__(self, nodes: list[Node], images: list[Image], outputs: list[Entry]):
        self.nodes, self.images, self.outputs = nodes, images, outputs
        seen: dict[int, Image] = {}
        stack = list(images)
        while stack:
            image = stack.pop()
            if id(image) not in seen:
                seen[id(image)] = image
                stack.extend(image.inputs)
        self.order = sorted(seen.values(), key=lambda image: image.number)
        self.convolutions = [c for c in self.order if isinstance(c, Convolution)]
        self.sources = list({s.entry: s for s in self.order if isinstance(s, Source)}.values())
        self.parameters = list({p.entry: p for image in self.order for p in image.parameters}.values())
        self.inputs = [s.entry for s in (*self.sources, *self.parameters)]
        self._work = sum(c.flops for c in self.convolutions)
        self._plans: dict[tuple[int, int], Plan] = {}

    @property
    def shapes(self) -> list[Dims]:
        """Of the outputs."""
        return [image.shape for image in self.images]

    def pays(self) -> bool:
        """Whether a convolution gains by oneDNN, which can compute everything."""
        if not any(c.pays for c in self.convolutions):
            return False
        try:
            for start, stop in self._cuts():
                self._plan(stop - start)
        except onednn.Unavailable:
            return False
        return True

    def _cuts(self) -> list[tuple[int, int]]:
        """The samples of each worker."""
        n = self.images[0].shape[0]
        return threads.cuts(n, self.pay_threads(min(n, threads.workers()), costs.WAKE_NS))

    def pay_threads(self, most: int, each: float) -> int:
        """The number of threads that pay, at most `most`, if it takes `each` nanoseconds to start one."""
        return max(1, min(most, int(self._work * costs.PRIMITIVE_FLOP_NS / (2 * each))))

    def _plan(self, samples: int, count: int = 1) -> Plan:
        if (samples, count) not in self._plans:
            library = onednn.library()
            assert library is not None
            with onednn.on_threads(count):
                self._plans[samples, count] = Plan(library, self, samples)
        return self._plans[samples, count]

    def _team(self, lanes: list[_Lane]) -> list[_Lane]:
        """The lane that computes all samples on several of OpenMP's threads. Empty if that does not pay, or
        if the bits could be others than those of `lanes`."""
        n, library = self.images[0].shape[0], lanes[0][0].library
        count = self.pay_threads(library.most_threads, costs.TEAM_NS) if n < threads.workers() else 1
        try:
            found = [(self._plan(n, count), 0, n)] if count > 1 else []
        except onednn.Unavailable:
            return []
        return found if all(plan.same_bits(found[0][0]) for plan, _, _ in lanes if found) else []

    def bind(self, run: Run, ins: list[np.ndarray], outs: list[np.ndarray]) -> Callable[[], None]:
        """The call that computes the outputs from arrays of `inputs`."""
        lanes = [(self._plan(b - a), a, b) for a, b in self._cuts()]
        return _Bound(self, run, [way for way in (self._team(lanes), lanes) if way], ins, outs)


Ref = tuple[str, int, onednn.Layout]  # where an operand is: ("slot", number, its layout) and so on
PlannedCall = tuple[onednn.Computation, dict[str, Ref]]
_Lane = tuple["Plan", int, int]  # a plan, and its samples: from, to
_Weights = dict[int, list[tuple[onednn.Layout, np.ndarray]]]  # by convolution


class Plan:
    """The primitives for some samples in their order, and the buffers between them. Made in
    `onednn.on_threads`.

    An operand is a "slot" (a buffer), a "source" or an "output" (of that number in the segment), or a
    convolution's "weight" or "bias".
    """

    def __init__(self, library: onednn.Library, segment: Segment, samples: int):
        self.library, self.samples, self._segment = library, samples, segment
        self.calls: list[PlannedCall] = []
        self.weights: dict[int, onednn.Layout] = {}
        self.slots = memory.Buffers()
        self._places: dict[int, list[Ref]] = {}  # by id(image): where it is, in its layouts
        self._left = Counter(id(i) for image in segment.order for i in image.inputs)
        self._left.update(map(id, segment.images))
        sources = {s.entry: i for i, s in enumerate(segment.sources)}
        for image in segment.order:
            if isinstance(image, Source):
                place = ("source", sources[image.entry], self._plain(image))
            else:
                place = self._computed(image)
            self._places[id(image)] = [place]
            for read in image.inputs:
                self._done(read)
            for i, end in enumerate(segment.images):
                if end is image:
                    self.copy(place, ("output", i, self._plain(image)))
                    self._done(image)

    def _computed(self, image: Image) -> Ref:
        """The calls that compute an image, and where it is."""
        if isinstance(image, Convolution):
            return self._convolution(image)
        if isinstance(image, Pooled):
            return self._pooled(image)
        assert isinstance(image, Joined)
        return self._joined(image)

    def shape(self, image: Image) -> Dims:
        return (self.samples, *image.shape[1:])

    def _plain(self, image: Image) -> onednn.Layout:
        return self.library.contiguous(self.shape(image))

    def buffer(self, layout: onednn.Layout) -> Ref:
        return "slot", self.slots.take(max(1, layout.nbytes)), layout

    def call(
        self, primitive: onednn.Primitive, scratch_layout: onednn.Layout | None = None, /, **operands: Ref
    ) -> None:
        scratch = self.buffer(scratch_layout or primitive.layouts["scratch"])
        self.calls.append((primitive, {**operands, "scratch": scratch}))
        self.slots.give_back(scratch[1])

    def copy(self, source: Ref, target: Ref, adds: bool = False) -> None:
        self.call(self.library.reorder(source[2], target[2], adds), src=source, dst=target)

    def channels(self, whole: onednn.Layout, part: Image, start: int) -> onednn.Layout:
        """Where an image lies in a larger one, from this channel on."""
        return self.library.part(whole, self.shape(part), (0, start, *(0 for _ in part.shape[2:])))

    def _output(self, image: Image, layout: onednn.Layout) -> Ref:
        """A buffer for an image that is computed."""
        return self.buffer(layout)

    def release(self, ref: Ref) -> None:
        """The buffer may be used for something else after this."""
        if ref[0] == "slot":
            self.slots.give_back(ref[1])

    def _in(self, image: Image, layout: onednn.Layout) -> Ref:
        """The image in a layout."""
        place = self._place(image, layout)
        if place is None:
            places = self._places[id(image)]
            place = self.buffer(layout)
            self.copy(places[0], place)
            places.append(place)
        return place

    def _place(self, image: Image, layout: onednn.Layout) -> Ref | None:
        """Where the image is in a layout, if it is in that layout somewhere."""
        found = (place for place in self._places[id(image)] if self.library.same(place[2], layout))
        return next(found, None)

    def _done(self, image: Image) -> None:
        """One use of the image is over."""
        self._left[id(image)] -= 1
        if not self._left[id(image)]:
            for kind, number, _ in self._places.pop(id(image)):
                if kind == "slot":
                    self.slots.give_back(number)

    def _convolution(self, c: Convolution) -> Ref:
        number = self._segment.convolutions.index(c)
        primitive = self.library.convolution(
            c.kinds[0], (self.shape(c.data), c.grouped, self.shape(c)), True, c.geometry, c.after
        )
        self.weights[number] = primitive.layouts["weights"]
        data, layout = self._in(c.data, primitive.layouts["src"]), primitive.layouts["dst"]
        out = self.buffer(layout) if c.shortcut is None else self._sum(c.shortcut, layout)
        self.call(
            primitive,
            src=data,
            weights=("weight", number, primitive.layouts["weights"]),
            bias=("bias", number, self.library.layout((c.shape[1],), (1,))),
            dst=out,
        )
        return out

    def _sum(self, image: Image, layout: onednn.Layout) -> Ref:
        """A buffer with the image, to which a result is added: the image's own after its last use."""
        places = self._places[id(image)]
        if self._left[id(image)] == 1:
            for place in places:
                if place[0] == "slot" and self.library.same(place[2], layout):
                    places.remove(place)
                    return place
        target = self.buffer(layout)
        self.copy(places[0], target)
        return target

    def _pooled(self, image: Pooled) -> Ref:
        data = self._places[id(image.data)][0]
        primitive = self.library.pooling(image.how, data[2], self.shape(image), image.geometry)
        if primitive.name.startswith("ref"):
            raise onednn.Unavailable("oneDNN has only its reference code for this")
        out = self.buffer(primitive.layouts["dst"])
        self.call(primitive, src=data, dst=out)
        return out

    def _joined(self, image: Joined) -> Ref:
        first = self._places[id(image.parts[0])][0][2]
        layout = self.library.like(first, self.shape(image.parts[0]), self.shape(image))
        out = self._output(image, layout or self._plain(image))
        start = 0
        for part in image.parts:
            inner = self.channels(out[2], part, start)
            self.copy(self._places[id(part)][0], ("slot", out[1], inner))
            start += part.shape[1]
        return out

    def same_bits(self, other: Plan) -> bool:
        """Whether both give the same bits, whatever their numbers of threads: oneDNN has chosen the same code
        for both, on weights in the same layouts, and this code adds in an order that threads don't change."""
        names, others = ([primitive.name for primitive, _ in plan.calls] for plan in (self, other))
        return (
            names == others
            and not any(map(sums, self.calls))
            and all(self.library.same(layout, other.weights[i]) for i, layout in self.weights.items())
        )

    def bind(
        self, given: dict[str, list[np.ndarray]], weights: _Weights, work: np.ndarray
    ) -> list[onednn.Prepared]:
        """The calls on arrays: "source", "output" and "bias" by number; weights by layout. `work`: memory for
        the slots."""
        return self._bound(self.calls, self.slots.within(work), given, weights)

    def _bound(
        self,
        planned: Sequence[PlannedCall],
        slots: memory.Buffers,
        given: dict[str, list[np.ndarray]],
        weights: _Weights,
    ) -> list[onednn.Prepared]:
        calls = []
        for primitive, operands in planned:
            arrays = {}
            for name, (kind, number, layout) in operands.items():
                if kind == "slot":
                    array = slots.array(number, (max(1, layout.nbytes),), np.dtype(np.uint8))
                elif kind == "weight":
                    array = next(a for has, a in weights[number] if self.library.same(has, layout))
                else:
                    array = given[kind][number]
                arrays[name] = layout, array
            calls.append(primitive.call(**arrays))
        return calls


def sums(call: PlannedCall) -> list[str]:
    """The operands whose numbers may be added up in an order that depends on the number of threads."""
    primitive, operands = call
    if "weights" in operands:
        divided = onednn.inner(primitive.name).startswith(_DIVIDES_OUTPUTS)
        return [] if divided else [name for name in ("dst", "gsrc") if name in operands]
    return [name for name in _SUMS if name in operands]


class Inputs:
    """Arrays that a call reads. Those that are not contiguous are copied at each call."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._copied = [(np.empty_like(a, order="C"), a) for a in arrays if not a.flags.c_contiguous]
        copies = {id(a): copy for copy, a in self._copied}
        self.arrays = [copies.get(id(a), a) for a in arrays]

    def copy(self) -> None:
        for copy, a in self._copied:
            np.copyto(copy, a)


class _Bound:
    """A segment on arrays: the call that computes its outputs. `ways`: the lanes of each way to do it. They
    have one memory for their slots. If there are two, the faster one is used, from call to call."""

    def __init__(
        self,
        segment: Segment,
        run: Run,
        ways: list[list[_Lane]],
        ins: list[np.ndarray],
        outs: list[np.ndarray],
    ):
        sources, parameters = ins[: len(segment.sources)], ins[len(segment.sources) :]
        self._by_entry = {p.entry: a for p, a in zip(segment.parameters, parameters)}
        self._convolutions, self._parameters = segment.convolutions, parameters
        self._inputs = Inputs(sources)
        self._sources = self._inputs.arrays
        self._weights: _Weights = {}
        self._biases = [np.empty(c.shape[1], FLOAT) for c in self._convolutions]
        library = ways[0][0][0].library
        for plan, _, _ in itertools.chain(*ways):
            for number, layout in plan.weights.items():
                known = self._weights.setdefault(number, [])
                if not any(library.same(has, layout) for has, _ in known):
                    known.append((layout, memory.empty((layout.nbytes,), np.uint8)))
        self._library, self._run = library, run
        names = [p.name for p in segment.parameters]
        self._names = [] if None in names else [name for name in names if name is not None]
        self._writes: list[int] | None = None  # of the parameters, when the weights were last compared
        self._digest: list[int | None] | None = None  # of the parameters that the weights were made from
        edges = np.cumsum([a.nbytes for a in self._parameters])
        of = edges * threads.workers() // (edges[-1] + 1)
        self._parts = [[a for a, i in zip(self._parameters, of) if i == part] for part in np.unique(of)]
        nbytes = max(sum(plan.slots.nbytes for plan, _, _ in way) for way in ways)
        work = memory.empty((nbytes,), np.uint8)
        tasks = [self._tasks(way, outs, work) for way in ways]
        alone = partial(threads.run, tasks[-1])
        self._products: Callable[[], object] = (
            alone if len(ways) == 1 else threads.SharedOrAlone(partial(_run_until, tasks[0]), alone)
        )

    def _tasks(
        self, way: list[_Lane], outs: list[np.ndarray], work: np.ndarray
    ) -> list[Callable[..., object]]:
        """What the lanes of a way do. `work`: memory for the slots of all of them."""
        tasks: list[Callable[..., object]] = []
        for plan, start, stop in way:
            given = {
                "source": [a[start:stop] for a in self._sources],
                "output": [a[start:stop] for a in outs],
                "bias": self._biases,
            }
            tasks.append(partial(onednn.run, plan.bind(given, self._weights, work)))
            work = work[plan.slots.nbytes :]
        return tasks

    def __call__(self) -> None:
        self._inputs.copy()
        if not all(np.isfinite(a).all() for a in self._sources):
            raise NotFinite
        if self._writes is not None and self._writes == self._run.writes(self._names):
            self._products()
            return
        self._writes = None
        self._compute()
        self._writes = self._run.writes(self._names) if self._names else None

    def _compute(self) -> None:
        """Compute the outputs, with weights that are brought into their layouts again if the digest of the
        parameters has changed."""
        found: list[int | None] = [None] * len(self._parts)
        threads.run([partial(self._read, found, i) for i in range(len(found))])
        if self._digest is None or found != self._digest:
            self._digest = None
            self._fold()
            self._run.wrote(self._names)  # batch normalization may have set gamma to 1
            self._digest = None if None in found else found
        self._products()

    def _read(self, found: list[int | None], part: int) -> None:
        found[part] = native.digest(self._parts[part])

    def _fold(self) -> None:
        """Bring all weights into their layouts, with what follows the convolutions."""
        for c, bias, layouts in zip(self._convolutions, self._biases, self._weights.values()):
            weight = self._by_entry[c.weight.entry]
            bias[...] = 0 if c.bias is None else self._by_entry[c.bias.entry].reshape(-1)
            if c.fold is not None:
                scale, shift = c.fold(*(self._by_entry[p.entry] for p in c.fold_from))
                weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
                bias *= scale
                bias += shift
            weight = np.ascontiguousarray(weight)
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise NotFinite
            plain = c.plain(self._library)
            for layout, target in layouts:
                primitive = self._library.reorder(plain, layout)
                work = onednn.scratch(primitive)
                onednn.run([primitive.call(src=(plain, weight), dst=(layout, target), scratch=work)])


def _run_until(tasks: list[Callable[..., object]], deadline: float) -> None:
    threads.run([partial(task, deadline=deadline) for task in tasks])
