"""Calls of oneDNN on one thread, which give the bits that they give on several.

Beside a busy process several threads are slow: in each call, all wait for the one that has no processor. But
a script prints the same numbers whatever else runs. So one thread is used only where that changes no bit.

Threads divide the outputs of most calls, which does not show. The gradient of a weight is a sum over samples:
oneDNN gives each thread a part of the samples, and adds the parts up. `ByParts` does the same on one thread.
Which way has the same bits is not concluded from oneDNN's code, but tried on random numbers, once for each
primitive.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from mxr.compiler.segments import FLOAT, PlannedCall, sums
from mxr.runtime import memory, onednn
from mxr.runtime.onednn import Computation, Layout, Prepared, Primitive

OfSamples = Callable[[int], Primitive]  # makes the primitive for this number of samples
_NUMBERS = 65_521  # of a trial, then repeated: a prime, so that no axis has their period
_READ = "src", "gdst"  # what the gradient of a weight is computed from


def on_one_thread(
    library: onednn.Library,
    samples: int,
    calls: list[PlannedCall],
    on_one: list[PlannedCall],
    of_samples: dict[int, OfSamples],
) -> list[PlannedCall]:
    """The calls, on one thread where that gives the same bits. `on_one`: the same calls, planned for one
    thread. `of_samples`: for gradients of weights, by the call's index."""
    if len(calls) != len(on_one):
        return calls
    found = []
    for i, (call, one) in enumerate(zip(calls, on_one)):
        several = call[0]
        if several.threads > 1 and several not in library.on_one:
            ways = _ways(library, samples, call, one, of_samples.get(i))
            library.on_one[several] = next((way for way in ways if _same_bits(call, way)), None)
        way = library.on_one.get(several)
        found.append(call if way is None else by(way, call))
    return found


def by(primitive: Computation, call: PlannedCall) -> PlannedCall:
    """A call that is made by another primitive."""
    scratch = (*call[1]["scratch"][:2], primitive.layouts["scratch"])
    return primitive, {**call[1], "scratch": scratch}


class ByParts:
    """The gradient of a weight on one thread: of some samples after the others, then added up.

    It is called as a primitive is. Its scratch memory has room for the gradients of one part.
    """

    threads = 1

    def __init__(self, library: onednn.Library, results: dict[str, Layout], count: int, part: Primitive):
        """`results`: the layouts of the gradients, by operand. `part`: for one of `count` equal parts."""
        self._results, self._count, self._part = results, count, part
        with onednn.one_thread():
            self._adding = {name: library.reorder(layout, layout, True) for name, layout in results.items()}
        scratch = [p.layouts["scratch"].nbytes for p in (part, *self._adding.values())]
        self._slots = memory.Buffers()
        self._scratch = self._slots.add(max(scratch))
        self._own = {name: self._slots.add(layout.nbytes) for name, layout in results.items()}
        self.name = f"by parts: {part.name}"
        self.layouts = {"scratch": library.contiguous((-(-self._slots.nbytes // FLOAT.itemsize),))}

    def call(self, **arrays: tuple[Layout, np.ndarray]) -> _InTurn:
        """A prepared call on arrays that lie as their layouts say."""
        slots = self._slots.within(arrays["scratch"][1])

        def own(number: int, layout: Layout) -> tuple[Layout, np.ndarray]:
            return layout, slots.array(number, (layout.nbytes,), np.dtype(np.uint8))

        total = {name: arrays[name] for name in self._results}
        later = {name: own(self._own[name], layout) for name, layout in self._results.items()}
        parts = {name: np.split(arrays[name][1].reshape(-1).view(np.uint8), self._count) for name in _READ}
        layouts = self._part.layouts
        calls: list[Prepared] = []
        for i in range(self._count):
            read = {name: (layouts[name], parts[name][i]) for name in _READ}
            scratch = own(self._scratch, layouts["scratch"])
            calls.append(self._part.call(**read, **(later if i else total), scratch=scratch))
            for name, adding in self._adding.items() if i else ():
                scratch = own(self._scratch, adding.layouts["scratch"])
                calls.append(adding.call(src=later[name], dst=total[name], scratch=scratch))
        return _InTurn(calls)


class _InTurn:
    """Calls as one call."""

    threads = 1

    def __init__(self, calls: list[Prepared]):
        self._calls = calls

    def __call__(self) -> None:
        for call in self._calls:
            call()


def _ways(
    library: onednn.Library, samples: int, call: PlannedCall, one: PlannedCall, of_samples: OfSamples | None
) -> Iterator[Computation]:
    """What could make the call on one thread, in its memory."""
    several, layouts, others = call[0], _layouts(call), _layouts(one)
    fits = partial(_fits, several)
    if (several.name, layouts.keys()) == (one[0].name, others.keys()) and all(
        library.same(layout, others[name]) for name, layout in layouts.items()
    ):
        yield from filter(fits, [one[0]])
    if of_samples is None:
        return
    for count in range(2, several.threads + 1):
        if several.threads % count or samples % count:
            continue
        try:
            with onednn.one_thread():
                part = of_samples(samples // count)
        except onednn.Unavailable:
            continue
        if library.same(part.layouts["gweights"], layouts["gweights"]) and all(
            part.layouts[name].nbytes * count == layouts[name].nbytes for name in _READ
        ):
            results = {name: layouts[name] for name in sums(call)}
            yield from filter(fits, [ByParts(library, results, count, part)])


def _layouts(call: PlannedCall) -> dict[str, Layout]:
    return {name: layout for name, (_, _, layout) in call[1].items() if name != "scratch"}


def _fits(several: Computation, way: Computation) -> bool:
    """Whether the scratch memory of several threads is enough."""
    return way.layouts["scratch"].nbytes <= several.layouts["scratch"].nbytes


def _same_bits(call: PlannedCall, way: Computation) -> bool:
    """Whether both give the same bits: tried on random numbers. If they added up in another order, nearly
    every sum would differ in its last digits."""
    results = sums(call)
    if not results:
        return True
    layouts = _layouts(call)
    read = _random(
        max([0, *(layouts[name].nbytes for name in _READ if name in layouts)])
    )  # one memory for both
    arrays = {
        name: (layout, read[: layout.nbytes] if name in _READ else _random(layout.nbytes))
        for name, layout in layouts.items()
    }
    digests = []
    for made in call[0], way:
        onednn.run([made.call(**arrays, scratch=onednn.scratch(made))])
        digests.append([zlib.crc32(arrays[name][1].data) for name in results])
    return digests[0] == digests[1]


def _random(nbytes: int) -> np.ndarray:
    """Memory with positive single-precision numbers."""
    numbers = np.random.default_rng(0).uniform(0.5, 1.5, _NUMBERS).astype(FLOAT).view(np.uint8)
    array = memory.empty((nbytes,), np.uint8)
    for start in range(0, nbytes, len(numbers)):
        part = array[start : start + len(numbers)]
        part[...] = numbers[: len(part)]
    return array
