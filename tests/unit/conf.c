/* conf.c: prints what config.prototxt says: `conf FILE`, `conf -q FILE` and `conf -c FILE` the
 * canonical text of the quantization's and the calibration's part; `conf -t FILE OUT` parses the
 * file cut at every byte (through OUT) and counts the errors.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "conf/conf.h"

static void print_warning(const char *msg)
{
    printf("warning: %s\n", msg);
}

static int truncated(const char *path, const char *cut)
{
    struct blob b;
    struct err e;
    int errors = 0;

    if (blob_open(&b, path, &e) < 0)
        return 1;
    for (size_t n = 0; n <= b.size; n++) {
        struct conf c;
        FILE *f = fopen(cut, "wb");

        if (f == NULL || fwrite(b.data, 1, n, f) != n || fclose(f) != 0)
            return 1;
        errors += conf_read(&c, cut, &e) < 0;
        conf_release(&c);
    }
    printf("%d errors in %zu\n", errors, b.size + 1);
    blob_release(&b);
    return 0;
}

static void print(const struct conf *c)
{
    printf("gpu %d\n", c->gpu);
    for (int i = 0; i < c->ninputs; i++) {
        const struct conf_input *in = &c->inputs[i];

        printf("input %d line %d %s %s '%s' '%s' mean", i, in->block.line,
               in->type ? "BINARY" : "IMAGE", in->format ? "RGB" : "BGR", in->written, in->path);
        for (int k = 0; k < in->nmeans; k++)
            printf(" %g", (double)in->means[k]);
        printf(" std");
        for (int k = 0; k < in->nstds; k++)
            printf(" %g", (double)in->stds[k]);
        printf("\n");
    }
    for (int i = 0; i < c->nexcludes; i++)
        printf("exclude [%s]\n", c->excludes[i]);
}

int main(int argc, char **argv)
{
    struct buf text = { 0 };
    struct conf c;
    struct err e;
    int rc = 0;

    warn_sink = print_warning;
    if (argc == 4)
        return truncated(argv[2], argv[3]);
    if (conf_read(&c, argv[argc - 1], &e) < 0) {
        printf("%s\n", e.msg);
        rc = 1;
    } else if (argc == 2) {
        print(&c);
    } else {
        if (strcmp(argv[1], "-q") == 0)
            conf_text_quant(&c, &text);
        else
            conf_text_calibration(&c, &text);
        fputs((const char *)text.data, stdout);
    }
    buf_release(&text);
    conf_release(&c);
    return rc;
}
