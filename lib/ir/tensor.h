/* tensor.h: element types, shapes, and n-dimensional arrays in memory.
 *
 * A tensor's dims are always logical (N, C, spatial…). `cl` says that its memory is channels-last:
 * element order N, spatial…, C; it is only ever set for rank >= 3. Everything that crosses a tool's
 * border (files, samples, results) is row-major, cl = false.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IR_TENSOR_H
#define IR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers as in ONNX TensorProto.DataType (onnx.proto). */
enum dtype {
    DT_NONE = 0,
    DT_F32 = 1,
    DT_U8 = 2,
    DT_I8 = 3,
    DT_U16 = 4,
    DT_I16 = 5,
    DT_I32 = 6,
    DT_I64 = 7,
    DT_STRING = 8,
    DT_BOOL = 9,
    DT_F16 = 10,
    DT_F64 = 11,
    DT_U32 = 12,
    DT_U64 = 13,
    DT_C64 = 14,
    DT_C128 = 15,
    DT_BF16 = 16,
};
size_t dtype_size(enum dtype t);      /* bytes of an element; 0 for DT_NONE and strings */
const char *dtype_name(enum dtype t); /* "float32", "int64", … */

enum { RANK_MAX = 8 };

/* rank -1: nothing known; dim -1: unknown until run time. */
struct shape {
    int rank;
    int64_t dim[RANK_MAX];
};
struct shape shape_unknown(void);
struct shape shape_of(int rank, const int64_t *dim);
bool shape_known(const struct shape *s); /* rank and every dim */
bool shape_equal(const struct shape *a, const struct shape *b);
int64_t shape_count(const struct shape *s); /* elements; -1 if not known or > 2^48 */
const char *shape_text(const struct shape *s,
                       char buf[static 200]); /* "1x3x224x224", "scalar", "?" */

struct tensor {
    enum dtype dtype;
    bool cl;
    struct shape shape;
    void *data;
    struct block
        *block; /* what owns data (run/pool.h); NULL = borrowed or malloc'ed, see the holder */
};

/* Bytes of the elements. */
size_t tensor_size(const struct tensor *t);
/* Element i (memory order) of a numeric tensor as double / int64 (floats truncate). */
double tensor_get(const struct tensor *t, size_t i);
int64_t tensor_get_int(const struct tensor *t, size_t i);
/* Stores element i: integers keep the low bits, a bool is "not zero", floats round to the type. */
void tensor_put(struct tensor *t, size_t i, double v);
void tensor_put_int(struct tensor *t, size_t i, int64_t v);
static inline bool dtype_is_float(enum dtype t)
{
    return t == DT_F32 || t == DT_F64 || t == DT_F16 || t == DT_BF16;
}
/* The least value of an integer type; its greatest one has all other bits (tensor_put_int cuts them). */
int64_t dtype_least(enum dtype t);
/* n elements converted; float16 and bfloat16 are exact, integers round to nearest. */
void dtype_to_f32(float *out, const void *in, enum dtype t, size_t n);
/* n floats converted to t: rounds half to even for f16/bf16 and integers, which saturate. */
void dtype_from_f32(void *out, enum dtype t, const float *in, size_t n);
/* Permutes between row-major and channels-last. dims are logical; any element size. */
void layout_to_cl(void *out, const void *in, const struct shape *s, size_t elemsize);
void layout_from_cl(void *out, const void *in, const struct shape *s, size_t elemsize);

#endif
