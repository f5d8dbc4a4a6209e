/* conf.c: see conf.h. One table row per field; a row's reader takes the value at the lexer.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "conf/conf.h"
#include "conf/list.h"
#include "conf/text.h"

static const char strategy_name[] = "Quant_INT8-8";

struct reader {
    struct lexer x;
    struct conf *conf;
    struct conf_input *input; /* the block being read */
    struct conf_place at;     /* of the field being read */
};

struct conf_field {
    const char *name;
    int (*read)(struct reader *r, struct err *e); /* one value, at r->x.token; leaves it behind */
    bool repeated, message;
};

/* The first of a repeated field counts: until then the place is the block's. */
static void place_once(const struct reader *r, struct conf_place *place)
{
    if (memcmp(place, &r->input->block, sizeof *place) == 0)
        *place = r->at;
}

static int take_string(struct reader *r, const char *field, const char **out, struct err *e)
{
    if (r->x.token.kind != TOKEN_STRING)
        return token_error(&r->x, &r->x.token, e, "%s takes a string in quotes, not %s", field,
                           token_text(&r->x.token));
    *out = r->x.token.string;
    return lexer_next(&r->x, e);
}

/* One of two names, or their numbers 0 and 1. */
static int take_enum(struct reader *r, const char *field, const char *const names[2], int *out,
                     struct err *e)
{
    const struct token *t = &r->x.token;

    for (int i = 0; i < 2; i++)
        if ((t->kind == TOKEN_NAME && (size_t)t->size == strlen(names[i]) &&
             memcmp(t->text, names[i], (size_t)t->size) == 0) ||
            (t->kind == TOKEN_NUMBER && t->number == i)) {
            *out = i;
            return lexer_next(&r->x, e);
        }
    return token_error(&r->x, t, e, "%s takes %s or %s%s, not %s", field, names[0], names[1],
                       t->kind == TOKEN_STRING ? " without quotes" : "", token_text(t));
}

static int take_float(struct reader *r, const char *field, double max, const char *allowed,
                      const float **values, int *n, struct err *e)
{
    const struct token *t = &r->x.token;
    float *grown;

    if (t->kind != TOKEN_NUMBER || !(t->number >= 0 && t->number <= max))
        return token_error(&r->x, t, e, "%s takes %s, not %s", field, allowed, token_text(t));
    grown = arena_alloc(&r->conf->arena, ((size_t)*n + 1) * sizeof *grown);
    if (*n > 0)
        memcpy(grown, *values, (size_t)*n * sizeof *grown);
    grown[(*n)++] = (float)t->number;
    *values = grown;
    return lexer_next(&r->x, e);
}

static int read_strategy(struct reader *r, struct err *e)
{
    struct token at = r->x.token;
    const char *s = NULL;

    if (take_string(r, "strategy", &s, e) < 0)
        return -1;
    if (strcmp(s, strategy_name) != 0)
        return token_error(&r->x, &at, e, "strategy takes \"%s\", not \"%.200s\"", strategy_name,
                           s);
    return 0;
}

static int read_device(struct reader *r, struct err *e)
{
    static const char *const names[] = { "USE_CPU", "USE_GPU" };
    int v;

    if (take_enum(r, "device", names, &v, e) < 0)
        return -1;
    r->conf->gpu = v;
    return 0;
}

static int read_exclude(struct reader *r, struct err *e)
{
    const char *s = NULL;

    if (take_string(r, "exclude_op", &s, e) < 0)
        return -1;
    list_split(&r->conf->arena, s, &r->conf->excludes, &r->conf->nexcludes);
    return 0;
}

static int read_type(struct reader *r, struct err *e)
{
    static const char *const names[] = { "IMAGE", "BINARY" };
    int v;

    if (take_enum(r, "input_type", names, &v, e) < 0)
        return -1;
    r->input->type = v;
    r->input->type_at = r->at;
    return 0;
}

static int read_format(struct reader *r, struct err *e)
{
    static const char *const names[] = { "BGR", "RGB" };
    int v;

    if (take_enum(r, "image_format", names, &v, e) < 0)
        return -1;
    r->input->format = v;
    return 0;
}

static int read_path(struct reader *r, struct err *e)
{
    struct token at = r->x.token;

    r->input->path_at = r->at;
    if (take_string(r, "input_file_path", &r->input->written, e) < 0)
        return -1;
    if (*r->input->written == '\0')
        return token_error(&r->x, &at, e, "input_file_path is empty; name a folder or a file");
    return 0;
}

static int read_mean(struct reader *r, struct err *e)
{
    place_once(r, &r->input->means_at);
    return take_float(r, "mean_value", 255, "a number from 0 to 255", &r->input->means,
                      &r->input->nmeans, e);
}

static int read_std(struct reader *r, struct err *e)
{
    place_once(r, &r->input->stds_at);
    return take_float(r, "standard_deviation", 3.4e38, "a number of at least 0", &r->input->stds,
                      &r->input->nstds, e);
}

static int read_input(struct reader *r, struct err *e);

static const struct conf_field conf_fields[] = {
    { "strategy", read_strategy, false, false },
    { "device", read_device, false, false },
    { "preprocess_parameter", read_input, true, true },
    { "exclude_op", read_exclude, true, false },
};

static const struct conf_field input_fields[] = {
    { "input_type", read_type, false, false },       { "image_format", read_format, false, false },
    { "input_file_path", read_path, false, false },  { "mean_value", read_mean, true, false },
    { "standard_deviation", read_std, true, false },
};

/* The row of the name at the lexer, or an error with the closest names. */
static const struct conf_field *field_find(struct reader *r, const struct conf_field *fields,
                                           size_t nfields, struct err *e)
{
    const struct token *t = &r->x.token;
    struct suggest near = { 0 };
    char *name;

    if (t->kind != TOKEN_NAME) {
        token_error(&r->x, t, e, "a field's name is expected, not %s", token_text(t));
        return NULL;
    }
    name = arena_strndup(&r->conf->arena, t->text, (size_t)t->size);
    near.wanted = name;
    for (size_t i = 0; i < nfields; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
        suggest_offer(&near, fields[i].name);
    }
    token_error(&r->x, t, e, "unknown field '%s'%s", name, suggest_text(&near));
    return NULL;
}

/* After "name:" or "name": one value, or [a, b] where the field repeats. */
static int values_read(struct reader *r, const struct conf_field *f, struct err *e)
{
    struct lexer *x = &r->x;
    struct conf_place at = r->at;

    if (!token_is(&x->token, '['))
        return f->read(r, e);
    if (!f->repeated)
        return token_error(x, &x->token, e, "%s takes one value, not a list", f->name);
    if (lexer_next(x, e) < 0)
        return -1;
    if (token_is(&x->token, ']'))
        return lexer_next(x, e);
    for (;; r->at = at) { /* a block's fields have moved it */
        if (f->read(r, e) < 0)
            return -1;
        if (token_is(&x->token, ']'))
            return lexer_next(x, e);
        if (!token_is(&x->token, ','))
            return token_error(x, &x->token, e, "',' or ']' is expected in the list of %s, not %s",
                               f->name, token_text(&x->token));
        if (lexer_next(x, e) < 0)
            return -1;
    }
}

static int field_read(struct reader *r, const struct conf_field *fields, size_t nfields,
                      unsigned *seen, struct err *e)
{
    struct lexer *x = &r->x;
    struct token at = x->token;
    const struct conf_field *f = field_find(r, fields, nfields, e);
    unsigned bit;

    if (f == NULL)
        return -1;
    bit = 1u << (f - fields);
    if (*seen & bit && !f->repeated)
        return token_error(x, &at, e, "%s is given twice", f->name);
    *seen |= bit;
    r->at = (struct conf_place){ at.line, token_column(&at) };
    if (lexer_next(x, e) < 0)
        return -1;
    if (token_is(&x->token, ':')) {
        if (lexer_next(x, e) < 0)
            return -1;
    } else if (!f->message) {
        return token_error(x, &x->token, e, "':' is expected after %s, not %s", f->name,
                           token_text(&x->token));
    }
    if (values_read(r, f, e) < 0)
        return -1;
    if (token_is(&x->token, ',') || token_is(&x->token, ';'))
        return lexer_next(x, e);
    return 0;
}

static int fields_read(struct reader *r, const struct conf_field *fields, size_t nfields,
                       char closing, struct err *e)
{
    unsigned seen = 0;

    while (r->x.token.kind != TOKEN_END && !token_is(&r->x.token, closing))
        if (field_read(r, fields, nfields, &seen, e) < 0)
            return -1;
    return 0;
}

static int read_input(struct reader *r, struct err *e)
{
    struct conf *c = r->conf;
    struct lexer *x = &r->x;
    char closing = token_is(&x->token, '<') ? '>' : '}';

    if (!token_is(&x->token, '{') && !token_is(&x->token, '<'))
        return token_error(x, &x->token, e, "preprocess_parameter takes a block { … }, not %s",
                           token_text(&x->token));
    c->inputs = mem_resize(c->inputs, (size_t)c->ninputs + 1, sizeof *c->inputs);
    r->input = &c->inputs[c->ninputs++];
    *r->input = (struct conf_input){
        .block = r->at, .type_at = r->at, .path_at = r->at, .means_at = r->at, .stds_at = r->at
    };
    if (lexer_next(x, e) < 0 ||
        fields_read(r, input_fields, sizeof input_fields / sizeof *input_fields, closing, e) < 0)
        return -1;
    if (x->token.kind == TOKEN_END)
        return token_error(x, &x->token, e,
                           "the block that begins in line %d is not closed: '%c' is missing",
                           r->input->block.line, closing);
    if (r->input->written == NULL)
        return token_error(x, &x->token, e,
                           "the preprocess_parameter block of line %d has no input_file_path",
                           r->input->block.line);
    return lexer_next(x, e);
}

/* The first of: absolute, from the current directory, from the config's folder. */
static const char *path_find(struct conf *c, const char *written)
{
    const char *slash = strrchr(c->path, '/');
    char *beside;

    if (*written == '/' || access(written, F_OK) == 0 || slash == NULL)
        return written;
    beside = arena_printf(&c->arena, "%.*s/%s", (int)(slash - c->path), c->path, written);
    return access(beside, F_OK) == 0 ? beside : written;
}

int conf_read(struct conf *c, const char *path, struct err *e)
{
    char *real;
    struct reader r = { .conf = c };
    struct blob b;
    char *bytes;
    int rc = -1;

    *c = (struct conf){ 0 };
    if (blob_open(&b, path, e) < 0)
        return -1;
    real = path == NULL || strcmp(path, "-") == 0 ? mem_strdup("<stdin>") : path_behind_link(path);
    c->path = arena_strdup(&c->arena, real);
    free(real);
    bytes = arena_strndup(&c->arena, (const char *)b.data, b.size);
    if (lexer_init(&r.x, c->path, bytes, b.size, &c->arena, e) < 0 ||
        fields_read(&r, conf_fields, sizeof conf_fields / sizeof *conf_fields, '\0', e) < 0)
        goto out;
    c->end = (struct conf_place){ r.x.token.line, token_column(&r.x.token) };
    for (int i = 0; i < c->ninputs; i++) {
        struct conf_input *in = &c->inputs[i];
        const struct conf_place *at = in->nmeans > 0 ? &in->means_at : &in->stds_at;

        in->path = path_find(c, in->written);
        if (in->type == CONF_BINARY && in->nmeans + in->nstds > 0)
            warn("%s:%d:%d: mean_value and standard_deviation do not apply to BINARY input",
                 c->path, at->line, at->column);
    }
    rc = 0;
out:
    blob_release(&b);
    return rc;
}

void conf_release(struct conf *c)
{
    free(c->inputs);
    free(c->excludes);
    arena_release(&c->arena);
    *c = (struct conf){ 0 };
}

int conf_error(const struct conf *c, const struct conf_place *at, struct err *e)
{
    return err_at(e, "%s:%d:%d", c->path, at->line, at->column);
}

static void put_quoted(struct buf *out, const char *name, const char *s)
{
    buf_printf(out, "%s: \"", name);
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\')
            buf_printf(out, "\\%03o", (unsigned char)*s);
        else
            buf_put(out, s, 1);
    buf_str(out, "\"\n");
}

void conf_text_calibration(const struct conf *c, struct buf *out)
{
    for (int i = 0; i < c->ninputs; i++) {
        const struct conf_input *in = &c->inputs[i];

        buf_printf(out, "preprocess_parameter {\ninput_type: %s\n",
                   in->type == CONF_IMAGE ? "IMAGE" : "BINARY");
        put_quoted(out, "input_file_path", in->written);
        if (in->type == CONF_IMAGE) { /* nothing else matters to BINARY */
            buf_printf(out, "image_format: %s\n", in->format == CONF_BGR ? "BGR" : "RGB");
            for (int k = 0; k < in->nmeans; k++)
                buf_printf(out, "mean_value: %.9g\n", (double)in->means[k]);
            for (int k = 0; k < in->nstds; k++)
                buf_printf(out, "standard_deviation: %.9g\n", (double)in->stds[k]);
        }
        buf_str(out, "}\n");
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void conf_text_quant(const struct conf *c, struct buf *out)
{
    const char **sorted = mem_alloc(((size_t)c->nexcludes + 1) * sizeof *sorted);

    put_quoted(out, "strategy", strategy_name);
    for (int i = 0; i < c->nexcludes; i++)
        sorted[i] = c->excludes[i];
    qsort(sorted, (size_t)c->nexcludes, sizeof *sorted, by_name);
    for (int i = 0; i < c->nexcludes; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
            put_quoted(out, "exclude_op", sorted[i]);
    free(sorted);
}
