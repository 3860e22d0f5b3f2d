/* The loops for the vectors that every processor of this kind has. */
#define NAME(x) x##_plain
#define VECTORS_NAME "plain"
#include "vectors.h"

const Vectors *mxr_plain(void) { return &vectors_plain; }
