/* prim.h: one oneDNN primitive, created for one shape and run many times by one worker.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_PRIM_H
#define OP_PRIM_H

#include <oneapi/dnnl/dnnl.h>

#include "op/op.h"

enum { PRIM_SRC, PRIM_WEIGHTS, PRIM_BIAS, PRIM_DST, PRIM_ARGS };

struct prim {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_memory_t mem[PRIM_ARGS]; /* NULL where the primitive has no such argument */
    dnnl_memory_t scratch;
    size_t scratchsize;
    void *weights; /* a computed weight in the primitive's order */
};

/* Attributes: a scratchpad of the user's, and the call's fused activations and residual addition as
 * post-ops in their order. Destroy with dnnl_primitive_attr_destroy. */
dnnl_primitive_attr_t prim_attr(const struct call *c);
/* Creates the primitive of op descriptor `desc`; 0, or -1 with the call's error set. */
int prim_init(struct prim *p, struct call *c, const_dnnl_op_desc_t desc,
              const_dnnl_primitive_attr_t attr);
void prim_release(struct prim *p);
/* Runs it over these buffers (NULL for arguments it does not have). */
int prim_run(struct prim *p, struct call *c, const void *src, const void *weights, const void *bias,
             void *dst);

/* The descriptor that argument `what` (dnnl_query_src_md, …) has in the primitive. */
const dnnl_memory_desc_t *prim_md(const struct prim *p, dnnl_query_t what);

/* The weight in[i] of the node as the primitive wants it: a constant is reordered once and shared by
 * all workers, a computed one is reordered now. `user` describes the tensor in memory (row-major). */
const void *prim_weights(struct prim *p, struct call *c, int i, const dnnl_memory_desc_t *user);

/* Copies from one order in memory to another. */
void prim_reorder(const dnnl_memory_desc_t *from_md, void *from_data,
                  const dnnl_memory_desc_t *to_md, void *to_data);

/* A constant or run-time float input as plain float32 memory (constants are prepared once). NULL if
 * the input is left out. */
const float *prim_f32(struct call *c, int i);

dnnl_engine_t prim_engine(void);
/* Are its sums of products of 8-bit integers exact here? Without VNNI they saturate in 16 bits. */
bool prim_exact_int8(void);
/* Float32 operations a second that one core reaches in a large matrix product: the best of some tries. */
double prim_peak(void);

/* A float32 descriptor; dims may be shorter than oneDNN's fixed array. */
void prim_md_init(dnnl_memory_desc_t *md, int rank, const int64_t *dims, dnnl_format_tag_t tag);
/* The same of another type. */
void prim_md_init_as(dnnl_memory_desc_t *md, dnnl_data_type_t type, int rank, const int64_t *dims,
                     dnnl_format_tag_t tag);

#endif
