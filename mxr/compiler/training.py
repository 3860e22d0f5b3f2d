"""Segments that are trained: a forward pass and its gradients in oneDNN's layouts.

As in inference, images stay in oneDNN's layouts between operators. Here every node is computed by itself,
except for rectifiers, since gradients read what is between. The images that they read are kept until then.
Weights change in every step, so they are brought into their layouts in every pass.

One plan computes all samples. oneDNN divides the work of each primitive among OpenMP's threads. Beside a
busy process that is slow, since each primitive waits for its slowest thread. Then one thread computes nearly
all of them, with the same bits: see mxr.compiler.alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np

from mxr.compiler.alone import OfSamples, by, on_one_thread
from mxr.compiler.images import (
    Added,
    Convolution,
    Entry,
    Image,
    Joined,
    Normalized,
    Pooled,
    Rectified,
    Source,
    Transposed,
)
from mxr.compiler.segments import FLOAT, Inputs, NotFinite, Plan, PlannedCall, Ref, Segment
from mxr.graph.node import Node
from mxr.operator.kernel import Run
from mxr.operator.shapes import Dims
from mxr.runtime import costs, onednn, threads

Key = int | Entry  # of a gradient: id(image), or what a source is


class TrainingSegment(Segment):
    """A segment with gradients of `wanted`, which are some of its inputs.

    Its last output, a single number without a meaning, stands for the images that are kept: gradients read
    it, and so come after the forward pass.
    """

    def __init__(self, nodes: list[Node], images: list[Image], outputs: list[Entry], wanted: set[Entry]):
        super().__init__(nodes, images, outputs)
        self.wanted = [entry for entry in self.inputs if entry in wanted]
        self.needs = self._find_needs()
        self.normalized = [image for image in self.order if isinstance(image, Normalized)]

    def _find_needs(self) -> set[int]:
        """By id: the images on which a wanted gradient depends."""
        found: set[int] = set()
        for image in self.order:
            own = [image] if isinstance(image, Source) else image.parameters
            if any(source.entry in self.wanted for source in own) or any(
                id(i) in found for i in image.inputs
            ):
                found.add(id(image))
        return found

    def pays(self) -> bool:
        """Whether a convolution gains by oneDNN, which can compute everything. A convolution on its own would
        gain nothing. Without OpenMP's threads, ours divide the work of every operator better."""
        library = onednn.library()
        assert library is not None
        if len(self.nodes) == 1 or library.most_threads < threads.workers():
            return False
        parameters = {p.entry for p in self.parameters}
        if any(s.entry in parameters for s in self.sources) or not any(c.pays for c in self.convolutions):
            return False
        try:
            count = self.pay_threads(library.most_threads, costs.TEAM_NS)
            self._forward, self._gradient = self._plans_for(library, count)
        except onednn.Unavailable:
            return False
        return True

    def _plans_for(self, library: onednn.Library, count: int) -> tuple[_Forward, _Gradient]:
        """The plans for a number of threads."""
        with onednn.on_threads(count):
            forward = _Forward(library, self, self.images[0].shape[0])
            return forward, _Gradient(forward, self)

    @property
    def guess(self) -> float:
        """Nanoseconds that the forward pass takes on one thread, generously guessed: a sixth of them for the
        products. The first call also has to get its memory from the system."""
        return 6 * self._work * costs.PRIMITIVE_FLOP_NS

    @cached_property
    def _plans_on_one(self) -> tuple[_Forward, _Gradient]:
        return self._plans_for(self._forward.library, 1)

    def forward_on_one(self, train: bool) -> list[PlannedCall]:
        """The calls of the forward pass on one thread."""
        return self._plans_on_one[0].planned(train)

    def gradient_on_one(self) -> list[PlannedCall]:
        """The calls of the backward pass on one thread."""
        return self._plans_on_one[1].calls

    @property
    def shapes(self) -> list[Dims]:
        return [*super().shapes, (1,)]

    def bind(self, run: Run, ins: list[np.ndarray], outs: list[np.ndarray]) -> Callable[[], None]:
        """The call that computes the outputs from arrays of `inputs`."""
        return _BoundForward(self, self._forward, run, ins, outs)

    def bind_gradient(
        self, run: Run, heads: Sequence[np.ndarray | None], ins: list[np.ndarray], results: list[np.ndarray]
    ) -> Callable[[], None]:
        """The call that computes the gradients of `wanted` from those of the images, `heads`, after the
        forward pass. It updates the moving statistics, as MXNet does in the backward pass."""
        return _BoundGradient(self, self._forward, self._gradient, heads, ins, results)


class _Forward(Plan):
    """The forward pass. Operands besides those of `Plan`: a "parameter" (of that number in the segment), and
    "mean", "variance" and "scale" of a normalization."""

    def __init__(self, library: onednn.Library, segment: TrainingSegment, samples: int):
        self.parameters = {p.entry: i for i, p in enumerate(segment.parameters)}
        self.normalized = {id(image): i for i, image in enumerate(segment.normalized)}
        self.kept = {id(image) for image in _read_by_gradients(segment)}
        self._in_kept = _in_kept_memory(segment, self.kept)
        self.computed: dict[int, onednn.Primitive] = {}  # by id(image): what has computed it
        self.workspaces: dict[int, Ref] = {}
        self.layouts: dict[int, onednn.Layout] = {}  # by id(image): the one it was computed in
        self.given: dict[int, onednn.Primitive] = {}  # by the call's index: with given statistics
        super().__init__(library, segment, samples)
        self.statistics: dict[str, list[np.ndarray]] = {
            name: [np.zeros(image.shape[1], FLOAT) for image in segment.normalized]
            for name in ("mean", "variance", "scale")
        }

    def _computed(self, image: Image) -> Ref:
        if isinstance(image, Normalized):
            place = self._normalized(image)
        elif isinstance(image, Rectified):
            place = self._rectified(image)
        elif isinstance(image, Added):
            place = self._added(image)
        else:
            place = super()._computed(image)
        self.layouts[id(image)] = place[2]
        return place

    def _done(self, image: Image) -> None:
        if id(image) not in self.kept:
            super()._done(image)

    def parameter(self, source: Source, layout: onednn.Layout | None = None) -> Ref:
        shape = source.shape if layout is None else (source.shape[0],)
        return "parameter", self.parameters[source.entry], layout or self.library.contiguous(shape)

    def weight(self, c: Convolution, layout: onednn.Layout) -> Ref:
        """The convolution's weight in a layout, in a buffer."""
        plain = self.parameter(c.weight, c.plain(self.library))
        if self.library.same(plain[2], layout):
            return plain
        target = self.buffer(layout)
        self.copy(plain, target)
        return target

    def overwritten(self, image: Image) -> Ref | None:
        """The place of an image that nothing reads any more after this."""
        if self._left[id(image)] > 1 or id(image) in self.kept:
            return None
        places = self._places[id(image)]
        for place in places:
            if place[0] == "slot":
                places.remove(place)
                return place
        return None

    def _until_the_end(self, layout: onednn.Layout) -> Ref:
        """A buffer for what gradients read."""
        return "slot", self.slots.add(max(1, layout.nbytes)), layout

    def _output(self, image: Image, layout: onednn.Layout) -> Ref:
        return (self._until_the_end if id(image) in self._in_kept else self.buffer)(layout)

    def _convolution(self, c: Convolution) -> Ref:
        primitive = self.library.convolution(
            c.kinds[0], (c.data.shape, c.grouped, c.shape), c.bias is not None, c.geometry, c.after
        )
        operands = {"src": self._in(c.data, primitive.layouts["src"])}
        if c.bias is not None:
            operands["bias"] = self.parameter(c.bias)
        weight = self.weight(c, primitive.layouts["weights"])
        out = self._output(c, primitive.layouts["dst"])
        self.call(primitive, **operands, weights=weight, dst=out)
        self.release(weight)
        return out

    def _normalized(self, image: Normalized) -> Ref:
        data, number, how = self._places[id(image.data)][0], self.normalized[id(image)], image.how
        layout = self._as_planes(data[2], image.shape)
        with onednn.on_threads(self.library.threads_for_channels(layout, image.shape)):
            primitive, given = (
                _compiled(self.library.normalization(layout, how.eps, statistics, image.relu))
                for statistics in (how.given, True)
            )
        vector = self.library.contiguous(image.shape[1:2])
        out = self._output(image, data[2])
        operands = {name: (name, number, vector) for name in ("mean", "variance", "scale")}
        operands |= {"shift": self.parameter(image.statistics[1])}
        operands |= {"src": (*data[:2], layout), "dst": (*out[:2], layout)}
        if image.relu:
            workspace = self._until_the_end(primitive.layouts["workspace"])
            self.workspaces[id(image)] = operands["workspace"] = workspace
        self.computed[id(image)] = primitive
        self.given[len(self.calls)] = given
        scratch = max(
            primitive.layouts["scratch"], given.layouts["scratch"], key=lambda layout: layout.nbytes
        )
        self.call(primitive, scratch, **operands)
        return out

    def _as_planes(self, layout: onednn.Layout, shape: Dims) -> onednn.Layout:
        """The same memory as images of one row, if they have one spatial axis: normalization has no code for
        signals."""
        other = self.library.like(layout, shape, (*shape[:2], 1, *shape[2:])) if len(shape) == 3 else None
        return other or layout

    def _rectified(self, image: Rectified) -> Ref:
        data = self._places[id(image.data)][0]
        out = self.overwritten(image.data) or self._output(image, data[2])
        self.call(_compiled(self.library.rectifier(data[2])), src=data, dst=out)
        return out

    def _added(self, image: Added) -> Ref:
        first, second = image.parts
        out = self.overwritten(first)
        if out is None:
            first, second = second, first
            out = self.overwritten(first)
        if out is None:
            place = self._places[id(first)][0]
            out = self._output(image, place[2])
            self.copy(place, out)
        self.copy(self._places[id(second)][0], out, adds=True)
        return out

    def _pooled(self, image: Pooled) -> Ref:
        data = self._places[id(image.data)][0]
        primitive = _compiled(self.library.pooling(image.how, data[2], image.shape, image.geometry, True))
        out = self._output(image, primitive.layouts["dst"])
        operands = {"src": data, "dst": out}
        if "workspace" in primitive.layouts:
            workspace = self._until_the_end(primitive.layouts["workspace"])
            self.workspaces[id(image)] = operands["workspace"] = workspace
        self.computed[id(image)] = primitive
        self.call(primitive, **operands)
        return out

    def planned(self, train: bool) -> list[PlannedCall]:
        """The calls of a training step, or of an evaluation: normalizations are given the statistics then."""
        given = {} if train else self.given
        return [by(given.get(i, call[0]), call) for i, call in enumerate(self.calls)]

    def bind_calls(
        self, calls: Sequence[PlannedCall], given: dict[str, list[np.ndarray]]
    ) -> list[onednn.Prepared]:
        """Calls of this plan or of the gradient's on arrays."""
        return self._bound(calls, self.slots, given | self.statistics, {})

    def value(self, image: Image, layout: onednn.Layout) -> Ref:
        """A kept image in a layout; in a new buffer, if it was in no such layout."""
        place = self._place(image, layout)
        if place is None:
            place = self.buffer(layout)
            self.copy(self._places[id(image)][0], place)
        return place

    def kept_places(self, image: Image) -> list[Ref]:
        return self._places[id(image)]


def _read_by_gradients(segment: TrainingSegment) -> list[Image]:
    """The images that gradients read."""
    found: list[Image] = []
    for image in segment.order:
        if id(image) not in segment.needs:
            continue
        if isinstance(image, Convolution):
            learned = any(p.entry in segment.wanted for p in image.parameters)
            found += [image] * image.relu + [image.data] * learned
        elif isinstance(image, Normalized):
            found.append(image.data)
        elif isinstance(image, Rectified):
            found.append(image)
    return found


def _in_kept_memory(segment: TrainingSegment, kept: set[int]) -> set[int]:
    """By id: kept images, and those whose memory a kept one is written to."""
    found = set(kept)
    for image in reversed(segment.order):
        if isinstance(image, (Added, Rectified)) and id(image) in found:
            found.update(map(id, image.inputs))
    return found


def _compiled(primitive: onednn.Primitive) -> onednn.Primitive:
    if "ref" in onednn.inner(primitive.name).split(":")[0]:
        raise onednn.Unavailable("oneDNN has only its reference code for this")
    return primitive


class _Gradient:
    """The calls of the backward pass. Operands besides those of the forward pass: a "head" (the gradient of
    an output), and the "gradient" of an input that is wanted, by numbers."""

    def __init__(self, forward: _Forward, segment: TrainingSegment):
        self._forward, self._segment, self._library = forward, segment, forward.library
        self._wanted = {entry: i for i, entry in enumerate(segment.wanted)}
        self.missing = set(range(len(segment.wanted)))  # gradients that nothing computes: zeros
        self._readers = Counter(p.entry for image in segment.order for p in image.parameters)
        self.normalized: list[Normalized] = []  # those that the pass comes through
        self.of_samples: dict[int, OfSamples] = {}  # gradients of weights, by the call's index
        self._parts: dict[Key, list[Ref]] = defaultdict(list)  # contributions that are added up
        self._uses: Counter[int] = Counter()  # of slots
        for i, image in enumerate(segment.images):
            self._parts[id(image)].append(("head", i, self._library.contiguous(image.shape)))
        before, forward.calls = forward.calls, []  # which the forward plan's methods add to
        self._compute()
        self.calls, forward.calls = forward.calls, before

    def _compute(self) -> None:
        compute: dict[type[Image], Callable] = {
            Convolution: self._convolution,
            Transposed: self._convolution,
            Normalized: self._normalized,
            Rectified: self._rectified,
            Pooled: self._pooled,
            Added: self._added,
            Joined: self._joined,
        }
        for image in reversed(self._segment.order):
            if isinstance(image, Source):
                continue
            parts = self._parts.pop(id(image), [])
            if id(image) in self._segment.needs and parts:
                compute[type(image)](image, self._total(parts))
            else:
                for part in parts:
                    self._release(part)
        for source in self._segment.sources:
            parts = self._parts.pop(source.entry, [])
            if parts:
                self._copy_result(self._total(parts), source.entry, source.shape)

    # ------------------------------------------------------------------------------------------ gradients
    def _add(self, image: Image, g: Ref) -> None:
        """Add a contribution to an image's gradient, whose user this is."""
        key = image.entry if isinstance(image, Source) else id(image)
        self._parts[key].append(g)

    def _buffer(self, layout: onednn.Layout) -> Ref:
        ref = self._forward.buffer(layout)
        self._uses[ref[1]] += 1
        return ref

    def _release(self, ref: Ref) -> None:
        if ref[0] == "slot":
            self._uses[ref[1]] -= 1
            if not self._uses[ref[1]]:
                self._forward.release(ref)

    def _may_overwrite(self, ref: Ref) -> bool:
        return ref[0] == "slot" and self._uses[ref[1]] == 1

    def _total(self, parts: list[Ref]) -> Ref:
        """The sum of contributions."""
        if len(parts) == 1:
            return parts[0]
        target = next((part for part in parts if self._may_overwrite(part)), None)
        if target is None:
            target = self._buffer(parts[0][2])
            self._forward.copy(parts[0], target)
            self._release(parts.pop(0))
        for part in parts:
            if part is not target:
                self._forward.copy(part, target, adds=True)
                self._release(part)
        return target

    def _in(self, g: Ref, layout: onednn.Layout) -> Ref:
        """A gradient in a layout, instead of where it was."""
        if self._library.same(g[2], layout):
            return g
        target = self._buffer(layout)
        self._forward.copy(g, target)
        self._release(g)
        return target

    def _output(self, g: Ref, layout: onednn.Layout) -> Ref:
        """Where a gradient of the same size is written: to the memory of `g`, if nothing reads that later."""
        if self._may_overwrite(g):
            return g
        self._release(g)
        return self._buffer(layout)

    def _result(self, entry: Entry, layout: onednn.Layout) -> Ref | None:
        """Where the gradient of an input is written; None if it is not wanted. Where several images read the
        input, it is a part of the gradient, which `_written` adds."""
        if entry not in self._wanted:
            return None
        if self._readers[entry] > 1:
            return self._buffer(layout)
        self.missing.discard(self._wanted[entry])
        return "gradient", self._wanted[entry], layout

    def _written(self, entry: Entry, result: Ref | None) -> None:
        """What `_result` has given is written."""
        if result is not None and result[0] == "slot":
            number = self._wanted[entry]
            self._forward.copy(result, ("gradient", number, result[2]), adds=number not in self.missing)
            self.missing.discard(number)
            self._release(result)

    def _copy_result(self, g: Ref, entry: Entry, shape: Dims) -> None:
        result = self._result(entry, self._library.contiguous(shape))
        if result is not None:
            self._forward.copy(g, result)
        self._release(g)

    # -------------------------------------------------------------------------------------------- by image
    def _convolution(self, c: Convolution, g: Ref) -> None:
        if c.relu:
            g = self._through_relu(c, g)
        bias = None if c.bias is None else self._result(c.bias.entry, self._library.contiguous(c.shape[1:2]))
        if bias is not None or c.weight.entry in self._wanted:
            g = self._weight(c, g, bias)
        if id(c.data) in self._segment.needs:
            primitive = self._primitive(c.kinds[1], c, False)
            g = self._in(g, primitive.layouts["gdst"])
            weight = self._forward.weight(c, primitive.layouts["weights"])
            out = self._buffer(primitive.layouts["gsrc"])
            self._forward.call(primitive, weights=weight, gdst=g, gsrc=out)
            self._forward.release(weight)
            self._add(c.data, out)
        self._release(g)

    def _primitive(
        self, kind: str, c: Convolution, bias: bool, samples: int | None = None
    ) -> onednn.Primitive:
        data, out = (i.shape if samples is None else (samples, *i.shape[1:]) for i in (c.data, c))
        shapes = data, c.grouped, out
        return _compiled(self._library.convolution(kind, shapes, bias, c.geometry))

    def _weight(self, c: Convolution, g: Ref, bias: Ref | None) -> Ref:
        """The gradients of weight and bias. Returns the output's gradient in the layout that was needed."""
        primitive = self._primitive(c.kinds[2], c, bias is not None)
        g = self._in(g, primitive.layouts["gdst"])
        data = self._forward.value(c.data, primitive.layouts["src"])
        plain = c.plain(self._library)
        direct = self._result(c.weight.entry, plain)
        layout = primitive.layouts["gweights"]
        target = direct if direct and self._library.same(layout, plain) else self._buffer(layout)
        operands = {"src": data, "gdst": g, "gweights": target}
        self.of_samples[len(self._forward.calls)] = partial(self._primitive, c.kinds[2], c, bias is not None)
        self._forward.call(primitive, **operands, **({} if bias is None else {"gbias": bias}))
        if target is not direct:
            if direct is not None:
                self._forward.copy(target, direct)
            self._release(target)
        self._written(c.weight.entry, direct)
        if c.bias is not None:
            self._written(c.bias.entry, bias)
        if data not in self._forward.kept_places(c.data):
            self._forward.release(data)
        return g

    def _through_relu(self, image: Image, g: Ref) -> Ref:
        """The gradient before a rectifier whose output is the image."""
        value = self._forward.kept_places(image)[0]
        g = self._in(g, value[2])
        out = self._output(g, value[2])
        self._forward.call(_compiled(self._library.rectifier_gradient(value[2])), dst=value, gdst=g, gsrc=out)
        return out

    def _rectified(self, image: Rectified, g: Ref) -> None:
        self._add(image.data, self._through_relu(image, g))

    def _normalized(self, image: Normalized, g: Ref) -> None:
        forward, how = self._forward, image.how
        self.normalized.append(image)
        computed = forward.computed[id(image)]
        with onednn.on_threads(computed.threads):
            primitive = _compiled(
                self._library.normalization_gradient(computed, how.eps, how.given, image.relu)
            )
        data = forward.kept_places(image.data)[0]
        g = self._in(g, data[2])
        vector = self._library.contiguous(image.shape[1:2])
        gamma, beta = image.statistics[:2]
        unread = self._buffer(vector), self._buffer(vector)
        learned = self._result(gamma.entry, vector) if how.learned else None
        shift = self._result(beta.entry, vector)
        out = self._output(g, data[2])
        layout = primitive.layouts["gsrc"]
        number = forward.normalized[id(image)]
        operands = {name: (name, number, vector) for name in ("mean", "variance", "scale")}
        if image.relu:
            operands["workspace"] = forward.workspaces[id(image)]
        if self._library.gradient_reads_shift:
            operands["shift"] = forward.parameter(image.statistics[1])
        forward.call(
            primitive,
            **operands,
            src=(*data[:2], layout),
            gdst=(*g[:2], layout),
            gsrc=(*out[:2], layout),
            gscale=learned or unread[0],
            gshift=shift or unread[1],
        )
        self._written(gamma.entry, learned)
        self._written(beta.entry, shift)
        for ref in unread:
            self._release(ref)
        self._add(image.data, out)

    def _pooled(self, image: Pooled, g: Ref) -> None:
        primitive = _compiled(
            self._library.pooling_gradient(image.how, self._forward.computed[id(image)], image.geometry)
        )
        g = self._in(g, primitive.layouts["gdst"])
        out = self._buffer(primitive.layouts["gsrc"])
        workspace = self._forward.workspaces.get(id(image))
        self._forward.call(
            primitive, gdst=g, gsrc=out, **({} if workspace is None else {"workspace": workspace})
        )
        self._release(g)
        self._add(image.data, out)

    def _added(self, image: Added, g: Ref) -> None:
        for part in image.parts:
            if g[0] == "slot":
                self._uses[g[1]] += 1
            self._add(part, g)
        self._release(g)

    def _joined(self, image: Joined, g: Ref) -> None:
        start = 0
        for part in image.parts:
            if id(part) in self._segment.needs:
                inner = self._forward.channels(g[2], part, start)
                layout = self._forward.layouts.get(id(part)) or self._library.contiguous(part.shape)
                out = self._buffer(layout)
                self._forward.copy((g[0], g[1], inner), out)
                self._add(part, out)
            start += part.shape[1]
        self._release(g)


# ---------------------------------------------------------------------------------------------- on arrays


class _BoundForward:
    """The forward pass on arrays."""

    def __init__(
        self,
        segment: TrainingSegment,
        plan: _Forward,
        run: Run,
        ins: list[np.ndarray],
        outs: list[np.ndarray],
    ):
        self._run, self._plan, self._inputs = run, plan, Inputs(ins)
        count = len(segment.sources)
        self._sources, parameters = self._inputs.arrays[:count], self._inputs.arrays[count:]
        given = {"source": self._sources, "parameter": parameters, "output": outs[:-1]}
        self._compute = {
            train: _computed(
                plan,
                plan.planned(train),
                partial(segment.forward_on_one, train),
                given,
                {},
                segment.guess,
            )
            for train in (True, False)
        }
        by_entry = {p.entry: a for p, a in zip(segment.parameters, ins[count:])}
        self._normalized = [
            (image.how, [by_entry[s.entry] for s in image.statistics]) for image in segment.normalized
        ]
        # A NaN or infinity in the weights of these shows in the statistics of the batch
        seen = {id(n.data) for n in segment.normalized if not n.how.given and n.data.uses == 1}
        weights = {id(c): [by_entry[p.entry] for p in c.parameters] for c in segment.convolutions}
        always = [*self._sources, *(a for _, arrays in self._normalized for a in arrays[:2])]
        self._checked = {
            True: always + [a for key, arrays in weights.items() if key not in seen for a in arrays],
            False: always + [a for arrays in weights.values() for a in arrays],
        }

    def __call__(self) -> None:
        train = bool(self._run.train)
        self._inputs.copy()
        if not all(map(_finite, self._checked[train])):
            raise NotFinite
        statistics = self._plan.statistics
        for i, (how, (gamma, _, mean, var)) in enumerate(self._normalized):
            np.copyto(statistics["scale"][i], how.scale(gamma))
            if how.given or not train:
                np.copyto(statistics["mean"][i], mean)
                np.copyto(statistics["variance"][i], var)
        self._compute[train]()
        if not all(map(_finite, (*statistics["mean"], *statistics["variance"]))):
            raise NotFinite


class _BoundGradient:
    """The backward pass on arrays."""

    def __init__(
        self,
        segment: TrainingSegment,
        plan: _Forward,
        gradient: _Gradient,
        heads: Sequence[np.ndarray | None],
        ins: list[np.ndarray],
        results: list[np.ndarray],
    ):
        zeros = [np.zeros(image.shape, FLOAT) if g is None else g for image, g in zip(segment.images, heads)]
        self._inputs = Inputs([*zeros, *ins])
        arrays, count = self._inputs.arrays, len(heads)
        sources = count + len(segment.sources)
        given = {
            "head": arrays[:count],
            "source": arrays[count:sources],
            "parameter": arrays[sources:],
            "gradient": results,
        }
        self._compute = _computed(
            plan,
            gradient.calls,
            segment.gradient_on_one,
            given,
            gradient.of_samples,
            2 * segment.guess,
        )
        self._zeros = [results[i] for i in gradient.missing]
        by_entry = {p.entry: a for p, a in zip(segment.parameters, ins[len(segment.sources) :])}
        self._moving = [
            (FLOAT.type(image.how.momentum), by_entry[moving.entry], batch[plan.normalized[id(image)]])
            for image in gradient.normalized
            if not image.how.given
            for moving, batch in zip(
                image.statistics[2:], (plan.statistics["mean"], plan.statistics["variance"])
            )
        ]

    def __call__(self) -> None:
        self._inputs.copy()
        for a in self._zeros:
            a[...] = 0
        self._compute()
        for momentum, moving, batch in self._moving:
            moving *= momentum
            moving += batch * (1 - momentum)


def _computed(
    plan: _Forward,
    calls: list[PlannedCall],
    on_one: Callable[[], list[PlannedCall]],
    given: dict[str, list[np.ndarray]],
    of_samples: dict[int, OfSamples],
    guess: float,
) -> Callable[[], object]:
    """A function that makes the calls on arrays. Beside a busy process as few as possible use several
    threads: see mxr.compiler.alone, which `on_one` and `of_samples` are for. `guess`: nanoseconds on one
    thread."""
    shared = plan.bind_calls(calls, given)
    if all(call.threads == 1 for call in shared):
        return partial(_run, shared)

    made: list[onednn.Prepared] = []

    def alone() -> None:
        if not made:
            found = on_one_thread(plan.library, plan.samples, calls, on_one(), of_samples)
            made.extend(plan.bind_calls(found, given))
        _run(made, True)

    return threads.SharedOrAlone(
        partial(_run, shared, False), alone, guess if guess > costs.PREPARED_ALONE_NS else math.inf
    )


def _run(calls: list[onednn.Prepared], sleepy: bool = False, deadline: float = math.inf) -> None:
    threads.run([partial(onednn.run, calls, sleepy, deadline)])


def _finite(a: np.ndarray) -> bool:
    """Whether all numbers are finite. A sum of squares tells it fast, unless it is too large."""
    flat = a.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())
