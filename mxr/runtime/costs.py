"""Every tuning number of the project: its unit, what it decides, and how it is measured.

Times are nanoseconds on one core. Every decision whether to share work among threads compares the work's time
with `WAKE_NS`.

    python -m tests.bench --costs            the values measured on this machine, beside these
    python -m tests.bench --costs WAKE_NS    the same for one number

These numbers decide how fast results are computed. They change results only by the order of additions. Sizes
that C code needs as constants are at the beginning of mxr/native/core.c.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, get_type_hints


@dataclass(frozen=True)
class About:
    """A number's unit and what it decides. Read both after the value: "65536 elements, up to which ...".

    `fixed` gives the source of a number that is not measured.
    """

    unit: str
    decides: str
    fixed: str = ""


@dataclass(frozen=True)
class Number:
    """A number with its name and value."""

    name: str
    value: float
    about: About

    @property
    def command(self) -> str:
        """The command that measures the number on this machine; empty if it is not measured."""
        return "" if self.about.fixed else f"python -m tests.bench --costs {self.name}"


def table() -> dict[str, Number]:
    """All numbers, by name, in the order of this file."""
    here = sys.modules[__name__]
    hints = get_type_hints(here, include_extras=True)
    return {
        name: Number(name, getattr(here, name), hint.__metadata__[0])
        for name, hint in hints.items()
        if hasattr(hint, "__metadata__")
    }


# fmt: off
# ------------------------------------------------------------------------------------------------- threads
WAKE_NS: Annotated[int, About("ns",
    "from waking a worker until it begins. Work worth less than twice that stays on the calling "
    "thread, whose own piece is longer by that")] = 25_000
TEAM_NS: Annotated[int, About("ns",
    "to make OpenMP's threads and to end them. A segment for few samples that is worth twice that for each "
    "thread uses them")] = 80_000
LOCK_NS: Annotated[int, About("ns per call",
    "from which threads wait for Python's lock for less time than they compute. Regions of "
    "shorter calls stay on one thread")] = 10_000

# ------------------------------------------------------------------------------- time of work, on one core
FLOP_NS: Annotated[float, About("ns per operation",
    "time of a product: a multiplication and an addition are two operations")] = 0.005
OPERATION_NS: Annotated[float, About("ns per element",
    "time of a cheap element-wise function: adding, comparing")] = 0.1
EXPENSIVE_OPERATIONS: Annotated[int, About("cheap operations",
    "time of an expensive function (exp, log, tanh), for dividing a region's work")] = 4
UPDATE_NS: Annotated[float, About("ns per element", "time of an optimizer's step")] = 0.38
POOL_NS: Annotated[float, About("ns per input element", "time of pooling, forward")] = 0.25
POOL_GRADIENT_NS: Annotated[float, About("ns per input element", "time of pooling, backward")] = 0.6
SOFTMAX_NS: Annotated[float, About("ns per element", "time of a softmax and its gradient")] = 0.9
SUM_NS: Annotated[float, About("ns per element", "time of a sum as a product with ones")] = 0.05
COLUMN_NS: Annotated[float, About("ns per element",
    "time to copy an element of a convolution's columns")] = 0.15
COLUMN_FILTER_NS: Annotated[float, About("ns per element and filter",
    "time to multiply an element of a convolution's columns with each filter")] = 0.011
PRIMITIVE_FLOP_NS: Annotated[float, About("ns per operation",
    "time of a convolution by oneDNN, without its reorders")] = 0.0068
PREPARED_ALONE_NS: Annotated[int, About("ns",
    "of a training segment's pass from which one thread is prepared only when several are slow",
    fixed="a choice: preparing takes the time of some passes, and memory for two images")] = 5_000_000
REORDER_NS: Annotated[float, About("ns per element",
    "time to copy an element into oneDNN's layout")] = 0.15

# ------------------------------------------------------------------------- the processor and its libraries
CACHE_LINE: Annotated[int, About("bytes", "where arrays begin", fixed="the processor's cache lines")] = 64
BLAS_PANEL: Annotated[int, About("rows or columns",
    "that BLAS computes at a time: products are cut at multiples",
    fixed="OpenBLAS's kernels for AVX2 and AVX-512")] = 16
BLAS_SMALL_PRODUCT: Annotated[int, About("multiplications",
    "up to which OpenBLAS reads operands directly, without packing them first",
    fixed="OpenBLAS's limit for small matrices")] = 1_000_000
BLAS_THREADS_PRODUCT: Annotated[int, About("multiplications",
    "from which OpenBLAS would start its own threads for a product",
    fixed="OpenBLAS's own limit")] = 250_000
BLAS_THREADS_VECTOR: Annotated[int, About("elements",
    "from which OpenBLAS would start its own threads for a product with a vector",
    fixed="OpenBLAS's own limit")] = 9000
TURNED_PRODUCT_ROWS: Annotated[int, About("rows",
    "up to which a product with a large transposed matrix is computed as its transpose")] = 64

# -------------------------------------------------------------------------- regions of element-wise values
REGION_BLOCK: Annotated[int, About("elements",
    "of a region's block: most float32 temporaries stay in a core's second-level cache, and "
    "calls are so long that threads seldom wait for Python's lock")] = 96 * 1024
STORE_OPERATIONS: Annotated[int, About("cheap operations",
    "that take as long as storing a large value and reading it again. The backward pass recomputes "
    "what takes fewer")] = 10
CACHED_ELEMENTS: Annotated[int, About("elements",
    "up to which a value stays in the cache. The forward pass stores it for the backward pass "
    "at no cost")] = 1 << 15
CLIP_ELEMENTS: Annotated[int, About("elements",
    "from which np.clip is faster than a maximum and a minimum")] = 2048
SELECT_BITS_ELEMENTS: Annotated[int, About("elements",
    "from which np.where is computed by operations on bits instead of a branch per element")] = 512
GATHER_ELEMENTS: Annotated[int, About("elements",
    "from which an operand with short contiguous runs is copied into contiguous memory first")] = 512
GATHER_REPEATED_ELEMENTS: Annotated[int, About("elements",
    "the same for an operand that repeats elements, which NumPy reads faster")] = 4096
GATHER_RUN: Annotated[int, About("elements", "a contiguous run of fewer is short")] = 64
DIVIDED_AXIS: Annotated[int, About("elements",
    "from which an axis is long: threads divide a region along the first long axis, or the longest one",
    fixed="a choice: even with many threads, the pieces are about equally long")] = 64
SHORT_AXIS: Annotated[int, About("elements",
    "up to which a last axis is computed by one call per index")] = 16

# ----------------------------------------------------------------------------------------- the native core
NATIVE_OPERATION_NS: Annotated[float, About("ns per element",
    "time of a cheap instruction of the native core: adding, comparing")] = 0.08
NATIVE_EXPENSIVE_NS: Annotated[float, About("ns per element",
    "time of an expensive instruction: exp, log, tanh")] = 0.6
NATIVE_DIVISION_NS: Annotated[float, About("ns per element", "time of a quotient or a square root")] = 0.2
NATIVE_ROW_NS: Annotated[float, About("ns per row", "time of a row of a reduction, however short")] = 5
NATIVE_CHUNK_NS: Annotated[int, About("ns",
    "of work that a thread takes at a time: longer than two threads need to agree on it")] = 10_000
SHARED_GAIN: Annotated[float, About("ratio",
    "by which several threads must be faster than one, where both are timed",
    fixed="a choice: other processes may need the other processors")] = 1.04
NATIVE_CUT_PRODUCT_NS: Annotated[int, About("ns",
    "of a matrix product from which two threads take a part each: one thread needs 8 % longer for two parts",
    fixed="a choice: MLPs of usual sizes are as fast on two threads as on one")] = 200_000
NATIVE_COMPARED_NS: Annotated[int, About("ns",
    "of a program's work up to which its time on several threads is compared with that on one, so that the "
    "faster way is used",
    fixed="forty times WAKE_NS: a larger program gains from a thread that begins late, too")] = 1_000_000
NATIVE_BLOCK: Annotated[int, About("elements",
    "of a block of the native core: a few blocks stay in a core's first-level cache")] = 1024
NATIVE_STREAM_BYTES: Annotated[int, About("bytes",
    "of a contiguous result from which it is written without going through the caches",
    fixed="a choice: half of a common last-level cache, which would not hold several such arrays")] = 1 << 24
NATIVE_LEAST_BLOCK: Annotated[int, About("elements",
    "of the smallest block. A region with so many intermediate values that its blocks would be smaller is "
    "left to NumPy",
    fixed="four times the widest vectors: below it the loops' own overhead counts")] = 64
NATIVE_TILED_COLUMNS: Annotated[int, About("columns",
    "from which the native core's own code for products with few columns is faster than BLAS")] = 8
NATIVE_CHUNK_SAMPLES: Annotated[int, About("samples",
    "of steps, whose products with a recurrent cell's inputs and whose gradients of weights are computed "
    "together, at least")] = 256
NATIVE_CHUNK_WEIGHTS: Annotated[int, About("weights",
    "of a recurrent cell, for each of which these samples are one more")] = 512
NATIVE_TEXT_SHARED: Annotated[int, About("bytes",
    "of text, numbers of a file, that a thread parses at least")] = 1 << 16
NATIVE_LONGEST_NS: Annotated[int, About("ns",
    "that the steps of one call take together, so that a Ctrl-C is answered in between",
    fixed="a choice: what a person does not notice")] = 50_000_000

# ---------------------------------------------------------------------------------------------- reductions
DOT_SUM_ELEMENTS: Annotated[int, About("elements",
    "up to which a sum is a product with ones, which has less overhead than NumPy's reduction")] = 1 << 15
SHORT_ROW: Annotated[int, About("elements",
    "up to which rows are not reduced one by one, but transposed first")] = 32
TURNED_BLOCK: Annotated[int, About("elements",
    "that are transposed at a time, so that they stay in the cache")] = 1 << 15
LONG_COLUMN: Annotated[int, About("rows",
    "from which a sum over the first axis is made in parts, which loses fewer digits",
    fixed="NumPy adds rows one after the other: errors grow with their number")] = 1024

# ------------------------------------------------------------------------------------------------- kernels
NORM_BLOCK: Annotated[int, About("elements",
    "of the channels that a normalization computes at a time")] = 1 << 18
DOT_POSITIONS: Annotated[int, About("positions",
    "from which a normalization sums a channel of a sample by a dot product")] = 32
SOFTMAX_BLOCK: Annotated[int, About("elements", "that a softmax computes at a time")] = 1 << 17
UPDATE_BLOCK: Annotated[int, About("elements", "that an update operator computes at a time")] = 1 << 17
RULE_BLOCK: Annotated[int, About("elements",
    "that an optimizer written as a graph computes at a time")] = 1 << 16
POOL_BLOCK: Annotated[int, About("input elements", "that pooling computes at a time")] = 1 << 18
POOL_SHARED_OFFSETS: Annotated[int, About("kernel offsets",
    "up to which gradients of windows that do not overlap are divided offset by offset")] = 8
COLUMNS_BLOCK: Annotated[int, About("elements",
    "of a block of a convolution's columns and gradients")] = 1 << 19
PRIMITIVE_LEAST_NS: Annotated[int, About("ns",
    "of a convolution by columns and products, from which oneDNN computes it, where it is installed",
    fixed="a choice: oneDNN compiles code for every shape, which takes a millisecond")] = 20_000
PRIMITIVE_BLOCK: Annotated[int, About("elements",
    "of input and output that go through a oneDNN primitive at a time, with their reorders")] = 1 << 19
COPY_RUN_ELEMENTS: Annotated[int, About("elements",
    "that can be transposed while a copy begins another contiguous run: whether a convolution's "
    "samples lie side by side")] = 10
COLUMN_MULTIPLICATIONS: Annotated[int, About("multiplications",
    "that take as long as copying and packing an element of the columns: whether a convolution adds "
    "up products over the outer kernel axes")] = 30
GRID_EXCESS: Annotated[float, About("ratio",
    "of input positions to output positions up to which the input's gradient is added up over all "
    "kernel axes")] = 1.3
FLIPPED_POSITIONS: Annotated[int, About("positions",
    "from which a convolution's weight gradient may be computed transposed, and transposed back at "
    "the end")] = 1000

# ----------------------------------------------------------------------------------------- recurrent cells
SEQUENCE_SHARED_FLOPS: Annotated[int, About("operations",
    "of a product for the whole sequence from which all workers share it")] = 100_000_000
SEQUENCE_BESIDE_FLOPS: Annotated[int, About("operations",
    "of a product for the whole sequence from which most of it is computed beside the first "
    "steps")] = 20_000_000
STEP_SHARED_FLOPS: Annotated[int, About("operations",
    "of a step's product from which all workers share it: work is handed over in every step")] = 40_000_000
STEP_SAMPLES_FLOPS: Annotated[int, About("operations",
    "of a step's product from which each worker goes through all steps with a part of the "
    "samples")] = 12_000_000
WORKER_SAMPLES: Annotated[int, About("samples", "that each of these workers has at least")] = 16
STEPWISE_SAMPLES: Annotated[int, About("samples",
    "from which one product per step is as fast as one for all steps, as its results are where they "
    "are needed")] = 32
CELL_SHARED_VALUES: Annotated[int, About("values",
    "of all gates from which a cell's work is divided")] = 1 << 15
WEIGHT_PART_ROWS: Annotated[int, About("rows", "of each part of a weight's gradient")] = 150
SEQUENCE_BLOCK_ROWS: Annotated[int, About("rows",
    "of a block of the product for the whole sequence, at least: the weights are read once per "
    "block")] = 256
SEQUENCE_BLOCK: Annotated[int, About("values", "of all gates, in a block of that product")] = 1 << 16

# -------------------------------------------------------------------------------- random numbers, files, R
RANDOM_BLOCK: Annotated[int, About("values", "that a random fill computes at a time")] = 1 << 16
SAMPLER_DRAWS: Annotated[int, About("draws",
    "of each stream that a sampler by rejection fetches at a time")] = 512
READER_DRAWS: Annotated[int, About("draws", "of the C++ engine that are fetched at a time")] = 1024
READ_BLOCK: Annotated[int, About("bytes", "of a data file that are read at a time")] = 1 << 20
TEXT_BLOCK: Annotated[int, About("bytes",
    "of a text file that are read at a time: its lines are parsed together")] = 1 << 22
GUARDED_NUMBERS: Annotated[int, About("numbers",
    "from which an R vector is allocated under R's error handling, so that a lack of memory is an R error",
    fixed="the guard costs an R call; a smaller vector always fits")] = 1 << 20
WORKER_PIECE: Annotated[int, About("bytes",
    "that two workers send each other at a time over a network",
    fixed="below the 64 KB from which Open MPI waits for the receiver over TCP")] = 32 << 10
COLLECT_BYTES: Annotated[int, About("bytes",
    "of new arrays behind R's handles after which R's garbage collector is called: R does not see their "
    "size",
    fixed="a choice: memory that may pile up")] = 1 << 29
# fmt: on
