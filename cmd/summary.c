/* summary.c: see summary.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "inputs.h"
#include "summary.h"

static const char *size_text(const char *path, char buf[static 32])
{
    struct stat st;
    double v = stat(path, &st) == 0 ? (double)st.st_size : 0;
    const char *unit = "B";

    if (v >= 1e6) {
        v /= 1e6;
        unit = "MB";
    } else if (v >= 1e4) {
        v /= 1e3;
        unit = "kB";
    }
    snprintf(buf, 32, v >= 100 || unit[0] == 'B' ? "%.0f %s" : "%.1f %s", v, unit);
    return buf;
}

/* "12 of 14 operators quantized, 9 activations; float: conv1 (excluded), fc (its input …)" */
static void print_tensors(const struct plan *p)
{
    printf("tensors  %d of %d operators quantized, %d activations", p->nnodes,
           p->nnodes + p->nfloats, p->ntensors);
    for (int i = 0; i < p->nfloats && i < 4; i++)
        printf("%s %s (%s)", i == 0 ? "; float:" : ",", p->floats[i].name, p->floats[i].why);
    if (p->nfloats > 4)
        printf(" and %d more", p->nfloats - 4);
    putchar('\n');
}

/* The lines "output NAME: SQNR …" of compare.txt. */
static void print_fidelity(const char *work)
{
    char *path = mem_printf("%s/compare.txt", work), line[512];
    FILE *f = fopen(path, "r");
    bool first = true;

    printf("fidelity ");
    while (f != NULL && fgets(line, sizeof line, f) != NULL && strncmp(line, "output ", 7) == 0) {
        line[strcspn(line, "\n")] = '\0';
        printf("%s%s", first ? "" : "; ", line);
        first = false;
    }
    puts(first ? "not measured" : " (int8 simulated, 8 calibration steps)");
    if (f != NULL)
        fclose(f);
    free(path);
}

void summary_print(const struct summary *s)
{
    char *plan = mem_printf("%s/plan.dopt", s->work), a[32], b[32], c[32];
    struct dopt_file f;
    struct plan p;

    inputs_open(&f, 1, &plan);
    inputs_plan(&f, &p, true);
    print_tensors(&p);
    print_fidelity(s->work);
    printf("files    %s %s (from %s), %s %s\n", s->output, size_text(s->output, a),
           size_text(s->model, b), s->param, size_text(s->param, c));
    printf("time     %.1f s\n", s->seconds);
    printf("report   dopt-report -c %s %s%s/{model,observed,plan}.dopt\n", s->config, s->flags,
           s->work);
    plan_release(&p);
    dopt_release(&f);
    free(plan);
}
