/* tfidf.c: ONNX TfIdfVectorizer-9 over integers: counts the n-grams of a pool, with gaps of up to
 * max_skip_count, as term frequency (TF), presence (IDF: times the weight) or both.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

struct pool {
    const int64_t *starts, *indexes, *items;
    int nstarts, nindexes, nitems;
    int64_t width; /* of the output */
};

static const int64_t *ints(const struct node *n, const char *name, int *count)
{
    const struct attr *a = attr_find(n, name);

    *count = a == NULL ? 0 : a->n;
    return a == NULL ? NULL : a->ints;
}

static int read_pool(struct call *c, struct pool *p)
{
    p->starts = ints(c->node, "ngram_counts", &p->nstarts);
    p->indexes = ints(c->node, "ngram_indexes", &p->nindexes);
    p->items = ints(c->node, "pool_int64s", &p->nitems);
    p->width = 0;
    for (int i = 0; i < p->nindexes; i++) {
        if (p->indexes[i] < 0 || p->indexes[i] > 1 << 28)
            return call_fail(c, "ngram_indexes holds %lld", (long long)p->indexes[i]);
        p->width = p->indexes[i] >= p->width ? p->indexes[i] + 1 : p->width;
    }
    for (int i = 0; i < p->nstarts; i++)
        if (p->starts[i] < 0 || p->starts[i] > p->nitems ||
            (i > 0 && p->starts[i] < p->starts[i - 1]))
            return call_fail(c, "ngram_counts does not fit the pool");
    return p->items == NULL ? call_unsupported(c, "strings") : 0;
}

/* Counts the n-grams of one row whose items are `gap` apart. */
static void count_ngrams(const struct pool *p, int64_t n, int64_t gap, const int64_t *row,
                         int64_t length, float *count)
{
    int64_t from = p->starts[n - 1], to = n < p->nstarts ? p->starts[n] : p->nitems, id = 0;

    for (int k = 0; k < n - 1; k++) /* how many n-grams come before those of this length */
        id += ((k + 1 < p->nstarts ? p->starts[k + 1] : p->nitems) - p->starts[k]) / (k + 1);
    for (int64_t g = from; g + n <= to; g += n, id++)
        for (int64_t i = 0; i + gap * (n - 1) < length && id < p->nindexes; i++) {
            bool same = true;

            for (int64_t k = 0; k < n && same; k++)
                same = row[i + k * gap] == p->items[g + k];
            count[p->indexes[id]] += same ? 1 : 0;
        }
}

static void weigh(struct call *c, const struct pool *p, float *y)
{
    const char *mode = attr_string(c->node, "mode", "TF");
    const struct attr *weights = attr_find(c->node, "weights");

    for (int i = 0; i < p->nindexes; i++) {
        float *v = &y[p->indexes[i]],
              w = weights != NULL && i < weights->n ? weights->floats[i] : 1;

        if (strcmp(mode, "IDF") == 0)
            *v = *v > 0 ? w : 0;
        else if (strcmp(mode, "TFIDF") == 0)
            *v *= w;
    }
}

int op_tfidfvectorizer(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t least = attr_int(c->node, "min_gram_length", 1),
            most = attr_int(c->node, "max_gram_length", 1),
            skips = attr_int(c->node, "max_skip_count", 0), rows, length, *row;
    struct pool p;
    struct shape s = { .rank = x->shape.rank };
    float *y;

    if (read_pool(c, &p) < 0)
        return -1;
    if (x->shape.rank < 1 || x->shape.rank > 2 || dtype_is_float(x->dtype) || least < 1 ||
        most < least || skips < 0)
        return call_fail(c, "input of rank %d, or lengths that do not fit", x->shape.rank);
    rows = s.rank == 2 ? x->shape.dim[0] : 1;
    length = x->shape.dim[s.rank - 1];
    s.dim[0] = rows;
    s.dim[s.rank - 1] = p.width;
    y = call_out(c, 0, DT_F32, &s, false);
    if (y == NULL)
        return call_end(c);
    memset(y, 0, (size_t)(rows * p.width) * sizeof *y);
    row = c->ops->scratch(c, (size_t)length * sizeof *row + 1);
    for (int64_t r = 0; r < rows; r++, y += p.width) {
        for (int64_t i = 0; i < length; i++)
            row[i] = tensor_get_int(x, (size_t)(r * length + i));
        for (int64_t n = least; n <= most && n <= p.nstarts; n++)
            for (int64_t gap = 1; gap <= (n == 1 ? 0 : skips) + 1; gap++)
                count_ngrams(&p, n, gap, row, length, y);
        weigh(c, &p, y);
    }
    return 0;
}
