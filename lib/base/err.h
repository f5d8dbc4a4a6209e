/* err.h: one error, written once by the function that knows the cause; callers add the place.
 *
 * A fallible function in lib/ takes `struct err *e` last and returns 0 or -1. The text reads from the
 * outside in: "net.onnx: node conv1: Conv: auto_pad SAME_UPPER with dilation 2: unsupported".
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include "base/mem.h"

enum err_status {
    ERR_INPUT = 1,       /* bad input or I/O */
    ERR_USAGE = 2,       /* wrong command line */
    ERR_UNSUPPORTED = 3, /* a valid model with an operator or attribute we cannot take */
};

struct err {
    enum err_status
        status; /* the exit status the tool ends with; ERR_INPUT unless said otherwise */
    char msg[4096];
};

/* Sets the message; always returns -1, so that `return err_set(e, …)` reads well. A format that ends
 * in ':' has ": strerror(errno)" appended without the colon. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for an operator or attribute that is valid but not supported (exit status 3). */
int err_unsupported(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What both do, for functions that take a format themselves. */
int err_vset(struct err *e, enum err_status status, const char *fmt, va_list ap);

/* Puts "place: " before the message; returns -1. */
int err_at(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Unsupported things, collected so that one error lists them all. */
struct issues {
    struct buf text;
    int n, left_out; /* left_out: found, but the message is full */
};
void issues_add(struct issues *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Empties the list: 0 if there was nothing, else -1 and "3 unsupported: …; …; …". */
int issues_report(struct issues *s, struct err *e);

/* A warning: one line handed to warn_sink (set by the tool; NULL = dropped). lib/ itself never prints. */
extern void (*warn_sink)(const char *msg);
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
