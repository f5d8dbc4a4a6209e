/* clones.h: a function compiled for several instruction sets; the loader picks the best. No results
 * change with it: contraction is off (-ffp-contract=off) and sums keep their order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLONES_H
#define BASE_CLONES_H

/* ThreadSanitizer is not up yet when the loader picks; clang gives the picker a name of its own, which no
 * other file finds. */
#if defined __SANITIZE_THREAD__ || defined __clang__ || !defined __x86_64__
#define CLONES
#else
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

#endif
