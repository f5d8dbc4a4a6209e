/* rows.c: see rows.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/rows.h"

int rows_add(struct call *c, struct rows *s, const struct tensor *t, int i)
{
    size_t size = tensor_size(t);

    if (s->rows++ > 0 && (!shape_equal(&s->row.shape, &t->shape) || s->row.dtype != t->dtype))
        return call_fail(c, "scan output %d changes its shape or type", i);
    s->row = *t;
    s->row.data = NULL;
    if (t->cl && size > 0) {
        void *plain = mem_alloc(size);

        layout_from_cl(plain, t->data, &t->shape, dtype_size(t->dtype));
        buf_put(&s->bytes, plain, size);
        free(plain);
    } else if (size > 0) {
        buf_put(&s->bytes, t->data, size);
    }
    return 0;
}

int rows_state(struct call *c, int i, const struct tensor *s)
{
    void *y;

    if (i >= c->nout || c->out[i] == NULL)
        return 0;
    y = call_out(c, i, s->dtype, &s->shape, s->cl);
    if (y != NULL && tensor_size(s) > 0)
        memcpy(y, s->data, tensor_size(s));
    return call_end(c);
}

int rows_output(struct call *c, int i, const struct rows *s, const struct value *declared,
                int64_t axis, bool reversed)
{
    size_t each = tensor_size(&s->row), inner;
    bool any = s->row.dtype != DT_NONE;
    struct shape row = any ? s->row.shape : declared->shape, y = { .rank = row.rank + 1 };
    int64_t outer;
    char *p;

    if (i >= c->nout || c->out[i] == NULL)
        return 0;
    if (y.rank < 1 || y.rank > RANK_MAX || (!any && declared->dtype == DT_NONE))
        return call_unsupported(c, "a scan output of rank %d or of no iterations", y.rank);
    axis = call_axis(c, axis, y.rank);
    if (axis < 0)
        return -1;
    for (int d = 0, from = 0; d < y.rank; d++)
        y.dim[d] = d == axis ? s->rows : row.dim[from] < 0 ? (from++, 0) : row.dim[from++];
    p = call_out(c, i, any ? s->row.dtype : declared->dtype, &y, false);
    if (p == NULL || shape_count(&y) == 0)
        return call_end(c);
    outer = 1;
    for (int d = 0; d < axis; d++)
        outer *= y.dim[d];
    inner = outer > 0 ? each / (size_t)outer : 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t r = 0; r < s->rows; r++) {
            int64_t from = reversed ? s->rows - 1 - r : r;

            memcpy(p + (size_t)(o * s->rows + r) * inner,
                   s->bytes.data + (size_t)from * each + (size_t)o * inner, inner);
        }
    return 0;
}
