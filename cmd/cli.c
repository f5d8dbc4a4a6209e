/* cli.c: see cli.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/names.h"
#include "cli.h"

static const char *tool_name, *usage_text;
static bool progress_shown; /* its line is to be erased before another */

static void progress_erase(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

static void print_line(const char *before, const char *msg)
{
    progress_erase();
    fprintf(stderr, "%s: %s", tool_name, before);
    names_print(stderr, msg);
    fputc('\n', stderr);
}

static void print_warning(const char *msg)
{
    print_line("warning: ", msg);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 }; /* its report says more than our line */
#else
enum { SANITIZED = 0 };
#endif

/* A mapped file that becomes shorter under us is the user's doing (status 1); anything else is a bug, ours or
 * a library's, and ends as the signal. Either way there is a line, and no temporary file. */
static void on_fault(int sig)
{
    static const char cut[] = ": a file became shorter, or its disk failed, while it was read\n";
    static const char bug[] =
        ": crashed: out of memory inside a library, or a bug; please report it\n";
    const char *msg = sig == SIGBUS ? cut : bug;

    out_abandon();
    if (write(2, tool_name, strlen(tool_name)) < 0 || write(2, msg, strlen(msg)) < 0 ||
        sig == SIGBUS)
        _exit(ERR_INPUT);
    signal(sig, SIG_DFL);
    raise(sig);
}

void cli_init(const char *tool, const char *usage)
{
    static const int faults[] = { SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL };

    tool_name = tool;
    usage_text = usage;
    warn_sink = print_warning;
    for (size_t i = 0; !SANITIZED && i < sizeof faults / sizeof *faults; i++)
        signal(faults[i], on_fault);
}

void cli_die(const struct err *e)
{
    fflush(stdout);
    print_line("", e->msg);
    exit(e->status);
}

void cli_usage(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: ", tool_name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n%s", usage_text);
    exit(ERR_USAGE);
}

void cli_help(void)
{
    fputs(usage_text, stdout);
    exit(cli_finish());
}

void cli_version(void)
{
    printf("%s %s\n", tool_name, DOPT_VERSION);
    exit(cli_finish());
}

void cli_option(int letter)
{
    if (letter == 'h')
        cli_help();
    if (letter == 'V')
        cli_version();
    exit((fputs(usage_text, stderr), ERR_USAGE)); /* getopt has said what is wrong */
}

const char *cli_folder(void)
{
    static char exe[PATH_MAX];
    struct err e = { .status = ERR_INPUT };
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (n < 0) {
        err_set(&e, "/proc/self/exe: cannot read:");
        cli_die(&e);
    }
    exe[n] = '\0';
    return dirname(exe);
}

char *cli_share(const char *name, const char *source)
{
    static const char *const places[] = { "../share/dopt", "../..", "../../.." };
    const char *bin = cli_folder();
    struct err e = { .status = ERR_INPUT };

    for (int i = 0; i < 3; i++) {
        char *path = mem_printf("%s/%s/%s", bin, places[i], i == 0 ? name : source);

        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    err_set(&e, "%s is neither in %s/../share/dopt nor beside the build: install dopt again", name,
            bin);
    cli_die(&e);
}

char *cli_model(const char *text, const char **entry)
{
    const char *colon = strstr(text, ".py:");

    *entry = NULL;
    if (colon == NULL || access(text, F_OK) == 0)
        return mem_strdup(text);
    *entry = colon + 4;
    return mem_printf("%.*s", (int)(colon + 3 - text), text);
}

long cli_number(const char *option, const char *text, long least)
{
    char *end;
    long v;

    errno = 0;
    v = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || v < least)
        cli_usage("%s: '%s' is not a number of at least %ld", option, text, least);
    return v;
}

int cli_finish(void)
{
    bool failed =
        ferror(stdout) != 0; /* an earlier flush may have failed where the last one does not */

    if (fclose(stdout) != 0 || failed) {
        fprintf(stderr, "%s: <stdout>: cannot write: %s\n", tool_name, strerror(errno));
        return ERR_INPUT;
    }
    return 0;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void cli_progress(long done, long total, const char *unit)
{
    static double start, last;
    double t = now(), rate;

    if (!isatty(2))
        return;
    if (start == 0)
        start = t;
    if (total >= 0 && done >= total) {
        progress_erase();
        return;
    }
    if (t - last < 0.1 || t == start)
        return;
    last = t;
    rate = (double)done / (t - start);
    progress_shown = true;
    if (total < 0)
        fprintf(stderr, "\r\033[K%s: %ld %s, %.1f/s", tool_name, done, unit, rate);
    else
        fprintf(stderr, "\r\033[K%s: %ld/%ld %s, %.1f/s, %.0f s left", tool_name, done, total, unit,
                rate, rate > 0 ? (double)(total - done) / rate : 0.0);
}
