/* dopt-merge: observation shards into one, byte-identical to a single run. dopt-merge(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "inputs.h"

static const char usage[] = "usage: dopt-merge [-hV] [-o OUT] [SHARD ...]\n";

/* Every shard's observations into `sum`; what else is in the first file goes along. */
static void merge(struct observed *sum, struct dopt_file *files, int n, char *const *paths)
{
    struct err e = { .status = ERR_INPUT };
    struct observed shard;

    for (int i = 0; i < n; i++) {
        inputs_open(&files[i], 1, paths + i);
        inputs_observed(&files[i], &shard);
        if (observed_merge(sum, &shard, &e) < 0) {
            err_at(&e, "%s", paths[i]);
            cli_die(&e);
        }
        observed_release(&shard);
    }
}

int main(int argc, char **argv)
{
    static const struct option longs[] = { { "output", required_argument, NULL, 'o' },
                                           { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'V' },
                                           { NULL, 0, NULL, 0 } };
    static char *const std[] = { (char *)"-" };
    struct observed sum = { 0 };
    struct outputs own = { 0 };
    struct dopt_file *files;
    const char *output = NULL;
    int c, n;

    cli_init("dopt-merge", usage);
    while ((c = getopt_long(argc, argv, "o:hV", longs, NULL)) != -1)
        if (c == 'o')
            output = optarg;
        else
            cli_option(c);
    n = argc > optind ? argc - optind : 1;
    files = NEW_ARRAY(struct dopt_file, (size_t)n);
    merge(&sum, files, n, argc > optind ? argv + optind : std);
    if (observed_steps_done(&sum) < sum.steps)
        warn("%llu of %llu steps are covered: shards are missing", (unsigned long long)observed_steps_done(&sum),
             (unsigned long long)sum.steps);
    own.n = 1;
    own.tag[0] = "OBSERVED";
    observed_pack(&sum, &own.bytes[0]);
    outputs_save(&files[0], &own, NULL, NULL, 0, output, false);
    buf_release(&own.bytes[0]);
    observed_release(&sum);
    return 0;
}
