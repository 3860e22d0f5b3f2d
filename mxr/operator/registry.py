"""The registry of operators: canonical names and aliases."""

from __future__ import annotations

from mxr.operator.errors import NotImplementedInMxr, suggest
from mxr.operator.record import Op
from mxr.operator.refused import why_not

registry: dict[str, Op] = {}  # canonical names and aliases; an alias maps to the same record


def get(name: str) -> Op:
    """The operator of that name (or alias). MxError with a suggestion otherwise."""
    try:
        return registry[name]
    except KeyError:
        if why := not_here(name):
            raise NotImplementedInMxr(why) from None
        raise NotImplementedInMxr(f"there is no operator {name} in mxr" + suggest(name, registry)) from None


def not_here(name: str) -> str | None:
    """The sentence about an operator that MXNet has and mxr has not; None about any other name."""
    why = why_not(name)
    return f"the operator {name} is not in mxr: {why}" if why else None


def canonical() -> list[Op]:
    """Every operator once, by name."""
    return sorted({id(o): o for o in registry.values()}.values(), key=lambda o: o.name)


def register(record: Op) -> Op:
    for key in (record.name, *record.aliases):
        if key in registry:
            raise AssertionError(f"operator {key} is declared twice")
        registry[key] = record
    return record
