/* attrs.c: the attributes of a NodeDef, with the default where absent.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/context.h"

const Tensorflow__AttrValue *tf_attr(const NodeDef *p, const char *name)
{
    for (size_t i = 0; i < p->n_attr; i++)
        if (p->attr[i]->key != NULL && strcmp(p->attr[i]->key, name) == 0)
            return p->attr[i]->value;
    return NULL;
}

int64_t tf_int(const NodeDef *p, const char *name, int64_t absent)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);

    return a != NULL && a->has_i ? a->i : absent;
}

float tf_float(const NodeDef *p, const char *name, float absent)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);

    return a != NULL && a->has_f ? a->f : absent;
}

bool tf_bool(const NodeDef *p, const char *name, bool absent)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);

    return a != NULL && a->has_b ? a->b : absent;
}

int tf_type(const NodeDef *p, const char *name, int absent)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);

    return a != NULL && a->has_type ? a->type : absent;
}

bool tf_is(const NodeDef *p, const char *name, const char *value, const char *absent)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);

    if (a == NULL || !a->has_s)
        return strcmp(value, absent) == 0;
    return a->s.len == strlen(value) && memcmp(a->s.data, value, a->s.len) == 0;
}

int tf_list(const NodeDef *p, const char *name, int64_t *out, int max)
{
    const Tensorflow__AttrValue *a = tf_attr(p, name);
    int n = a == NULL || a->list == NULL ? 0 : (int)a->list->n_i;

    for (int i = 0; i < n && i < max; i++)
        out[i] = a->list->i[i];
    return n;
}
