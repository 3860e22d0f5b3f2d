/* The loops with the vector instructions that all processors of this architecture have. */
#define NAME(x) x##_plain
#define VECTORS_NAME "plain"
#define TILE_BYTES 16
#include "vectors.h"

const Vectors *mxr_plain(void) { return &vectors_plain; }
