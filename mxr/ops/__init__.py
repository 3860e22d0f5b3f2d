"""What the operators are: one file a family. Importing this package declares them all; `FAMILIES` is the list.

May import: everything below the engine (for their own NumPy code: `mxr.operator`, and `mxr.compiler.value` for tracing).
"""
from mxr.ops import (  # the list: a family that is not here does not exist
    broadcast,
    columns,
    conv,
    create,
    ctc,
    custom,
    elemwise,
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
    rnn,
    scalar,
    sequence,
    shape,
    slice,
    spatial,
    update,
)

FAMILIES = (
    broadcast, columns, conv, create, ctc, custom, elemwise, index, index_nd, join, lamb_update, linalg,
    linalg_diag, loss, matrix, multi_update, nn, norm, order, pdf, pool, random, reduce, rnn,
    scalar, sequence, shape, slice, spatial, update,
)
