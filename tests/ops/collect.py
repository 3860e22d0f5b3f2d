"""All samples of all families, found by importing tests/ops/samples/*.py."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

import mxr.sym  # noqa: F401  (declares the operators)
from mxr.operator import Op, canonical, registry, to_text
from tests.ops import samples
from tests.ops.sample import F, S


@dataclass(frozen=True)
class Case:
    """One sample of one operator. `id` names it in reports and in the list of known failures."""

    op: Op
    sample: S | F
    id: str

    @property
    def params(self) -> dict[str, str]:
        """The parameters as text, as they reach MXNet."""
        return {k: v if isinstance(v, str) else to_text(v) for k, v in self.sample.params.items()}

    def parsed(self):
        given = dict(self.sample.params)
        if self.op.variadic and self.op.variadic in self.op.params:
            given.setdefault(self.op.variadic, len(self.sample.inputs))
        return self.op.parse(given)

    @functools.cached_property
    def inputs(self) -> list:
        return self.sample.arrays(self.op.name)


@functools.cache
def sample_lists() -> dict[str, list]:
    """Operator (canonical name) -> its samples."""
    return {registry[name].name: items for _, name, items in written_lists() if name in registry}


def written_lists() -> Iterator[tuple[str, str, list]]:
    """(file, operator, samples) as tests/ops/samples/*.py have them."""
    for module in pkgutil.iter_modules(samples.__path__):
        for name, items in importlib.import_module(f"{samples.__name__}.{module.name}").SAMPLES.items():
            yield f"{module.name}.py", name, items


def cases(kind: type = S, family: str | None = None, op: str | None = None) -> Iterator[Case]:
    """The samples (kind S) or must-fail samples (kind F) of one operator, one family (a module in mxr/ops),
    or of all."""
    for record in canonical():
        if (family and record.family != family) or (op and op not in (record.name, *record.aliases)):
            continue
        for i, sample in enumerate(s for s in sample_lists().get(record.name, []) if isinstance(s, kind)):
            yield Case(record, sample, f"{record.name}[{i}]" if kind is S else f"{record.name} fails[{i}]")
