/* dopt: the original toolkit's command line; wires the stages of pipeline.mk and says how it went.
 * DESIGN.md 8. It computes nothing itself.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli.h"
#include "format/guess.h"
#include "guard.h"
#include "quant/range.h"
#include "summary.h"

static const char usage[] =
    "usage: dopt -m 0 --framework 3|5 --model FILE [--weight FILE] --cal_conf FILE --output FILE\n"
    "            [--input_format NHWC|NCHW] [--input_shape SHAPES] [--out_nodes NAMES]\n"
    "            [--compress_conf PARAM] [--device_idx N] [--as grid|qdq] [--preset PRESET]\n"
    "            [--method METHOD] [--per-tensor] [--exclude NAMES] [--shards N] [--jobs N] [--fit "
    "HOW]\n"
    "            [--resize KERNEL] [--no-resize] [--max-pixels N] [--all]\n"
    "            [--to onnx] [--work DIR] [-v]\n"
    "       dopt -h | -V\n";

enum {
    O_FRAMEWORK = 256,
    O_MODEL,
    O_WEIGHT,
    O_CAL_CONF,
    O_OUTPUT,
    O_INPUT_FORMAT,
    O_INPUT_SHAPE,
    O_OUT_NODES,
    O_COMPRESS_CONF,
    O_DEVICE_IDX,
    O_AS,
    O_PRESET,
    O_METHOD,
    O_PER_TENSOR,
    O_EXCLUDE,
    O_SHARDS,
    O_JOBS,
    O_FIT,
    O_RESIZE,
    O_NO_RESIZE,
    O_MAX_PIXELS,
    O_ALL,
    O_WORK,
    O_TO
};

static const struct option options[] = {
    { "mode", required_argument, NULL, 'm' },
    { "framework", required_argument, NULL, O_FRAMEWORK },
    { "model", required_argument, NULL, O_MODEL },
    { "weight", required_argument, NULL, O_WEIGHT },
    { "cal_conf", required_argument, NULL, O_CAL_CONF },
    { "output", required_argument, NULL, O_OUTPUT },
    { "input_format", required_argument, NULL, O_INPUT_FORMAT },
    { "input_shape", required_argument, NULL, O_INPUT_SHAPE },
    { "out_nodes", required_argument, NULL, O_OUT_NODES },
    { "compress_conf", required_argument, NULL, O_COMPRESS_CONF },
    { "device_idx", required_argument, NULL, O_DEVICE_IDX },
    { "as", required_argument, NULL, O_AS },
    { "preset", required_argument, NULL, O_PRESET },
    { "method", required_argument, NULL, O_METHOD },
    { "per-tensor", no_argument, NULL, O_PER_TENSOR },
    { "exclude", required_argument, NULL, O_EXCLUDE },
    { "shards", required_argument, NULL, O_SHARDS },
    { "jobs", required_argument, NULL, O_JOBS },
    { "fit", required_argument, NULL, O_FIT },
    { "resize", required_argument, NULL, O_RESIZE },
    { "no-resize", no_argument, NULL, O_NO_RESIZE },
    { "max-pixels", required_argument, NULL, O_MAX_PIXELS },
    { "all", no_argument, NULL, O_ALL },
    { "work", required_argument, NULL, O_WORK },
    { "to", required_argument, NULL, O_TO },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

struct args {
    const char *mode, *framework, *model, *entry, *weight, *cal_conf, *output, *input_format,
        *input_shape, *out_nodes;
    const char *param, *as, *preset, *method, *exclude, *fit, *resize, *to, *work;
    long shards, jobs;
    long max_pixels;
    bool no_resize, per_tensor, all, verbose;
};

/* The argument must be one of the words in `allowed`, separated by '|'. */
static const char *one_of(const char *option, const char *text, const char *allowed)
{
    size_t n = strlen(text);

    for (const char *p = allowed; p != NULL; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == '\0') && n > 0)
            return text;
    cli_usage("%s: '%s' is not one of %s", option, text, allowed);
}

static void read_option(struct args *a, int o)
{
    switch (o) {
    case 'm':
        a->mode = one_of("--mode", optarg, "0");
        break;
    case O_FRAMEWORK:
        a->framework = one_of("--framework", optarg, "3|5");
        break;
    case O_MODEL:
        a->model = optarg;
        break;
    case O_WEIGHT:
        a->weight = optarg;
        break;
    case O_CAL_CONF:
        a->cal_conf = optarg;
        break;
    case O_OUTPUT:
        a->output = optarg;
        break;
    case O_INPUT_FORMAT:
        a->input_format = one_of("--input_format", optarg, "NHWC|NCHW");
        break;
    case O_INPUT_SHAPE:
        a->input_shape = optarg;
        break;
    case O_OUT_NODES:
        a->out_nodes = optarg;
        break;
    case O_COMPRESS_CONF:
        a->param = optarg;
        break;
    case O_DEVICE_IDX: /* as the original's callers pass it */
        warn("--device_idx %ld: there is no GPU backend yet, this runs on the CPU",
             cli_number("--device_idx", optarg, 0));
        break;
    case O_AS:
        a->as = one_of("--as", optarg, "grid|qdq");
        break;
    case O_PRESET:
        a->preset = one_of("--preset", optarg, "fast|balanced|best");
        break;
    case O_PER_TENSOR:
        a->per_tensor = true;
        break;
    case O_METHOD:
        a->method = one_of("--method", optarg, RANGE_METHODS);
        break;
    case O_EXCLUDE:
        a->exclude = optarg;
        break;
    case O_SHARDS:
        a->shards = cli_number("--shards", optarg, 1);
        break;
    case O_JOBS:
        a->jobs = cli_number("--jobs", optarg, 1);
        break;
    case O_FIT:
        a->fit = one_of("--fit", optarg, "stretch|crop|letterbox");
        break;
    case O_RESIZE:
        a->resize = one_of("--resize", optarg, "linear|area|nearest|cubic");
        break;
    case O_MAX_PIXELS:
        a->max_pixels = cli_number("--max-pixels", optarg, 1);
        break;
    case O_NO_RESIZE:
        a->no_resize = true;
        break;
    case O_ALL:
        a->all = true;
        break;
    case O_WORK:
        a->work = optarg;
        break;
    case O_TO:
        a->to = one_of("--to", optarg, "onnx");
        break;
    case 'v':
        a->verbose = true;
        break;
    case 'h':
        cli_help();
    case 'V':
        cli_version();
    default:
        cli_usage("try -h");
    }
}

static void read_args(struct args *a, int argc, char **argv)
{
    static const char *const required[] = { "--mode", "--framework", "--model", "--cal_conf",
                                            "--output" };
    const char *given[5];
    int o;

    *a = (struct args){ .as = "grid", .shards = 1, .jobs = 1 };
    while ((o = getopt_long(argc, argv, "m:vhV", options, NULL)) != -1)
        read_option(a, o);
    if (optind < argc)
        cli_usage("unexpected argument '%s'", argv[optind]);
    if (a->no_resize && (a->fit != NULL || a->resize != NULL))
        cli_usage("--no-resize goes with neither --fit nor --resize");
    memcpy(given, (const char *[]){ a->mode, a->framework, a->model, a->cal_conf, a->output },
           sizeof given);
    for (int i = 0; i < 5; i++)
        if (given[i] == NULL)
            cli_usage("%s is required", required[i]);
    a->model = cli_model(a->model, &a->entry);
}

static void must_exist(const char *option, const char *path)
{
    struct stat st;
    struct err e;

    if (stat(path, &st) < 0) {
        err_set(&e, "%s %s:", option, path);
        cli_die(&e);
    }
    if (S_ISDIR(st.st_mode)) {
        err_set(&e, "%s %s: is a directory, a file is needed here", option, path);
        cli_die(&e);
    }
}

/* Inputs are there, and no output is one of them. */
static void check_files(const struct args *a)
{
    const char *const outputs[][2] = { { "--output", a->output }, { "--compress_conf", a->param } };
    struct err e;

    if (format_folder(a->model, &e) < 0)
        cli_die(&e);
    must_exist("--model", a->model);
    must_exist("--cal_conf", a->cal_conf);
    if (a->weight != NULL)
        must_exist("--weight", a->weight);
    for (int i = 0; i < 2; i++) {
        guard_distinct(outputs[i][0], outputs[i][1], "--model", a->model);
        guard_distinct(outputs[i][0], outputs[i][1], "--weight", a->weight);
        guard_distinct(outputs[i][0], outputs[i][1], "--cal_conf", a->cal_conf);
    }
    guard_distinct("--compress_conf", a->param, "--output", a->output);
    guard_calibration(a->cal_conf, outputs, 2, a->work);
}

/* Make splits words at blanks and expands '$', '#', '%': such paths reach it as links. */
struct links {
    char *dir; /* NULL while none was needed */
    int n;
    struct err *e;
};

static bool plain(const char *path)
{
    for (const char *p = path; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("/._+-@,", *p) == NULL)
            return false;
    return path[0] != '-' && path[0] != '~';
}

static const char *absolute(const char *path)
{
    char cwd[PATH_MAX];

    if (path[0] == '/')
        return path;
    return mem_printf("%s/%s", getcwd(cwd, sizeof cwd) == NULL ? "." : cwd, path);
}

/* A path make can take: the path itself, or a link to it with its extension. */
static const char *for_make(struct links *l, const char *path)
{
    const char *dot, *tmp = getenv("TMPDIR");
    char *name;

    if (path == NULL || plain(path))
        return path;
    if (l->dir == NULL) {
        l->dir = mem_printf("%s/dopt.XXXXXX", tmp != NULL && plain(tmp) ? tmp : "/tmp");
        if (mkdtemp(l->dir) == NULL) {
            err_set(l->e, "%s: cannot create:", l->dir);
            cli_die(l->e);
        }
    }
    dot = strrchr(path, '.');
    name = mem_printf("%s/%d%s", l->dir, ++l->n, dot != NULL && plain(dot) ? dot : "");
    if (symlink(absolute(path), name) < 0) {
        err_set(l->e, "%s: cannot create:", name);
        cli_die(l->e);
    }
    return name;
}

static void links_remove(struct links *l)
{
    if (l->dir == NULL)
        return;
    for (int i = 1; i <= l->n; i++) {
        char *pattern = mem_printf("exec rm -f '%s'/%d '%s'/%d.*", l->dir, i, l->dir, i);

        if (system(pattern) != 0)
            break;
        free(pattern);
    }
    rmdir(l->dir);
}

struct command {
    char *words[64];
    int n;
};

/* NULL gives an empty value: every variable is set, so that none comes from the environment. */
static void word(struct command *c, const char *name, const char *value)
{
    c->words[c->n++] = mem_printf("%s%s", name, value != NULL ? value : "");
}

/* Make expands '$' in a variable given on its command line. */
static const char *escaped(const char *s)
{
    struct buf b = { 0 };

    if (s == NULL)
        return NULL;
    for (; *s != '\0'; s++)
        buf_str(&b, *s == '$' ? "$$" : (char[]){ *s, '\0' });
    return b.data == NULL ? "" : (const char *)b.data;
}

/* Where a signal to dopt alone goes on to. */
static volatile pid_t make_pid;
static volatile sig_atomic_t stopped_by;

/* Make and the stages are a process group of their own. */
static void forward(int sig)
{
    stopped_by = sig;
    if (make_pid > 0)
        kill(-make_pid, sig);
    else
        _exit(128 + sig);
}

static void forward_signals(void)
{
    static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };

    for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++)
        if (signal(sigs[i], SIG_IGN) != SIG_IGN)
            signal(sigs[i], forward);
}

/* Runs make; its own messages go to WORK/make.log, the tools' to our stderr. Returns make's status. */
static int run_make(struct command *c, const char *log, struct err *e)
{
    int out = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0666), status;
    pid_t pid;

    c->words[c->n] = NULL;
    if (out < 0) {
        err_set(e, "%s: cannot create:", log);
        cli_die(e);
    }
    fflush(stderr);
    forward_signals();
    pid = fork();
    if (pid < 0) {
        err_set(e, "cannot start make:");
        cli_die(e);
    }
    if (pid == 0) {
        static const char *const foreign[] = { "MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS",
                                               "MAKELEVEL" };

        setpgid(0, 0);
        for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
            unsetenv(foreign[i]);
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* kill -9 of dopt ends the stages too */
        for (int sig = 1; sig < 16; sig++)
            if (sig != SIGKILL && signal(sig, SIG_DFL) == SIG_IGN)
                signal(sig, SIG_IGN);
        dup2(2, 9); /* ERR=9: where the tools talk */
        dup2(out, 1);
        dup2(out, 2);
        close(out);
        execvp("make", c->words);
        dup2(9, 2);
        fprintf(stderr, "dopt: make: %s: install GNU make\n", strerror(errno));
        _exit(127);
    }
    setpgid(pid, pid);
    make_pid = pid;
    close(out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What failed: the stage's name and exit status as the recipe noted them, or the end of make's log. */
static int explain(const char *work, const char *log, int status)
{
    char *path = mem_printf("%s/failed", work), stage[32] = "", line[1024] = "", last[1024] = "";
    FILE *f = fopen(path, "r");
    int code = ERR_INPUT;

    if (stopped_by != 0) {
        fprintf(stderr,
                "dopt: stopped by signal %d (%s); intermediate files are kept in %s, a second call "
                "goes on from there\n",
                stopped_by, strsignal(stopped_by), work);
    } else if (f != NULL && fscanf(f, "%31s %d", stage, &code) == 2) {
        fprintf(stderr,
                "dopt: stage %s failed (exit status %d); intermediate files are kept in %s (remove "
                "it to start anew)\n",
                stage, code, work);
    } else {
        FILE *g = fopen(log, "r");

        while (g != NULL && fgets(line, sizeof line, g) != NULL)
            memcpy(last, line, sizeof last);
        last[strcspn(last, "\n")] = '\0';
        fprintf(stderr, "dopt: make failed (exit status %d)%s%s\n", status, last[0] ? ": " : "",
                last);
        if (g != NULL)
            fclose(g);
    }
    if (f != NULL)
        fclose(f);
    free(path);
    return code >= 1 && code <= 3 ? code : ERR_INPUT;
}

/* How samples are read, as dopt-observe and dopt-report take it; a blank behind each. */
static void sample_flags(const struct args *a, struct buf *out)
{
    if (a->fit != NULL)
        buf_printf(out, "--fit %s ", a->fit);
    if (a->resize != NULL)
        buf_printf(out, "--resize %s ", a->resize);
    if (a->max_pixels > 0)
        buf_printf(out, "--max-pixels %ld ", a->max_pixels);
    buf_str(out, a->no_resize ? "--no-resize " : "");
}

static void make_words(struct command *c, const struct args *a, struct links *l, const char *work)
{
    struct buf flags = { 0 };

    word(c, "make", "");
    word(c, "-s", "");
    word(c, "-rR", "");
    word(c, "--no-print-directory", "");
    c->words[c->n++] = mem_printf("-j%ld", a->jobs);
    word(c, "-f", for_make(l, cli_share("pipeline.mk", "pipeline.mk")));
    word(c, "BIN=", mem_printf("%s/", for_make(l, cli_folder())));
    word(c, "ERR=", "9");
    word(c, "WORK=", work);
    word(c, "MODEL=", for_make(l, a->model));
    word(c, "ENTRY=", escaped(a->entry));
    word(c, "WEIGHT=", for_make(l, a->weight));
    word(c, "CAL_CONF=", for_make(l, a->cal_conf));
    word(c, "OUTPUT=", for_make(l, a->output));
    word(c, "PARAM=", for_make(l, a->param));
    word(c, "FRAMEWORK=", a->framework);
    word(c, "INPUT_SHAPE=", escaped(a->input_shape));
    word(c, "OUT_NODES=", escaped(a->out_nodes));
    word(c, "INPUT_FORMAT=", a->input_format);
    word(c, "AS=", a->as);
    word(c, "PRESET=", a->preset);
    word(c, "METHOD=", a->method);
    word(c, "EXCLUDE=", escaped(a->exclude));
    c->words[c->n++] = mem_printf("SHARDS=%ld", a->shards);
    sample_flags(a, &flags);
    word(c, "SAMPLE_FLAGS=", (const char *)flags.data);
    word(c, "OBSERVE_FLAGS=", a->all ? "--all" : NULL);
    word(c, "IMPORT_FLAGS=", NULL);
    word(c, "QUANT_FLAGS=", a->per_tensor ? "--per-tensor" : NULL);
    word(c, "EMIT_FLAGS=", a->to != NULL ? "--to onnx" : NULL);
    word(c, "RUN=", NULL);
    word(c, "THREADS=", a->shards > 1 ? "1" : NULL);
    word(c, "all", "");
    word(c, "compare", "");
}

/* The file that holds the weights: of a PyTorch model it is not the model. */
static const char *weighty(const struct args *a)
{
    size_t n = strlen(a->model);

    return a->weight != NULL && n > 3 && strcmp(a->model + n - 3, ".py") == 0 ? a->weight
                                                                              : a->model;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    struct err e = { .status = ERR_INPUT };
    struct links l = { .e = &e };
    struct command c = { .n = 0 };
    double start = seconds();
    char *work, *log, *failed;
    struct buf flags = { 0 };
    struct args a;
    int status;

    cli_init("dopt", usage);
    read_args(&a, argc, argv);
    if (a.param == NULL)
        a.param = mem_printf("%s/param", dirname(mem_strdup(a.output)));
    check_files(&a);
    work = a.work != NULL ? mem_strdup(a.work) : mem_printf("%s.work", a.output);
    if (mkdir(work, 0777) < 0 && errno != EEXIST) {
        err_set(&e, "%s: cannot create:", work);
        cli_die(&e);
    }
    guard_lock(work);
    guard_pair(work, a.output, a.param);
    log = mem_printf("%s/make.log", work);
    failed = mem_printf("%s/failed", work);
    unlink(failed);
    make_words(&c, &a, &l, for_make(&l, work));
    status = run_make(&c, log, &e);
    links_remove(&l);
    if (status != 0)
        return explain(work, log, status);
    guard_pair_keep(work, a.output, a.param);
    sample_flags(&a, &flags);
    if (a.input_format != NULL)
        buf_printf(&flags, "--input_format %s ", a.input_format);
    summary_print(&(struct summary){ weighty(&a), a.output, a.param, work, a.cal_conf,
                                     (const char *)flags.data, seconds() - start });
    buf_release(&flags);
    puts("Quantize model success");
    return cli_finish();
}
