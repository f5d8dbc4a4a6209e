/* window.c: what slides over images: convolutions, pools; resizing, padding, sampling.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/ops.h"

/* The same padding on both sides, as ONNX has it. */
static void set_pads(struct import *c, struct node *n, const int64_t *p, const int64_t *behind,
                     int dims)
{
    int64_t both[2 * RANK_MAX];

    for (int i = 0; i < dims; i++) {
        both[i] = p[i];
        both[dims + i] = behind[i];
    }
    attr_set_ints(c->m, n, "pads", both, 2 * dims);
}

/* How many spatial dims the result has. */
static int spatial(const struct import *c)
{
    return torch_result_dims(c, 0).rank - 2;
}

/* Argument i as `dims` numbers; torch_fail if they are others. */
static bool numbers(struct import *c, int i, int64_t *out, int dims)
{
    if (dims > 0 && torch_ints(c, i, out, dims) == dims)
        return true;
    torch_fail(c, "argument %d is not %d numbers", i, dims);
    return false;
}

static struct node *windowed(struct import *c, enum op_id op, int nin, struct value *const *in,
                             int dims, int stride, int padding, int dilation, int groups)
{
    int64_t s[RANK_MAX], p[RANK_MAX], d[RANK_MAX];
    struct node *n = torch_node(c, op, nin, in, 1);

    if (n == NULL || !numbers(c, stride, s, dims) || !numbers(c, padding, p, dims) ||
        !numbers(c, dilation, d, dims))
        return NULL;
    attr_set_ints(c->m, n, "strides", s, dims);
    attr_set_ints(c->m, n, "dilations", d, dims);
    set_pads(c, n, p, p, dims);
    if (groups >= 0)
        attr_set_int(c->m, n, "group", torch_int(c, groups));
    return n;
}

int torch_conv(struct import *c, int op)
{
    int dims = spatial(c);
    struct value *in[3] = { torch_in(c, 0), torch_in(c, 1), torch_optional(c, 2) };

    if (in[0] == NULL || in[1] == NULL)
        return -1;
    return torch_result(
        c, 0,
        torch_put(c, windowed(c, (enum op_id)op, in[2] == NULL ? 2 : 3, in, dims, 3, 4, 5, 6)));
}

int torch_conv_transpose(struct import *c, int op)
{
    int dims = spatial(c);
    struct value *in[3] = { torch_in(c, 0), torch_in(c, 1), torch_optional(c, 2) };
    int64_t extra[RANK_MAX];
    struct node *n;

    if (in[0] == NULL || in[1] == NULL || !numbers(c, 5, extra, dims))
        return -1;
    n = windowed(c, (enum op_id)op, in[2] == NULL ? 2 : 3, in, dims, 3, 4, 7, 6);
    if (n == NULL)
        return -1;
    attr_set_ints(c->m, n, "output_padding", extra, dims);
    return torch_result(c, 0, torch_put(c, n));
}

/* The padding behind that makes the output as large as torch's, whatever ceil_mode did. */
static bool pads_behind(struct import *c, int64_t *behind, const int64_t *k, const int64_t *s,
                        const int64_t *p, const int64_t *d, int dims)
{
    struct shape x = torch_dims(c, 0), y = torch_result_dims(c, 0);

    if (x.rank != dims + 2 || y.rank != dims + 2)
        return false;
    for (int i = 0; i < dims; i++) {
        int64_t reach = (y.dim[2 + i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 - x.dim[2 + i] - p[i];

        behind[i] = reach > 0 && reach > p[i] ? reach : p[i];
    }
    return true;
}

static int pool(struct import *c, enum op_id op, struct value *x, int dims, const int64_t *p,
                const int64_t *behind, const int64_t *k, const int64_t *s, const int64_t *d)
{
    struct node *n = torch_node(c, op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_ints(c->m, n, "kernel_shape", k, dims);
    attr_set_ints(c->m, n, "strides", s, dims);
    if (d != NULL)
        attr_set_ints(c->m, n, "dilations", d, dims);
    set_pads(c, n, p, behind, dims);
    return torch_result(c, 0, torch_put(c, n));
}

int torch_max_pool(struct import *c, int op)
{
    int dims = spatial(c);
    int64_t k[RANK_MAX], s[RANK_MAX], p[RANK_MAX], d[RANK_MAX], behind[RANK_MAX];
    struct value *x = torch_in(c, 0);

    if (x == NULL || !numbers(c, 1, k, dims) || !numbers(c, 2, s, dims) ||
        !numbers(c, 3, p, dims) || !numbers(c, 4, d, dims))
        return -1;
    if (!pads_behind(c, behind, k, s, p, d, dims))
        return torch_fail(c, "of another rank");
    return pool(c, (enum op_id)op, x, dims, p, behind, k, s, d);
}

/* The mean over what is there; with count_include_pad the padding of both sides is there, but not what
 * ceil_mode reaches beyond it. */
int torch_avg_pool(struct import *c, int op)
{
    int dims = spatial(c);
    int64_t k[RANK_MAX], s[RANK_MAX], p[RANK_MAX], behind[RANK_MAX], one[RANK_MAX] = { 0 };
    int64_t around[2 * RANK_MAX] = { 0 };
    struct value *x = torch_in(c, 0);
    bool padded = false;

    if (x == NULL || !numbers(c, 1, k, dims) || !numbers(c, 2, s, dims) || !numbers(c, 3, p, dims))
        return -1;
    for (int i = 0; i < dims; i++) {
        one[i] = 1;
        padded |= p[i] > 0;
    }
    if (!pads_behind(c, behind, k, s, p, one, dims))
        return torch_fail(c, "of another rank");
    if (padded && torch_int(c, 5) != 0) {
        for (int i = 0; i < dims; i++) {
            around[2 + i] = around[dims + 4 + i] = p[i];
            behind[i] -= p[i];
            p[i] = 0;
        }
        x = torch_two(c, OP_PAD, x, torch_const_ints(c, around, 2 * (dims + 2)));
    }
    return pool(c, (enum op_id)op, x, dims, p, behind, k, s, NULL);
}

int torch_interpolate(struct import *c, int op)
{
    static const struct {
        const char *torch, *mode;
    } modes[] = {
        { "nearest", "nearest" }, { "nearest-exact", "nearest" }, { "linear", "linear" },
        { "bilinear", "linear" }, { "trilinear", "linear" },      { "bicubic", "cubic" }
    };
    struct shape x = torch_dims(c, 0), y = torch_result_dims(c, 0);
    const Arg *scales = torch_arg(c, 2);
    const char *mode = torch_string(c, 3);
    struct value *in[4] = { torch_in(c, 0), NULL, NULL, NULL };
    bool align = torch_int(c, 4) != 0, exact = strcmp(mode, "nearest-exact") == 0;
    float f[RANK_MAX] = { 1, 1 };
    struct node *n;

    if (scales != NULL) {
        for (int i = 2; i < x.rank && i < RANK_MAX && (size_t)i - 2 < scales->n_list; i++)
            f[i] = (float)scales->list[i - 2]->f;
        in[2] = constant_new(c->m, names_unique(&c->used, &c->m->arena, "scales"), DT_F32,
                             shape_of(1, (int64_t[]){ x.rank }), f);
    } else {
        in[3] = torch_const_ints(c, y.dim, y.rank);
    }
    n = torch_node(c, (enum op_id)op, scales != NULL ? 3 : 4, in, 1);
    if (n == NULL)
        return -1;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].torch, mode) == 0) {
            bool nearest = strcmp(modes[i].mode, "nearest") == 0;

            attr_set_string(c->m, n, "mode", modes[i].mode);
            attr_set_string(c->m, n, "coordinate_transformation_mode",
                            nearest && !exact ? "asymmetric"
                            : align           ? "align_corners"
                                              : "half_pixel");
            if (nearest)
                attr_set_string(c->m, n, "nearest_mode", exact ? "round_prefer_ceil" : "floor");
            return torch_result(c, 0, torch_put(c, n));
        }
    return torch_issue(c, "mode '%.50s'", mode);
}

/* torch names the last dim first: left, right, top, bottom. */
int torch_pad(struct import *c, int op)
{
    static const char *const modes[][2] = { { "constant", "constant" },
                                            { "reflect", "reflect" },
                                            { "replicate", "edge" } };
    int64_t p[2 * RANK_MAX], pads[2 * RANK_MAX] = { 0 };
    int rank = torch_dims(c, 0).rank, count = torch_ints(c, 1, p, 2 * RANK_MAX);
    struct value *x = torch_in(c, 0), *v = NULL;
    struct node *n;

    if (x == NULL)
        return -1;
    for (int i = 0; i < count / 2 && i < rank; i++) {
        pads[rank - 1 - i] = p[2 * i];
        pads[2 * rank - 1 - i] = p[2 * i + 1];
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i][0], torch_string(c, 2)) != 0)
            continue;
        if (i == 0)
            v = torch_operand(c, 3, torch_type(c, 0));
        n = torch_node(c, (enum op_id)op, v == NULL ? 2 : 3,
                       (struct value *[]){ x, torch_const_ints(c, pads, 2 * rank), v }, 1);
        attr_set_string(c->m, n, "mode", modes[i][1]);
        return torch_result(c, 0, torch_put(c, n));
    }
    return torch_issue(c, "mode '%.50s'", torch_string(c, 2));
}

int torch_pixel_shuffle(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "blocksize", torch_int(c, 1));
    attr_set_string(c->m, n, "mode", "CRD");
    return torch_result(c, 0, torch_put(c, n));
}

int torch_grid_sample(struct import *c, int op)
{
    struct value *in[2] = { torch_in(c, 0), torch_in(c, 1) };
    struct node *n = torch_node(c, (enum op_id)op, 2, in, 1);

    if (n == NULL || in[1] == NULL)
        return -1;
    attr_set_string(c->m, n, "mode", torch_string(c, 2));
    attr_set_string(c->m, n, "padding_mode", torch_string(c, 3));
    attr_set_int(c->m, n, "align_corners", torch_int(c, 4));
    return torch_result(c, 0, torch_put(c, n));
}
