/* json.c: see json.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

/* Bytes of the UTF-8 sequence at s, 0 where there is none. */
static size_t sequence(const uint8_t *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : (s[0] & 0xf0) == 0xe0       ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

void json_string(struct buf *out, const char *s)
{
    buf_str(out, "\"");
    for (const uint8_t *p = (const uint8_t *)s; *p != '\0';) {
        size_t n = sequence(p);

        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p < 0x20)
            buf_printf(out, "\\u%04x", *p);
        else if (n == 0)
            buf_str(out, "\\ufffd");
        else
            buf_put(out, p, n);
        p += n == 0 ? 1 : n;
    }
    buf_str(out, "\"");
}

void json_number(struct buf *out, double v)
{
    if (isfinite(v))
        buf_printf(out, "%.9g", v);
    else
        buf_str(out, "null");
}
