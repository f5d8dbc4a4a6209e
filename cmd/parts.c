/* parts.c: see parts.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "conf/conf.h"
#include "image/image.h"
#include "parts.h"

static void print_file(const char *path, const char *name)
{
    struct stat st;

    if (stat(path, &st) == 0)
        printf("  %s %lld %lld.%09ld\n", name, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
               st.st_mtim.tv_nsec);
}

static int is_image(const struct dirent *d)
{
    return image_extension(d->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A folder's images, or the file itself. */
static void print_files(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_image, by_bytes);

    if (n < 0) {
        print_file(path, path);
        return;
    }
    for (int i = 0; i < n; i++) {
        char *file = mem_printf("%s/%s", path, entries[i]->d_name);

        print_file(file, entries[i]->d_name);
        free(file);
        free(entries[i]);
    }
    free(entries);
}

void parts_print(const char *part, const char *config)
{
    bool calibration = strcmp(part, "calibration") == 0;
    struct err e = { .status = ERR_INPUT };
    struct buf text = { 0 };
    struct conf c;

    if (!calibration && strcmp(part, "quantization") != 0)
        cli_usage("--part: '%s' is not one of calibration|quantization", part);
    if (conf_read(&c, config, &e) < 0)
        cli_die(&e);
    (calibration ? conf_text_calibration : conf_text_quant)(&c, &text);
    fwrite(text.data, 1, text.size, stdout);
    for (int i = 0; calibration && i < c.ninputs; i++) {
        printf("files %s\n", c.inputs[i].path);
        print_files(c.inputs[i].path);
    }
    buf_release(&text);
    conf_release(&c);
}
