/* shapes.c: --input_shape and --out_nodes, every spelling that people use and every mistake.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conf/shapes.h"
#include "tap.h"

/* The parse written back: "name=1x3;name=scalar", or the error. */
static const char *parsed(const char *text)
{
    static char out[4096];
    struct shapes s;
    struct err e;
    char dims[200];
    size_t n = 0;

    out[0] = '\0';
    if (shapes_read(&s, text, &e) < 0)
        snprintf(out, sizeof out, "%s", e.msg);
    else
        for (int i = 0; i < s.n; i++)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s%s=%s", i ? ";" : "", s.items[i].name,
                                  shape_text(&s.items[i].shape, dims));
    shapes_release(&s);
    return out;
}

static const struct {
    const char *text, *want;
} shapes[] = {
    { "data:1,3,224,224", "data=1x3x224x224" },
    { "a: 1,2; b: 3", "a=1x2;b=3" },
    { "a:1,2;b:3;", "a=1x2;b=3" },
    { " a : 1 , 2 ;; ", "a=1x2" },
    { "x:0:1,8", "x:0=1x8" },
    { "model/x:0: -1,?", "model/x:0=?x?" },
    { "sr:", "sr=scalar" },
    { "x:1,2; sr: ; h:2,1,64", "x=1x2;sr=scalar;h=2x1x64" },
    { "a：1，3，8，8；b：4", "a=1x3x8x8;b=4" },
    { "输入：1，2", "输入=1x2" },
    { "a:\xe3\x80\x80"
      "1,2",
      "a=1x2" },
    { "", "column 1: no input is named; write it as \"name: 1,3,224,224\"" },
    { " ; ", "column 1: no input is named; write it as \"name: 1,3,224,224\"" },
    { "1,3,224,224", "column 1: '1,3,224,224' has no ':' between the name and its dims" },
    { "a:1,x", "column 5: 'x' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1,0", "column 5: '0' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1,-2", "column 5: '-2' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1 2", "column 3: '1 2' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1x3", "column 3: '1x3' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1,,3", "column 5: a dim is missing here (a number, or -1 for a free dim)" },
    { "a:1,", "column 5: a dim is missing here (a number, or -1 for a free dim)" },
    { "a：1，y", "column 5: 'y' is not a dim: a number of at least 1, or -1 for a free dim" },
    { "a:1; a:2", "column 6: 'a' is given twice" },
    { ":1,2", "column 1: the name of an input is missing before ':'" },
    { "a:1,1,1,1,1,1,1,1,1", "column 19: more than 8 dims" },
    { "a:99999999999999999999", "column 3: '99999999999999999999' is not a dim: a number of at "
                                "least 1, or -1 for a free dim" },
};

static const char *nodes(const char *text)
{
    static char out[4096];
    struct out_nodes o;
    struct err e;
    size_t n = 0;

    out[0] = '\0';
    if (out_nodes_read(&o, text, &e) < 0)
        snprintf(out, sizeof out, "%s", e.msg);
    else
        for (int i = 0; i < o.n; i++)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s[%s]", "", o.names[i]);
    out_nodes_release(&o);
    return out;
}

int main(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const char *got = parsed(shapes[i].text);

        if (strcmp(got, shapes[i].want) != 0)
            printf("# got %s\n", got);
        ok(strcmp(got, shapes[i].want) == 0, shapes[i].text);
    }
    ok(strcmp(nodes("Softmax"), "[Softmax]") == 0, "one output node");
    ok(strcmp(nodes("x; y:0 ;"), "[x][y:0]") == 0, "two output nodes");
    ok(strcmp(nodes("x；y"), "[x][y]") == 0, "a full-width separator");
    ok(strcmp(nodes("  "), "") == 0, "an empty list");
    ok(strcmp(nodes("x;x"), "'x' is given twice") == 0, "one output node twice");
    return tap_end();
}
