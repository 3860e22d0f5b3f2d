"""What an operator is: errors, parameters, shapes, kernels, declaration, registry, and operators of users.

Declarations of operators import from here only (docs/adding-an-operator.md). May import: runtime.
"""

from mxr.operator.arguments import input_names, match_inputs, possible_inputs
from mxr.operator.custom import CustomOp, CustomOpProp, get_all_registered_operators, register
from mxr.operator.declaration import op
from mxr.operator.errors import FileError, MxError, NotImplementedInMxr, ParamError, ShapeError, suggest
from mxr.operator.kernel import Prepared, Run
from mxr.operator.parameters import (
    DTYPES,
    REQUIRED,
    TYPE_NUMBERS,
    Dtype,
    Floats,
    P,
    Parameter,
    Shape,
    element_type,
    to_text,
)
from mxr.operator.record import Op
from mxr.operator.registry import canonical, get, not_here, registry
from mxr.operator.shapes import (
    affordable,
    axis_of,
    known,
    r_order,
    same_shape,
    shape_text,
    size,
    spelled,
    unify,
)

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "DTYPES",
    "REQUIRED",
    "TYPE_NUMBERS",
    "Dtype",
    "Floats",
    "FileError",
    "MxError",
    "NotImplementedInMxr",
    "Op",
    "P",
    "Parameter",
    "ParamError",
    "Prepared",
    "Run",
    "Shape",
    "ShapeError",
    "affordable",
    "axis_of",
    "canonical",
    "element_type",
    "get",
    "get_all_registered_operators",
    "input_names",
    "known",
    "match_inputs",
    "op",
    "possible_inputs",
    "r_order",
    "register",
    "not_here",
    "registry",
    "same_shape",
    "shape_text",
    "size",
    "spelled",
    "suggest",
    "to_text",
    "unify",
]
