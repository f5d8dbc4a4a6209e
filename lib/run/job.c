/* job.c: workers over steps; see struct job in engine.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include "run/engine.h"

struct crew {
    const struct job *job;
    pthread_mutex_t lock;
    struct timespec start;
    long next, done;
    long failed; /* the lowest step that failed, LONG_MAX if none */
    struct err err;
};

struct hand {
    struct crew *crew;
    int number;
    pthread_t thread;
};

static bool in_time(const struct crew *crew)
{
    struct timespec now;

    if (crew->job->seconds <= 0 || crew->next == crew->job->first)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - crew->start.tv_sec) +
               (double)(now.tv_nsec - crew->start.tv_nsec) * 1e-9 <
           crew->job->seconds;
}

/* The next step to run, or -1: none left, no time left, or an earlier one failed. */
static long take(struct crew *crew)
{
    long step = -1;

    pthread_mutex_lock(&crew->lock);
    if (crew->next < crew->job->end && crew->next < crew->failed && in_time(crew))
        step = crew->next++;
    pthread_mutex_unlock(&crew->lock);
    return step;
}

static void finish(struct crew *crew, long step, int rc, const struct err *e)
{
    const struct job *j = crew->job;

    pthread_mutex_lock(&crew->lock);
    if (rc < 0 && step < crew->failed) {
        crew->failed = step;
        crew->err = *e;
    }
    crew->done++;
    if (rc == 0 && j->tick != NULL)
        j->tick(crew->done, j->end - j->first, j->ctx);
    pthread_mutex_unlock(&crew->lock);
}

/* Denormals count as zero while a worker runs: real networks have dead channels of 1e-40, and the
 * processor takes a hundred cycles for each. Returns what unflush needs. */
static unsigned flush_denormals(void)
{
#ifdef __x86_64__
    unsigned before = _mm_getcsr();

    _mm_setcsr(before | 0x8040); /* flush to zero, denormals are zero */
    return before;
#else
    return 0;
#endif
}

static void unflush(unsigned before)
{
#ifdef __x86_64__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

static void *work(void *arg)
{
    struct hand *h = arg;
    const struct job *j = h->crew->job;
    struct worker *w;
    struct err e = { .status = ERR_INPUT };
    unsigned denormals = flush_denormals();
    long step;

    omp_set_num_threads(1);
    w = worker_new(j->engine);
    while ((step = take(h->crew)) >= 0)
        finish(h->crew, step, j->run(w, h->number, step, j->ctx, &e), &e);
    worker_free(w);
    unflush(denormals); /* one of the workers is the caller's thread */
    return NULL;
}

int job_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int job_run(struct job *j, struct err *e)
{
    struct crew crew = {
        .job = j, .lock = PTHREAD_MUTEX_INITIALIZER, .next = j->first, .failed = LONG_MAX
    };
    int n = j->workers < 1 ? 1 : j->workers, started = 1;
    struct hand *hands = NEW_ARRAY(struct hand, (size_t)n);

    clock_gettime(CLOCK_MONOTONIC, &crew.start);
    for (int i = 0; i < n; i++)
        hands[i] = (struct hand){ .crew = &crew, .number = i };
    for (; started < n && started < j->end - j->first; started++)
        if (pthread_create(&hands[started].thread, NULL, work, &hands[started]) != 0)
            break; /* fewer hands do the same work */
    work(&hands[0]);
    for (int i = 1; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    free(hands);
    if (crew.failed != LONG_MAX) {
        *e = crew.err;
        return -1;
    }
    j->end = crew.next;
    return 0;
}
