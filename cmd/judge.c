/* judge.c: see judge.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "emission.h"
#include "judge.h"

void judge_init(struct judge *j, const struct model *m, const char *command, enum chain chain)
{
    const char *tmp = getenv("TMPDIR");
    struct err e = { .status = ERR_INPUT };

    *j = (struct judge){ .command = command, .chain = chain };
    j->folder = mem_printf("%s/dopt-report-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(j->folder) == NULL) {
        err_set(&e, "%s: cannot make a folder:", j->folder);
        cli_die(&e);
    }
    j->path = mem_printf("%s/model%s", j->folder, emission_suffix(m));
    setenv("DOPT_MODEL", j->path, 1);
}

/* The model, its external data, and what the command left beside them. */
void judge_release(struct judge *j)
{
    DIR *d = j->folder == NULL ? NULL : opendir(j->folder);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        closedir(d);
    if (j->folder != NULL)
        rmdir(j->folder);
    free(j->folder);
    free(j->path);
    *j = (struct judge){ 0 };
}

static int emit(const struct judge *j, const struct model *m, const struct plan *p, struct err *e)
{
    struct emit_options options = { EMIT_QDQ, j->chain };
    struct out o;
    int rc;

    if (out_open(&o, j->path, e) < 0)
        return -1;
    rc = emission_put(m, p, &options, m->framework != FRAMEWORK_TENSORFLOW, &o, j->path, e);
    if (rc == 0)
        rc = out_commit(&o, e);
    out_release(&o);
    return rc;
}

/* The last word of a line that is a number (a % may follow). */
static bool last_number(char *line, double *value)
{
    bool found = false;

    for (char *rest = line, *word; (word = strtok_r(rest, " \t\r\n,;:=", &rest)) != NULL;) {
        char *end;
        double v = strtod(word, &end);

        if (end > word && (*end == '\0' || strcmp(end, "%") == 0)) {
            *value = v;
            found = true;
        }
    }
    return found;
}

int judge_run(struct judge *j, const struct model *m, const struct plan *p, double *value,
              struct err *e)
{
    char *call = mem_printf("%s%s", j->command,
                            strstr(j->command, "DOPT_MODEL") != NULL ? "" : " \"$DOPT_MODEL\"");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    int status = -1, rc = -1;
    FILE *f;

    if (emit(j, m, p, e) < 0)
        goto out;
    fflush(NULL);
    f = popen(call, "r");
    if (f == NULL) {
        err_set(e, "--command: cannot run it:");
        goto out;
    }
    while (getline(&line, &size, f) > 0)
        found |= last_number(line, value);
    status = pclose(f);
    if (status != 0)
        err_set(e, "--command %s: ended with status %d", j->command,
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    else if (!found)
        err_set(e, "--command %s: printed no number", j->command);
    else
        rc = 0;
out:
    free(line);
    free(call);
    return rc;
}
