/* search.c: see search.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "report/search.h"

struct search {
    struct report *r;
    const struct goal *g;
    bool *in;
};

static bool *mask(const struct search *s, int rank)
{
    return &s->in[s->r->layers[rank].node - s->r->p->nodes];
}

/* The value with the n worst layers float. */
static int judge_worst(struct search *s, int n, double *value, struct err *e)
{
    for (int i = 0; i < s->r->nlayers; i++)
        *mask(s, i) = i >= n;
    return s->g->judge(s->g->ctx, s->in, value, e);
}

/* The least n that reaches the target, where all layers do. */
static int bisect(struct search *s, int *n, struct err *e)
{
    int lo = 0, hi = s->r->nlayers; /* lo fails, hi reaches it */
    double value;

    while (hi - lo > 1) { /* lists are short: 1, 2, 4, … first */
        int mid = lo < 1 ? 1 : 2 * lo < hi ? 2 * lo : (lo + hi) / 2;

        if (judge_worst(s, mid, &value, e) < 0)
            return -1;
        if (value >= s->g->target)
            hi = mid;
        else
            lo = mid;
    }
    *n = hi;
    return judge_worst(s, hi, &value, e); /* leaves the mask */
}

/* Takes back what is not needed, the least of the list first. */
static int take_back(struct search *s, int n, struct err *e)
{
    double value;

    for (int i = n - 2; i >= 0; i--) {
        *mask(s, i) = true;
        if (s->g->judge(s->g->ctx, s->in, &value, e) < 0)
            return -1;
        *mask(s, i) = value >= s->g->target;
    }
    return 0;
}

/* Runs what the list makes, and adds the next layers while that is not enough. */
static int settle(struct search *s, struct err *e)
{
    struct report *r = s->r;
    int (*verify)(void *, const bool *, double *, struct err *) =
        s->g->verify != NULL ? s->g->verify : s->g->judge;

    for (int next = 0;; next++) {
        if (verify(s->g->ctx, s->in, &r->after, e) < 0)
            return -1;
        r->reached = r->after >= s->g->target;
        while (next < r->nlayers && !*mask(s, next))
            next++;
        if (r->reached || next == r->nlayers)
            return 0;
        *mask(s, next) = false;
    }
}

/* exclude_op splits its text at semicolons. */
static const char *list_name(const struct plan_node *n)
{
    return strchr(n->name, ';') == NULL ? n->name : n->weight_name;
}

static void list_names(struct search *s)
{
    struct report *r = s->r;

    r->exclude = NEW_ARRAY(const char *, (size_t)r->nlayers);
    for (int i = 0; i < r->nlayers; i++)
        if (!*mask(s, i))
            r->exclude[r->nexclude++] = list_name(r->layers[i].node);
}

int report_search(struct report *r, const struct goal *g, struct err *e)
{
    struct search s = { r, g, NEW_ARRAY(bool, (size_t)r->nlayers) };
    double value;
    int n, rc = -1;

    if (judge_worst(&s, 0, &r->before, e) < 0)
        goto out;
    r->after = r->before;
    r->reached = r->before >= g->target;
    if (!r->reached) {
        if (judge_worst(&s, r->nlayers, &value, e) < 0)
            goto out;
        if (value < g->target) { /* not even in float */
            r->after = value;
            rc = 0;
            goto out;
        }
        if (bisect(&s, &n, e) < 0 || take_back(&s, n, e) < 0 || settle(&s, e) < 0)
            goto out;
        list_names(&s);
    }
    rc = 0;
out:
    free(s.in);
    return rc;
}
