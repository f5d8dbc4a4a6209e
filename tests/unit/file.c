/* file: the dopt file and ONNX's strip and fill, as tests/file.bats drives them.
 *   file copy OUT IN...        the union of the files
 *   file add TAG OUT IN...     the union and a section TAG that says "hello"
 *   file detached TAG OUT IN   one section
 *   file model OUT IN...       the union, the model read and written anew
 *   file fill LIMIT OUT MODEL  an ONNX file stripped and filled again
 *   file places MODEL          op_type and name of every node of an ONNX file, by ordinal
 *   file guess FILE...         what each file is
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "format/guess.h"
#include "format/model.h"
#include "onnx/order.h"
#include "onnx/strip.h"

static int union_of(const char *out, char **in, int n, const char *tag, bool model,
                    const char *only)
{
    const char *const list[] = { only, NULL };
    struct err e = { .status = ERR_INPUT };
    struct dopt_file f;
    struct model m;
    int rc;

    dopt_init(&f);
    model_init(&m);
    rc = dopt_open(&f, (const char *const *)in, n, &e);
    if (rc == 0 && model)
        rc = model_read(&m, &f, &e);
    if (rc == 0 && tag != NULL)
        dopt_add(&f, tag, "hello", 5);
    if (rc == 0)
        rc = dopt_save(&f, out, only == NULL ? NULL : list, &e);
    if (rc < 0)
        fprintf(stderr, "%s\n", e.msg);
    model_release(&m);
    dopt_release(&f);
    return rc < 0;
}

static int fill(const char *limit, const char *path, const char *in)
{
    struct err e = { .status = ERR_INPUT };
    struct blob b = { 0 };
    struct model m;
    struct fill f = { .ctx = &m, .path = path, .limit = strtoull(limit, NULL, 10) };
    struct out o = { 0 };
    int rc;

    model_init(&m);
    rc = blob_open(&b, in, &e);
    if (rc == 0)
        rc = onnx_strip(&m, &b, in, &e);
    if (rc == 0)
        rc = out_open(&o, path, &e);
    if (rc == 0)
        rc = onnx_fill(&o, m.source, m.sourcesize, &f, &e);
    if (rc == 0)
        rc = out_commit(&o, &e);
    if (rc < 0)
        fprintf(stderr, "%s\n", e.msg);
    else
        printf("%zu bytes of source, %d data\n", m.sourcesize, m.ndata);
    out_release(&o);
    model_release(&m);
    blob_release(&b);
    return rc < 0;
}

static int places(const char *in)
{
    struct err e = { .status = ERR_INPUT };
    struct onnx_place *p;
    Onnx__ModelProto *m;
    struct blob b;
    int n;

    if (blob_open(&b, in, &e) < 0 ||
        (m = wire_unpack(&onnx__model_proto__descriptor, b.data, b.size, &e)) == NULL) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    p = onnx_places(m->graph, &n);
    for (int i = 0; i < n; i++)
        printf("%d %s %s\n", i, p[i].node->op_type, p[i].node->name == NULL ? "" : p[i].node->name);
    free(p);
    onnx__model_proto__free_unpacked(m, NULL);
    blob_release(&b);
    return 0;
}

static int guess(char **in, int n)
{
    struct err e = { .status = ERR_INPUT };
    struct blob b;

    for (int i = 0; i < n; i++) {
        if (blob_open(&b, in[i], &e) < 0)
            return 1;
        printf("%s\n", format_name(format_guess(b.data, b.size)));
        blob_release(&b);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *how = argc > 2 ? argv[1] : "";

    if (strcmp(how, "copy") == 0 && argc > 3)
        return union_of(argv[2], argv + 3, argc - 3, NULL, false, NULL);
    if (strcmp(how, "model") == 0 && argc > 3)
        return union_of(argv[2], argv + 3, argc - 3, NULL, true, NULL);
    if (strcmp(how, "add") == 0 && argc > 4)
        return union_of(argv[3], argv + 4, argc - 4, argv[2], false, NULL);
    if (strcmp(how, "detached") == 0 && argc > 4)
        return union_of(argv[3], argv + 4, argc - 4, NULL, false, argv[2]);
    if (strcmp(how, "fill") == 0 && argc == 5)
        return fill(argv[2], argv[3], argv[4]);
    if (strcmp(how, "places") == 0)
        return places(argv[2]);
    if (strcmp(how, "guess") == 0)
        return guess(argv + 2, argc - 2);
    return 2;
}
