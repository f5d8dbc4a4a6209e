/* text.h: tokens of protobuf's text format (protobuf.dev/reference/protobuf/textformat-spec), with
 * their place, for conf.c and tf/text.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_PUNCT };

struct token {
    enum token_kind kind;
    const char *text; /* as written, in the file's bytes; not terminated */
    int size;
    int line; /* from 1 */
    const char *line_start;
    char punct;    /* TOKEN_PUNCT: which one */
    double number; /* TOKEN_NUMBER */
    char *string;  /* TOKEN_STRING: unescaped and joined, in the arena, with a NUL behind it */
    size_t nstring;
};

struct lexer {
    const char *path; /* for messages */
    const char *p, *end, *line_start;
    int line;
    bool bytes; /* strings may hold NUL */
    struct arena *arena;
    struct token token; /* the current one */
};

/* Starts at the first token. The bytes need a NUL behind them, at *end. */
int lexer_init(struct lexer *x, const char *path, const char *bytes, size_t size,
               struct arena *arena, struct err *e);
/* Reads the next token into x->token; adjacent strings become one. */
int lexer_next(struct lexer *x, struct err *e);
/* From 1; columns count characters. */
int token_column(const struct token *t);
bool token_is(const struct token *t, char punct);
/* "path:LINE:COLUMN: message" at a token; returns -1. */
int token_error(const struct lexer *x, const struct token *t, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "'text'", or "the end of the file". Valid until the thread's next call. */
const char *token_text(const struct token *t);

#endif
