/* engine.h: a model made ready to run, shared by workers, and the workers that run samples.
 *
 * Parallelism is over samples: each worker is one thread with its own activations and primitives,
 * oneDNN runs single-threaded inside it, and a sample's numbers do not depend on how many workers
 * there are (DESIGN.md 4).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_ENGINE_H
#define RUN_ENGINE_H

#include "op/op.h"
#include "op/snap.h"

/* One operator with what was fused behind it. */
struct step {
    const struct node *node;
    int (*run)(struct call *c); /* the node's, or that of a fusion that begins with it */
    enum op_layout layout;
    int index; /* over all graphs: where a worker keeps this step's state */
    int npost;
    const struct act *post;
    const struct value *residual; /* the other operand of a fused Add */
    struct value **out;           /* node->out, but out[0] is the last fused node's */
    bool *last;                   /* [nin + 1]: input (or the residual) is not read afterwards */
    int nrelease;
    int *release;      /* value ids that are done after this step */
    struct step *twin; /* what may run in its place, or NULL (struct changes) */
};

struct schedule {
    const struct graph *graph;
    int nsteps;
    struct step *steps;
};

struct engine {
    const struct model *model;
    struct arena arena;
    int nschedules, nsteps; /* schedules[0] is the main graph's */
    struct schedule *schedules;
    struct tensor *constants; /* by value id; data NULL where the value is not constant */
    struct packs *packs;
    const bool *keep;
};

/* `keep`, by value id or NULL: values that must appear as themselves because they are observed;
 * nothing is fused across them. Borrowed until engine_free. */
struct engine *engine_new(const struct model *m, const bool *keep);
/* The same, with nodes that a worker may run in place of the model's: twins[id] for the node of this id, or
 * NULL. A twin reads the same activations, other constants, and has the same outputs. */
struct engine *engine_new_twins(const struct model *m, const bool *keep,
                                const struct node *const *twins);
void engine_free(struct engine *g);
const struct schedule *engine_schedule(const struct engine *g, const struct graph *graph);

struct worker;
struct worker *worker_new(const struct engine *g); /* call from the thread that runs it */
void worker_free(struct worker *w);

/* How the next runs differ from the model. */
struct changes {
    const bool *twins; /* by node id: run its twin; NULL: none */
    const struct snap *const
        *snaps; /* by value id: the grid a kept float value is put on as soon as it
                                      * is computed, or NULL; NULL: none */
};
/* Borrowed until the next call; NULL: as the model is. */
void worker_change(struct worker *w, const struct changes *c);
/* The step of the main graph from which on runs with these changes differ: the number of steps where they
 * do not, -1 where inputs do already. */
int engine_differ(const struct engine *g, const struct changes *a, const struct changes *b);

/* What worker_run tells about every kept value (on its grid, if it has one), in the order they are computed; the tensor may be
 * channels-last and is only valid during the call. Returns 0, or -1 with the error set. */
typedef int worker_seen(void *ctx, const struct value *v, const struct tensor *t, struct err *e);

/* Runs the model once. in[i] is graph input i, row-major, borrowed for the call. */
int worker_run(struct worker *w, const struct tensor *in, worker_seen *seen, void *ctx,
               struct err *e);
/* Runs that are alike up to some step. */
struct fork {
    int from; /* engine_differ of the worker's changes and these, not below 0 */
    const struct changes *changes;
};
/* Runs the model with the worker's changes once, and from step `from` on with those of each fork, by ascending
 * `from`; done is called when the outputs are those of fork k. */
int worker_forks(struct worker *w, const struct tensor *in, const struct fork *forks, int n,
                 int (*done)(void *ctx, int k, struct worker *w, struct err *e), void *ctx,
                 struct err *e);
/* Notes from now on how long every step takes (run/profile.h). */
struct lane;
void worker_time(struct worker *w, struct lane *l);
/* Graph output i of the last run, row-major; valid until the next run. */
const struct tensor *worker_output(struct worker *w, int i);

/* Runs `workers` workers over steps first .. end-1; each takes the next one. run is called with the
 * worker, in its thread. The first error by step number is the one reported. tick (may be NULL) is
 * called in the calling thread's stead by whoever finished a step, one at a time. No step begins once
 * `seconds` have passed, unless it is the first (0: no limit); job_run sets end to where it stopped. */
struct job {
    const struct engine *engine;
    long first, end; /* steps */
    int workers;
    double seconds;
    int (*run)(struct worker *w, int worker, long step, void *ctx, struct err *e);
    void (*tick)(long done, long total, void *ctx);
    void *ctx;
};
int job_run(struct job *j, struct err *e);
int job_cores(void); /* the default number of workers: processors this process may use */

#endif
