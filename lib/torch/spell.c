/* spell.c: the Trace's calls as TorchScript that versions 1.11 and later read. The comments of map.c have
 * the calls' arguments; FRAMEWORKS.md 4.4 has the spellings.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "torch/script.h"

/* Behind a name stands the call's first string. A spelling that is missing here is torch.NAME(all arguments).
 * $0 … $9 arguments, @1 the same, a number made a tensor; $a $b $c the results' names; $s the result's shape, the first dim free, $t its
 * type's number, $d its spatial dims; the letters that only one operator has are in `special`. An ! in
 * front: whole statements instead of the first result. Sorted. */
static const struct spelling {
    const char *op, *text;
} spellings[] = {
    { "adaptive_max_pool1d", "!$a, $a_, = torch.adaptive_max_pool1d($0, $1)" },
    { "adaptive_max_pool2d", "!$a, $a_, = torch.adaptive_max_pool2d($0, $1)" },
    { "adaptive_max_pool3d", "!$a, $a_, = torch.adaptive_max_pool3d($0, $1)" },
    { "batch_norm", "torch.batch_norm($0, $1, $2, $3, $4, False, 0., $5, False)" },
    { "bitwise_and", "torch.bitwise_and($0, @1)" },
    { "bitwise_or", "torch.bitwise_or($0, @1)" },
    { "bitwise_xor", "torch.bitwise_xor($0, @1)" },
    { "expand", "torch.expand($0, $e)" },
    { "gelu none", "torch.gelu($0)" },
    { "gelu tanh", "torch.mul(torch.mul($0, 0.5), torch.add(torch.tanh(torch.mul(torch.add($0, "
                   "torch.mul(torch.pow($0, "
                   "3), 0.044715)), 0.79788456080286541)), 1.))" },
    { "grid_sample bicubic", "torch.grid_sampler($0, $1, 2, $p, $4)" },
    { "grid_sample bilinear", "torch.grid_sampler($0, $1, 0, $p, $4)" },
    { "grid_sample nearest", "torch.grid_sampler($0, $1, 1, $p, $4)" },
    { "gru", "!$a, $b, = torch.gru($0, $h, $2, $3, $4, 0., False, $5, $6)" },
    { "index_select", "torch.reshape(torch.index_select($0, $1, torch.reshape($2, [-1])), $s)" },
    { "instance_norm", "torch.instance_norm($0, $1, $2, None, None, True, 0., $3, False)" },
    { "interpolate bicubic", "torch.upsample_bicubic2d($0, $z, $4, $2)" },
    { "interpolate bilinear", "torch.upsample_bilinear2d($0, $z, $4, $2)" },
    { "interpolate linear", "torch.upsample_linear1d($0, $z, $4, $2)" },
    { "interpolate nearest", "torch.upsample_nearest$dd($0, $z, $2)" },
    { "interpolate nearest-exact", "torch._upsample_nearest_exact$dd($0, $z, $2)" },
    { "interpolate trilinear", "torch.upsample_trilinear3d($0, $z, $4, $2)" },
    { "local_response_norm",
      "torch.div($0, "
      "torch.pow(torch.add(torch.mul(torch.reshape(torch.avg_pool2d(torch.constant_pad_nd("
      "torch.reshape(torch.mul($0, $0), $f), $w, 0.), [$1, 1], [1, 1], [0, 0], False, True), $s), "
      "$2), "
      "$4), $3))" },
    { "logical_and", "torch.logical_and($0, @1)" },
    { "logical_or", "torch.logical_or($0, @1)" },
    { "logical_xor", "torch.logical_xor($0, @1)" },
    { "lstm", "!$a, $b, $c, = torch.lstm($0, $1, $2, $3, $4, 0., False, $5, $6)" },
    { "maximum", "torch.maximum($0, @1)" },
    { "minimum", "torch.minimum($0, @1)" },
    { "pad constant", "torch.constant_pad_nd($0, $1, $3)" },
    { "pad reflect", "torch.reflection_pad$nd($0, $1)" },
    { "pad replicate", "torch.replication_pad$nd($0, $1)" },
    { "prod", "$m" },
    { "reshape", "torch.reshape($0, $s)" },
    { "rnn_relu", "!$a, $b, = torch.rnn_relu($0, $h, $2, $3, $4, 0., False, $5, $6)" },
    { "rnn_tanh", "!$a, $b, = torch.rnn_tanh($0, $h, $2, $3, $4, 0., False, $5, $6)" },
    { "softsign", "torch.div($0, torch.add(torch.abs($0), 1))" },
    { "to", "torch.to($0, $t)" },
    { "topk", "!$a, $b, = torch.topk($0, $1, $2, $3, True)" },
    { "where", "torch.where($0, @1, @2)" },
};

struct speller {
    struct script *s;
    struct buf *out;
    const Call *p;
    const struct change *c;
    struct issues *issues;
};

/* ---- names and numbers ---- */

bool spell_is_name(const char *s)
{
    static const char keywords[] =
        " and as assert async await break class continue def del elif else except finally for from "
        "global if "
        "import in is lambda nonlocal not or pass raise return try while with yield True False "
        "None "
        "print self torch ops CONSTANTS training forward int float bool inf nan annotate getattr ";
    const char *at = keywords;
    size_t n = strlen(s);

    if (n == 0 || isdigit((unsigned char)*s))
        return false;
    for (const char *c = s; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    while ((at = strstr(at, s)) != NULL) {
        if (at[-1] == ' ' && at[n] == ' ')
            return false;
        at++;
    }
    return true;
}

void spell_path(struct buf *out, const char *path)
{
    struct buf expr = { 0 }, more = { 0 };
    char *part = mem_strdup(path), *rest = part, *name;

    buf_str(&expr, "self");
    while ((name = strsep(&rest, ".")) != NULL) {
        more.size = 0;
        if (spell_is_name(name))
            buf_printf(&more, "%s.%s", (const char *)expr.data, name);
        else
            buf_printf(&more, "getattr(%s, \"%s\")", (const char *)expr.data, name);
        expr.size = 0;
        buf_put(&expr, more.data, more.size);
    }
    buf_str(out, (const char *)expr.data);
    buf_release(&expr);
    buf_release(&more);
    free(part);
}

static void put_double(struct buf *out, double v)
{
    char text[64];

    if (isnan(v)) {
        buf_str(out, "nan");
        return;
    }
    snprintf(text, sizeof text, "%.17g", v);
    buf_str(out, text);
    if (isfinite(v) && strpbrk(text, ".e") == NULL)
        buf_str(out, ".");
}

static void put_dims(struct buf *out, size_t n, const int64_t *dims)
{
    buf_str(out, "[");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, i == 0 ? "%lld" : ", %lld", (long long)dims[i]);
    buf_str(out, "]");
}

/* torch.ScalarType; -1: it has none. */
static int type_number(uint32_t t)
{
    switch (t) {
    case DT_U8:
        return 0;
    case DT_I8:
        return 1;
    case DT_I16:
        return 2;
    case DT_I32:
        return 3;
    case DT_I64:
        return 4;
    case DT_F16:
        return 5;
    case DT_F32:
        return 6;
    case DT_F64:
        return 7;
    case DT_BOOL:
        return 11;
    case DT_BF16:
        return 15;
    default:
        return -1;
    }
}

/* ---- values and arguments ---- */

static void put_name(struct speller *x, uint32_t value)
{
    buf_printf(x->out, "%s%u", x->s->prefix, value);
}

static void put_literal(const struct script *s, uint32_t value, struct buf *out)
{
    const TraceValue *v = s->t->values[value];
    struct shape shape = source_shape(v);

    if (v->data.len == (size_t)shape_count(&shape) * dtype_size((enum dtype)v->dtype)) {
        buf_printf(out, "CONSTANTS.c%d", s->constants[value]);
        return;
    }
    buf_printf(out, "torch.expand(CONSTANTS.c%d, ", s->constants[value]);
    put_dims(out, v->n_dims, v->dims);
    buf_str(out, ")");
}

void spell_value(const struct script *s, uint32_t value, struct buf *out)
{
    switch ((enum value_kind)s->t->values[value]->kind) {
    case VALUE_INPUT:
        buf_str(out, s->inputs[value]);
        break;
    case VALUE_STATE:
        spell_path(out, s->slots[s->slot_of[value]].name);
        break;
    case VALUE_LITERAL:
        put_literal(s, value, out);
        break;
    default:
        buf_printf(out, "%s%u", s->prefix, value);
    }
}

static void put_value(struct speller *x, uint32_t value)
{
    spell_value(x->s, value, x->out);
}

static void put_quantized(struct buf *out, const struct plan_tensor *t)
{
    buf_str(out, ", ");
    put_double(out, (double)t->scale);
    buf_printf(out, ", %d, %d, %d)", t->zero_point, t->is_signed ? -128 : 0,
               t->is_signed ? 127 : 255);
}

static const char fake[] = "torch.fake_quantize_per_tensor_affine(";

static void put_arg(struct speller *x, const Arg *a)
{
    switch ((enum arg_kind)a->kind) {
    case ARG_VALUE:
        put_value(x, a->value);
        break;
    case ARG_INTEGER:
        buf_printf(x->out, "%lld", (long long)a->i);
        break;
    case ARG_NUMBER:
        put_double(x->out, a->f);
        break;
    case ARG_BOOL:
        buf_str(x->out, a->i != 0 ? "True" : "False");
        break;
    case ARG_STRING:
        buf_printf(x->out, "\"%s\"", a->s);
        break;
    case ARG_LIST:
        buf_str(x->out, "[");
        for (size_t i = 0; i < a->n_list; i++) {
            if (i > 0)
                buf_str(x->out, ", ");
            put_arg(x, a->list[i]);
        }
        buf_str(x->out, "]");
        break;
    default:
        buf_str(x->out, "None");
    }
}

static void put_slot(struct speller *x, int slot)
{
    const struct slot *s = &x->s->slots[slot];

    buf_str(x->out, s->kind == SLOT_INT8 ? "torch.dequantize(" : "");
    spell_path(x->out, s->name);
    buf_str(x->out, s->kind == SLOT_INT8 ? ")" : "");
}

/* Argument i of the call, less what the plan changes. */
static void put_argument(struct speller *x, size_t i)
{
    if (i == 0 && x->c->input != NULL) {
        buf_str(x->out, fake);
        put_arg(x, x->p->args[0]);
        put_quantized(x->out, x->c->input);
    } else if (i == 1 && x->c->node != NULL) {
        put_slot(x, x->c->weight);
    } else if (i == 2 && x->c->node != NULL && x->c->bias >= 0) {
        put_slot(x, x->c->bias);
    } else if (i < x->p->n_args) {
        put_arg(x, x->p->args[i]);
    } else {
        buf_str(x->out, "None");
    }
}

/* ---- calls ---- */

static const char *first_string(const Call *p)
{
    for (size_t i = 0; i < p->n_args; i++)
        if (p->args[i]->kind == ARG_STRING)
            return p->args[i]->s;
    return NULL;
}

static const char *spelling(const Call *p)
{
    const char *string = first_string(p);
    char key[100];

    snprintf(key, sizeof key, "%s %s", p->op, string == NULL ? "" : string);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (strcmp(spellings[i].op, p->op) == 0 || strcmp(spellings[i].op, key) == 0)
            return spellings[i].text;
    return NULL;
}

static const TraceValue *result(struct speller *x, size_t i)
{
    return x->s->t->values[x->p->results[i < x->p->n_results ? i : 0]];
}

static void as_tensor(struct speller *x, size_t i)
{
    const Arg *first = x->p->args[0];
    uint32_t type = result(x, 0)->dtype;

    if (i >= x->p->n_args || x->p->args[i]->kind == ARG_VALUE) {
        put_argument(x, i);
        return;
    }
    if (type == DT_BOOL && first->kind == ARG_VALUE)
        type = x->s->t->values[first->value]->dtype;
    buf_str(x->out, "torch.tensor(");
    put_argument(x, i);
    buf_printf(x->out, ", dtype=%d)", type_number(type));
}

/* torch reduces one dim after another: the last ones first, so that numbers stay right. */
static void product(struct speller *x)
{
    const Arg *dims = x->p->args[1];
    const char *keep = x->p->args[2]->i != 0 ? "True" : "False";

    for (size_t i = 0; i < dims->n_list; i++)
        buf_str(x->out, "torch.prod(");
    put_argument(x, 0);
    for (size_t i = dims->n_list; i-- > 0;)
        buf_printf(x->out, ", %lld, %s)", (long long)dims->list[i]->i, keep);
}

static void padding_mode(struct speller *x)
{
    static const char *const modes[] = { "zeros", "border", "reflection" };

    for (int i = 0; i < 3; i++)
        if (x->p->n_args > 3 && strcmp(x->p->args[3]->s, modes[i]) == 0)
            buf_printf(x->out, "%d", i);
}

/* A shape whose first dim follows from the others: batches may have another size than the trace's. */
static void put_batched(struct speller *x, const TraceValue *v)
{
    struct shape s = source_shape(v);

    if (s.rank > 0 && shape_count(&s) > 0)
        s.dim[0] = -1;
    put_dims(x->out, (size_t)s.rank, s.dim);
}

static bool same_batch(const TraceValue *a, const TraceValue *b)
{
    return a->n_dims == b->n_dims && a->n_dims > 0 && a->dims[0] == b->dims[0];
}

static void special(struct speller *x, char code)
{
    const Call *p = x->p;
    const TraceValue *r = result(x, 0);

    switch (code) {
    case 's':
        put_batched(x, r);
        break;
    case 'e': /* -1: as it was */
        if (p->args[0]->kind == ARG_VALUE && same_batch(x->s->t->values[p->args[0]->value], r))
            put_batched(x, r);
        else
            put_dims(x->out, r->n_dims, r->dims);
        break;
    case 't':
        buf_printf(x->out, "%d", type_number(r->dtype));
        break;
    case 'd':
        buf_printf(x->out, "%d", (int)r->n_dims - 2);
        break;
    case 'n': /* padded dims */
        buf_printf(x->out, "%zu", p->args[1]->n_list / 2);
        break;
    case 'h': /* the only initial state */
        if (p->args[1]->n_list > 0)
            put_arg(x, p->args[1]->list[0]);
        break;
    case 'z': /* the size, where no factors are given */
        if (p->args[2]->kind == ARG_NONE)
            put_argument(x, 1);
        else
            buf_str(x->out, "None");
        break;
    case 'p':
        padding_mode(x);
        break;
    case 'f': /* channels as rows */
        if (r->n_dims > 1 && r->dims[0] > 0 && r->dims[1] > 0) {
            struct shape shape = source_shape(r);
            int64_t c = r->dims[1], rest = shape_count(&shape) / (r->dims[0] * c);

            put_dims(x->out, 4, (int64_t[]){ -1, 1, c, rest });
        }
        break;
    case 'w':
        put_dims(x->out, 4, (int64_t[]){ 0, 0, p->args[1]->i / 2, (p->args[1]->i - 1) / 2 });
        break;
    case 'm':
        product(x);
        break;
    default:
        break;
    }
}

static void fill(struct speller *x, const char *text)
{
    for (; *text != '\0'; text++) {
        if ((*text != '$' && *text != '@') || text[1] == '\0')
            buf_put(x->out, text, 1);
        else if (*text++ == '@')
            as_tensor(x, (size_t)(*text - '0'));
        else if (isdigit((unsigned char)*text))
            put_argument(x, (size_t)(*text - '0'));
        else if (*text >= 'a' && *text <= 'c')
            put_name(x, x->p->results[(size_t)(*text - 'a') < x->p->n_results ? *text - 'a' : 0]);
        else
            special(x, *text);
    }
}

static void plain(struct speller *x)
{
    buf_printf(x->out, "torch.%s(", x->p->op);
    for (size_t i = 0; i < x->p->n_args; i++) {
        if (i > 0)
            buf_str(x->out, ", ");
        put_argument(x, i);
    }
    buf_str(x->out, ")");
}

/* A product has no bias of its own. */
static bool adds_bias(const struct speller *x)
{
    return x->c->node != NULL && x->c->bias >= 0 && x->p->n_args < 3;
}

static void spell(struct speller *x)
{
    const char *text = spelling(x->p);

    buf_str(x->out, "    ");
    if (text != NULL && *text == '!') {
        fill(x, text + 1);
        buf_str(x->out, "\n");
        return;
    }
    put_name(x, x->p->results[0]);
    buf_str(x->out, adds_bias(x) ? " = torch.add(" : " = ");
    if (x->c->inner != NULL) { /* silu */
        fill(x, "torch.mul($0, torch.fake_quantize_per_tensor_affine(torch.sigmoid($0)");
        put_quantized(x->out, x->c->inner);
        buf_str(x->out, ")");
    } else if (text != NULL) {
        fill(x, text);
    } else {
        plain(x);
    }
    if (adds_bias(x)) {
        buf_str(x->out, ", ");
        put_slot(x, x->c->bias);
        buf_str(x->out, ")");
    }
    buf_str(x->out, "\n");
}

static void quantize_value(struct speller *x, uint32_t value)
{
    if (x->s->carry[value] == NULL)
        return;
    buf_str(x->out, "    ");
    put_value(x, value);
    buf_printf(x->out, " = %s", fake);
    put_value(x, value);
    put_quantized(x->out, x->s->carry[value]);
    buf_str(x->out, "\n");
}

/* What another call does is this call's result too. */
static void absorbed(struct speller *x)
{
    const Call *by = x->s->t->calls[x->c->into];

    buf_str(x->out, "    ");
    put_name(x, x->p->results[0]);
    buf_str(x->out, " = ");
    put_name(x, by->results[0]);
    buf_str(x->out, "\n");
}

/* The arguments that the spellings look into are what the importer took. */
static bool can_spell(const Call *p)
{
    static const char *const stringed[] = { "gelu", "grid_sample", "interpolate", "pad" };

    for (size_t i = 0; i < sizeof stringed / sizeof *stringed; i++)
        if (strcmp(p->op, stringed[i]) == 0 && spelling(p) == NULL)
            return false;
    return true;
}

void spell_calls(struct script *s, struct buf *out, struct issues *issues)
{
    struct speller x = { .s = s, .out = out, .issues = issues };

    for (uint32_t i = 0; i < s->t->n_values; i++)
        if (s->t->values[i]->kind == VALUE_INPUT)
            quantize_value(&x, i);
    for (size_t i = 0; i < s->t->n_calls; i++) {
        x.p = s->t->calls[i];
        x.c = &s->changes[i];
        if (!x.c->live)
            continue;
        if (x.c->absorbed)
            absorbed(&x);
        else if (can_spell(x.p))
            spell(&x);
        else
            issues_add(issues, "line %u: %.100s '%.50s' cannot be written as TorchScript",
                       x.p->line, x.p->op, first_string(x.p) == NULL ? "" : first_string(x.p));
        for (size_t k = 0; k < x.p->n_results; k++)
            quantize_value(&x, x.p->results[k]);
    }
}
