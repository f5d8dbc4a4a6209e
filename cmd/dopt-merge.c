/* dopt-merge: observation shards into one, byte-identical to a single run. dopt-merge(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "inputs.h"

static const char usage[] = "usage: dopt-merge [-hV] [-o OUT] [SHARD ...]\n";

/* Adds the observations of one shard. */
static void merge(struct observed *sum, const struct dopt_file *f, const char *path)
{
    struct err e = { .status = ERR_INPUT };
    struct observed shard;

    inputs_observed(f, &shard);
    if (observed_merge(sum, &shard, &e) < 0) {
        err_at(&e, "%s", path);
        cli_die(&e);
    }
    observed_release(&shard);
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
    struct dopt_file first, f; /* what else is in the first file goes along */
    const char *output = NULL;
    char *const *paths;
    int c, n;

    cli_init("dopt-merge", usage);
    while ((c = getopt_long(argc, argv, "o:hV", longs, NULL)) != -1)
        if (c == 'o')
            output = optarg;
        else
            cli_option(c);
    n = argc > optind ? argc - optind : 1;
    paths = argc > optind ? argv + optind : std;
    inputs_open(&first, 1, paths);
    merge(&sum, &first, paths[0]);
    for (int i = 1; i < n; i++) {
        inputs_open(&f, 1, paths + i);
        merge(&sum, &f, paths[i]);
        dopt_release(&f);
    }
    if (observed_steps_done(&sum) < sum.steps)
        warn("%llu of %llu steps are covered: shards are missing",
             (unsigned long long)observed_steps_done(&sum), (unsigned long long)sum.steps);
    own.n = 1;
    own.tag[0] = "OBSERVED";
    observed_pack(&sum, &own.bytes[0]);
    outputs_save(&first, &own, NULL, NULL, 0, output, false);
    buf_release(&own.bytes[0]);
    dopt_release(&first);
    observed_release(&sum);
    return 0;
}
