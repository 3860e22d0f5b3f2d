"""What the operators are: one file a family. Importing this package declares them all; the import below is
the list.

May import: everything below the engine (for their own NumPy code: `mxr.operator`, and `mxr.compiler.value`
for tracing).
"""

from mxr.ops import (  # noqa: F401  (the list: a family that is not here does not exist)
    attention,
    boxes,
    broadcast,
    columns,
    contrib,
    control,
    conv,
    create,
    ctc,
    custom,
    deformable,
    detection,
    elemwise,
    image,
    index,
    index_nd,
    join,
    lamb_update,
    linalg,
    linalg_diag,
    loss,
    matrix,
    multi_update,
    nn,
    norm,
    order,
    pdf,
    pool,
    random,
    reduce,
    resample,
    rnn,
    roi,
    scalar,
    sequence,
    shape,
    slice,
    spatial,
    update,
)
