/* err.c: see err.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int err_vset(struct err *e, enum err_status status, const char *fmt, va_list ap)
{
    const char *cause = strerror(errno);
    size_t n;

    e->status = status;
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    n = strlen(e->msg);
    if (n > 0 && fmt[strlen(fmt) - 1] == ':')
        snprintf(e->msg + n, sizeof e->msg - n, " %s", cause);
    return -1;
}

int err_set(struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(e, ERR_INPUT, fmt, ap);
    va_end(ap);
    return -1;
}

int err_unsupported(struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(e, ERR_UNSUPPORTED, fmt, ap);
    va_end(ap);
    return -1;
}

int err_at(struct err *e, const char *fmt, ...)
{
    char place[1024];
    size_t n, rest;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(place, sizeof place - 2, fmt, ap);
    va_end(ap);
    strcat(place, ": ");
    n = strlen(place);
    rest = strlen(e->msg);
    if (n + rest >= sizeof e->msg)
        rest = sizeof e->msg - n - 1;
    memmove(e->msg + n, e->msg, rest);
    memcpy(e->msg, place, n);
    e->msg[n + rest] = '\0';
    return -1;
}

void issues_add(struct issues *s, const char *fmt, ...)
{
    char one[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(one, sizeof one, fmt, ap);
    va_end(ap);
    s->n++;
    if (s->text.size + strlen(one) > sizeof((struct err *)0)->msg - 1200)
        s->left_out++;
    else
        buf_printf(&s->text, "%s%s", s->text.size > 0 ? "; " : "", one);
}

int issues_report(struct issues *s, struct err *e)
{
    int n = s->n;

    if (s->left_out > 0)
        buf_printf(&s->text, "; and %d more", s->left_out);
    if (n > 0)
        err_unsupported(e, "%d unsupported: %s", n, (const char *)s->text.data);
    buf_release(&s->text);
    *s = (struct issues){ 0 };
    return n > 0 ? -1 : 0;
}

void (*warn_sink)(const char *msg);

void warn(const char *fmt, ...)
{
    char msg[2048];
    va_list ap;

    if (warn_sink == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    warn_sink(msg);
}
