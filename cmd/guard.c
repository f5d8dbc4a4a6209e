/* guard.c: see guard.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli.h"
#include "conf/conf.h"
#include "guard.h"

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* The same file: by inode where both exist, else by name. */
static bool same(const char *a, const char *b)
{
    struct stat x, y;

    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return strcmp(a, b) == 0;
}

void guard_distinct(const char *option, const char *output, const char *input_option,
                    const char *input)
{
    struct err e;
    struct stat st;

    if (output == NULL || input == NULL)
        return;
    if (stat(output, &st) == 0 && S_ISDIR(st.st_mode)) {
        err_set(&e, "%s %s: is a directory, name a file to write", option, output);
        cli_die(&e);
    }
    if (output[0] == '\0')
        err_set(&e, "%s: the name is empty", option);
    else if (same(output, input))
        err_set(&e, "%s %s: is the same file as %s: it would be lost, name another", option, output,
                input_option);
    else
        return;
    e.status = ERR_USAGE;
    cli_die(&e);
}

static _Noreturn void among_images(const char *option, const char *path)
{
    struct err e;

    err_set(&e, "%s %s: lies among the calibration images, name another folder", option, path);
    e.status = ERR_USAGE;
    cli_die(&e);
}

/* The folder that a file lies in. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? mem_strdup(".") : mem_printf("%.*s/.", (int)(slash - path), path);
}

void guard_calibration(const char *config, const char *const outputs[][2], int n, const char *work)
{
    void (*sink)(const char *) = warn_sink;
    struct err e = { .status = ERR_INPUT };
    struct conf c;

    warn_sink = NULL; /* dopt-observe reads it again and warns */
    if (conf_read(&c, config, &e) < 0)
        cli_die(&e);
    warn_sink = sink;
    for (int i = 0; i < c.ninputs; i++) {
        const char *set = c.inputs[i].path;
        bool images = c.inputs[i].type == CONF_IMAGE;

        if (images && work != NULL && same(work, set))
            among_images("--work", work);
        for (int k = 0; k < n; k++) {
            char *folder = folder_of(outputs[k][1]);

            if (images && same(folder, set))
                among_images(outputs[k][0], outputs[k][1]);
            free(folder);
            if (!images)
                guard_distinct(outputs[k][0], outputs[k][1], "a calibration set", set);
        }
    }
    conf_release(&c);
}

/* A name that out_open makes (base/file.c) for one of pipeline.mk's own files: NAME.dopt.XXXXXX. */
static bool half_written(const char *name)
{
    static const char *const stages[] = { "model.dopt", "observed.dopt", "plan.dopt" };
    const char *dot = strrchr(name, '.');
    bool ours = false;

    if (dot == NULL || strlen(dot + 1) != 6 || strspn(dot + 1, LETTERS) != 6)
        return false;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        ours |= (size_t)(dot - name) == strlen(stages[i]) &&
                strncmp(name, stages[i], strlen(stages[i])) == 0;
    return ours || (strncmp(name, "shard-", 6) == 0 && dot - name > 11 &&
                    strncmp(dot - 5, ".dopt", 5) == 0);
}

static void remove_half_written(const char *work)
{
    DIR *d = opendir(work);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (half_written(entry->d_name))
            unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        closedir(d);
}

void guard_lock(const char *work)
{
    char *path = mem_printf("%s/lock", work);
    int fd = open(path, O_CREAT | O_RDWR, 0666); /* make and the stages hold it too */
    struct err e = { .status = ERR_INPUT };

    if (fd < 0) {
        err_set(&e, "%s: cannot create:", path);
        cli_die(&e);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        err_set(&e, "%s: another dopt works in it: wait for it, or name another folder with --work",
                work);
        cli_die(&e);
    }
    remove_half_written(work);
    free(path);
}

/* XXH3-128 of a regular file's bytes; "-" where there is none. */
static void digest_of(const char *path, char hex[static 33])
{
    struct digest d;
    struct blob b;
    struct stat st;
    struct err e;

    strcpy(hex, "-");
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || blob_open(&b, path, &e) < 0)
        return;
    digest_begin(&d);
    digest_add(&d, b.data, b.size);
    digest_finish(&d, hex);
    blob_release(&b);
}

static char *pair_text(const char *output, const char *param)
{
    char a[33], b[33];

    digest_of(output, a);
    digest_of(param, b);
    return mem_printf("%s %s\n", a, b);
}

void guard_pair(const char *work, const char *output, const char *param)
{
    char *path = mem_printf("%s/pair", work), *stamp = mem_printf("%s/emit.stamp", work);
    char *now = pair_text(output, param);
    struct blob kept = { 0 };
    struct err e;

    if (access(path, R_OK) < 0 || blob_open(&kept, path, &e) < 0 || kept.size != strlen(now) ||
        memcmp(kept.data, now, kept.size) != 0)
        unlink(stamp);
    blob_release(&kept);
    free(now);
    free(stamp);
    free(path);
}

void guard_pair_keep(const char *work, const char *output, const char *param)
{
    char *path = mem_printf("%s/pair", work), *now = pair_text(output, param);
    struct out o = { 0 };
    struct err e = { .status = ERR_INPUT };
    int rc = out_open(&o, path, &e);

    if (rc == 0) {
        out_put(&o, now, strlen(now));
        rc = out_commit(&o, &e);
    }
    out_release(&o);
    if (rc < 0)
        cli_die(&e);
    free(now);
    free(path);
}
