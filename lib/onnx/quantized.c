/* quantized.c: see quantized.h. Looks at QuantizeLinear and DequantizeLinear, and at the operators that
 * compute on integers and carry the scales themselves (QLinearConv, com.microsoft's QLinear…).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/wire.h"
#include "onnx.pb-c.h"
#include "onnx/context.h"
#include "onnx/order.h"
#include "onnx/quantized.h"
#include "onnx/strip.h"

struct report {
    const struct model *m;
    struct buf *out;
    struct names tensors; /* name -> its initializer or Constant */
    struct names told;    /* already reported, and what QuantizeLinear writes */
    int n;
};

/* The bytes of a constant; NULL where it stores them otherwise (typed lists of integers). */
static const void *bytes_of(const struct report *r, const Onnx__TensorProto *t, size_t *size)
{
    int64_t datum = onnx_datum(t);

    *size = t->has_raw_data ? t->raw_data.len : t->n_float_data * sizeof *t->float_data;
    if (datum >= 0 && datum < r->m->ndata) {
        *size = r->m->data[datum].size;
        return r->m->data[datum].p;
    }
    return t->has_raw_data ? (const void *)t->raw_data.data : (const void *)t->float_data;
}

static double element(const struct report *r, const Onnx__TensorProto *t, size_t i, size_t *n)
{
    size_t size, each = dtype_size((enum dtype)t->data_type);
    const void *p = bytes_of(r, t, &size);
    struct tensor view = { .dtype = (enum dtype)t->data_type, .data = (void *)p };
    double aligned[1];

    if (size == 0 && t->n_int32_data > 0) { /* small integers are int32_data */
        *n = t->n_int32_data;
        return i < *n ? t->int32_data[i] : 0;
    }
    *n = each > 0 && p != NULL ? size / each : 0;
    if (i >= *n || each > sizeof aligned)
        return 0;
    memcpy(aligned, (const char *)p + i * each, each);
    view.data = aligned;
    return tensor_get(&view, 0);
}

static const Onnx__TensorProto *constant(const struct report *r, const Onnx__NodeProto *p, int i)
{
    return i >= 0 && i < (int)p->n_input ? names_get(&r->tensors, p->input[i]) : NULL;
}

static void put_scale(const struct report *r, const Onnx__TensorProto *s,
                      const Onnx__TensorProto *z)
{
    size_t n = 0, many, k;
    double least, most, v;

    if (s == NULL) {
        buf_str(r->out, "scale computed");
        return;
    }
    least = most = element(r, s, 0, &n);
    for (size_t i = 1; i < n; i++) {
        v = element(r, s, i, &many);
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    if (n > 1)
        buf_printf(r->out, "%zu scales %.9g to %.9g", n, least, most);
    else
        buf_printf(r->out, "scale %.9g", least);
    v = z == NULL ? 0 : element(r, z, 0, &many);
    for (k = 1; z != NULL && k < many; k++)
        if (element(r, z, k, &n) != v)
            break;
    if (z != NULL && k < many)
        buf_str(r->out, " zero points");
    else
        buf_printf(r->out, " zero_point %.0f", v);
}

/* A tensor with its scale and zero point; once. */
static void tell(struct report *r, const Onnx__NodeProto *p, const char *tensor, int scale,
                 int zero)
{
    const Onnx__TensorProto *z = constant(r, p, zero);

    if (*tensor == '\0' || names_get(&r->told, tensor) != NULL || scale >= (int)p->n_input)
        return;
    names_put(&r->told, tensor, r);
    r->n++;
    if (r->out == NULL)
        return;
    buf_printf(r->out, "quantized %s: %s ", tensor,
               z == NULL ? "uint8" : import_type_name(z->data_type));
    put_scale(r, constant(r, p, scale), z);
    buf_printf(r->out, " (%s)\n", p->op_type);
}

static void look(struct report *r, const Onnx__NodeProto *p)
{
    const char *type = p->op_type == NULL ? "" : p->op_type;
    const char *out = p->n_output > 0 ? p->output[0] : "";
    const char *in = p->n_input > 0 ? p->input[0] : "";

    if (strcmp(type, "QuantizeLinear") == 0) {
        tell(r, p, in, 1, 2);
        names_put(&r->told, out, r); /* whoever dequantizes it uses the same scale */
    } else if (strcmp(type, "DequantizeLinear") == 0) {
        tell(r, p, in, 1, 2);
    } else if (strcmp(type, "QLinearConcat") == 0) {
        tell(r, p, out, 0, 1);
        for (int i = 2; i < (int)p->n_input; i += 3)
            tell(r, p, p->input[i], i + 1, i + 2);
    } else if (strncmp(type, "QLinear", 7) == 0) {
        bool pair = p->n_input >= 7;

        tell(r, p, in, 1, 2);
        if (pair)
            tell(r, p, p->input[3], 4, 5);
        tell(r, p, out, pair ? 6 : 3, pair ? 7 : 4);
    }
}

int onnx_quantized(const struct model *m, struct buf *out)
{
    struct report r = { .m = m, .out = out };
    struct onnx_place *places;
    Onnx__ModelProto *p;
    struct err ignored;
    int n;

    if (m->framework != FRAMEWORK_ONNX || m->source == NULL)
        return 0;
    p = wire_unpack(&onnx__model_proto__descriptor, m->source, m->sourcesize, &ignored);
    if (p == NULL || p->graph == NULL)
        goto out;
    for (size_t i = 0; i < p->graph->n_initializer; i++)
        if (p->graph->initializer[i]->name != NULL)
            names_put(&r.tensors, p->graph->initializer[i]->name, p->graph->initializer[i]);
    places = onnx_places(p->graph, &n);
    for (int i = 0; i < n; i++) {
        const Onnx__NodeProto *node = places[i].node;

        if (node->op_type != NULL && strcmp(node->op_type, "Constant") == 0 &&
            node->n_attribute > 0 && node->attribute[0]->t != NULL && node->n_output > 0)
            names_put(&r.tensors, node->output[0], node->attribute[0]->t);
        look(&r, node);
    }
    free(places);
    names_release(&r.tensors);
    names_release(&r.told);
out:
    if (p != NULL)
        onnx__model_proto__free_unpacked(p, NULL);
    return r.n;
}
