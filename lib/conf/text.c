/* text.c: see text.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text.h"

bool token_is(const struct token *t, char punct)
{
    return t->kind == TOKEN_PUNCT && t->punct == punct;
}

int token_error(const struct lexer *x, const struct token *t, struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(e, ERR_INPUT, fmt, ap);
    va_end(ap);
    return err_at(e, "%s:%d:%d", x->path, t->line, token_column(t));
}

const char *token_text(const struct token *t)
{
    static _Thread_local char text[100];

    if (t->kind == TOKEN_END)
        return "the end of the file";
    snprintf(text, sizeof text, "'%.*s'", t->size > 80 ? 80 : t->size, t->text);
    return text;
}

static void skip_blank(struct lexer *x)
{
    for (; x->p < x->end; x->p++) {
        if (*x->p == '#' || (*x->p == '/' && x->p + 1 < x->end && x->p[1] == '/'))
            while (x->p < x->end && *x->p != '\n')
                x->p++;
        if (x->p == x->end || !isspace((unsigned char)*x->p))
            return;
        if (*x->p == '\n') {
            x->line++;
            x->line_start = x->p + 1;
        }
    }
}

static void place(const struct lexer *x, struct token *t)
{
    t->line = x->line;
    t->line_start = x->line_start;
    t->text = x->p;
}

int token_column(const struct token *t)
{
    int column = 1;

    for (const char *p = t->line_start; p < t->text; p++)
        column += ((unsigned char)*p & 0xc0) != 0x80;
    return column;
}

static void put_utf8(struct buf *b, uint32_t c)
{
    char s[4];
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

    for (int i = n - 1; i > 0; i--, c >>= 6)
        s[i] = (char)(0x80 | (c & 0x3f));
    s[0] = (char)(lead[n] | c);
    buf_put(b, s, (size_t)n);
}

/* Up to `max` digits of a base at x->p; -1 if there is none. */
static long digits(struct lexer *x, int base, int max)
{
    long v = 0;
    int n = 0;

    for (; n < max && x->p < x->end && isxdigit((unsigned char)*x->p); n++) {
        int d = *x->p <= '9' ? *x->p - '0' : (*x->p | 32) - 'a' + 10;

        if (d >= base)
            break;
        v = v * base + d;
        x->p++;
    }
    return n == 0 ? -1 : v;
}

/* After a backslash; appends one byte or one UTF-8 sequence. false: not an escape. */
static bool escape(struct lexer *x, struct buf *b)
{
    static const char from[] = "abfnrtv?\\'\"", to[] = "\a\b\f\n\r\t\v?\\'\"";
    char c = *x->p;
    const char *simple = c == '\0' ? NULL : strchr(from, c);
    long v;

    if (simple != NULL) {
        buf_put(b, &to[simple - from], 1);
        x->p++;
        return true;
    }
    if (c >= '0' && c <= '7') {
        v = digits(x, 8, 3);
        buf_put(b, &(char){ (char)v }, 1);
        return v >= !x->bytes && v < 256;
    }
    x->p++;
    if (c == 'x' || c == 'X') {
        v = digits(x, 16, 2);
        buf_put(b, &(char){ (char)v }, 1);
        return v >= !x->bytes;
    }
    if (c == 'u' || c == 'U') {
        v = digits(x, 16, c == 'u' ? 4 : 8);
        if (v <= 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
        put_utf8(b, (uint32_t)v);
        return true;
    }
    return false;
}

static int string(struct lexer *x, struct buf *b, struct err *e)
{
    struct token at = { .kind = TOKEN_STRING, .size = 1 };
    char quote = *x->p;

    place(x, &at);
    for (x->p++; x->p < x->end && *x->p != quote;) {
        if (*x->p == '\n' || *x->p == '\0')
            break;
        if (*x->p != '\\') {
            buf_put(b, x->p++, 1);
            continue;
        }
        place(x, &at);
        x->p++;
        if (x->p == x->end || !escape(x, b))
            return token_error(x, &at, e, "'\\%.1s' is not an escape; a backslash itself is '\\\\'",
                               at.text + 1);
    }
    if (x->p == x->end || *x->p != quote)
        return token_error(x, &at, e, "the string is not closed by %c on its line", quote);
    x->p++;
    return 0;
}

static int number(struct lexer *x, struct token *t, struct err *e)
{
    char text[64], *rest;
    size_t n = 0;

    while (x->p < x->end &&
           (isalnum((unsigned char)*x->p) || *x->p == '.' || *x->p == '_' ||
            ((*x->p == '+' || *x->p == '-') && (n == 0 || (x->p[-1] | 32) == 'e')))) {
        if (n < sizeof text - 1)
            text[n++] = *x->p;
        x->p++;
    }
    text[n] = '\0';
    t->kind = TOKEN_NUMBER;
    t->size = (int)(x->p - t->text);
    t->number = strtod(text, &rest);
    if (rest != text && (*rest | 32) == 'f')
        rest++;
    if (rest == text || *rest != '\0' || n == sizeof text - 1)
        return token_error(x, t, e, "%s is not a number", token_text(t));
    return 0;
}

int lexer_next(struct lexer *x, struct err *e)
{
    struct token *t = &x->token;

    *t = (struct token){ 0 };
    skip_blank(x);
    place(x, t);
    if (x->p == x->end)
        return 0;
    if (*x->p == '"' || *x->p == '\'') {
        struct buf b = { 0 };
        int rc = 0;

        t->kind = TOKEN_STRING;
        while (rc == 0 && x->p < x->end && (*x->p == '"' || *x->p == '\'')) {
            rc = string(x, &b, e);
            t->size = (int)(x->p - t->text);
            skip_blank(x);
        }
        t->nstring = b.size;
        t->string = arena_strndup(x->arena, (const char *)b.data, b.size);
        buf_release(&b);
        return rc;
    }
    if (isalpha((unsigned char)*x->p) || *x->p == '_') {
        t->kind = TOKEN_NAME;
        while (x->p < x->end && (isalnum((unsigned char)*x->p) || *x->p == '_'))
            x->p++;
        t->size = (int)(x->p - t->text);
        return 0;
    }
    if (isdigit((unsigned char)*x->p) || (*x->p != '\0' && strchr("+-.", *x->p) != NULL))
        return number(x, t, e);
    t->kind = TOKEN_PUNCT;
    t->punct = *x->p++;
    while (x->p < x->end && ((unsigned char)*x->p & 0xc0) == 0x80)
        x->p++; /* a whole UTF-8 character for the message */
    t->size = (int)(x->p - t->text);
    if (t->punct == '\0' || strchr("{}<>[]:;,", t->punct) == NULL)
        return token_error(x, t, e, "%s has no meaning here%s", token_text(t),
                           (unsigned char)t->punct == 0xef ? "; write it in half width" : "");
    return 0;
}

int lexer_init(struct lexer *x, const char *path, const char *bytes, size_t size,
               struct arena *arena, struct err *e)
{
    *x = (struct lexer){ .path = path, .p = bytes, .end = bytes + size, .line = 1, .arena = arena };
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        x->p += 3;
    x->line_start = x->p;
    return lexer_next(x, e);
}
