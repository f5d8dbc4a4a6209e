/* prim.c: see prim.h. oneDNN 2.6, C interface; one stream a thread, scratchpad from the worker.
 * SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "op/pack.h"
#include "op/prim.h"

static dnnl_engine_t engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

/* std::set_new_handler: oneDNN is C++, and where its `new` fails it aborts, or goes on with a null pointer. */
extern void (*set_new_handler(void (*f)(void)))(void) __asm__("_ZSt15set_new_handlerPFvvE");

static void engine_make(void)
{
    set_new_handler(mem_die);
    dnnl_set_jit_profiling_flags(0); /* does not look for profilers in every folder of libraries */
    dnnl_engine_create(&engine, dnnl_cpu, 0);
}

dnnl_engine_t prim_engine(void)
{
    pthread_once(&engine_once, engine_make);
    return engine;
}

bool prim_exact_int8(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_avx512_core_vnni:
    case dnnl_cpu_isa_avx512_core_bf16:
    case dnnl_cpu_isa_avx512_core_amx:
    case dnnl_cpu_isa_avx2_vnni:
        return true;
    default:
        return false;
    }
}

static _Thread_local dnnl_stream_t thread_stream;

static dnnl_stream_t stream(void)
{
    if (thread_stream == NULL)
        dnnl_stream_create(&thread_stream, prim_engine(), dnnl_stream_default_flags);
    return thread_stream;
}

void prim_thread_end(void)
{
    if (thread_stream != NULL)
        dnnl_stream_destroy(thread_stream);
    thread_stream = NULL;
}

dnnl_primitive_attr_t prim_attr(const struct call *c)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t post;

    dnnl_primitive_attr_create(&attr);
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    dnnl_post_ops_create(&post);
    for (int i = 0; i < c->npost; i++) {
        const struct act *a = &c->post[i];

        if (a->kind == ACT_RESIDUAL)
            dnnl_post_ops_append_sum(post, 1.0f);
        else
            dnnl_post_ops_append_eltwise(post, 1.0f, (dnnl_alg_kind_t)a->kind, a->alpha, a->beta);
    }
    dnnl_primitive_attr_set_post_ops(attr, post);
    dnnl_post_ops_destroy(post);
    return attr;
}

const dnnl_memory_desc_t *prim_md(const struct prim *p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p->pd, what, 0);
}

void prim_md_init_as(dnnl_memory_desc_t *md, dnnl_data_type_t type, int rank, const int64_t *dims,
                     dnnl_format_tag_t tag)
{
    dnnl_dims_t full = { 0 };

    for (int i = 0; i < rank; i++)
        full[i] = dims[i];
    dnnl_memory_desc_init_by_tag(md, rank, full, type, tag);
}

void prim_md_init(dnnl_memory_desc_t *md, int rank, const int64_t *dims, dnnl_format_tag_t tag)
{
    prim_md_init_as(md, dnnl_f32, rank, dims, tag);
}

static dnnl_memory_t memory(const dnnl_memory_desc_t *md)
{
    dnnl_memory_t mem = NULL;

    if (md != NULL && dnnl_memory_desc_get_size(md) > 0)
        dnnl_memory_create(&mem, md, prim_engine(), DNNL_MEMORY_NONE);
    return mem;
}

int prim_init(struct prim *p, struct call *c, const_dnnl_op_desc_t desc,
              const_dnnl_primitive_attr_t attr)
{
    static const dnnl_query_t what[PRIM_ARGS] = { dnnl_query_src_md, dnnl_query_weights_md,
                                                  dnnl_query_weights_md, dnnl_query_dst_md };
    const dnnl_memory_desc_t *scratch;

    prim_release(p);
    if (dnnl_primitive_desc_create(&p->pd, desc, attr, prim_engine(), NULL) != dnnl_success ||
        dnnl_primitive_create(&p->p, p->pd) != dnnl_success) {
        prim_release(p);
        return call_fail(c, "oneDNN cannot run it at this shape");
    }
    for (int i = 0; i < PRIM_ARGS; i++)
        p->mem[i] = memory(dnnl_primitive_desc_query_md(p->pd, what[i], i == PRIM_BIAS));
    scratch = prim_md(p, dnnl_query_scratchpad_md);
    p->scratch = memory(scratch);
    p->scratchsize = p->scratch == NULL ? 0 : dnnl_memory_desc_get_size(scratch);
    return 0;
}

void prim_release(struct prim *p)
{
    for (int i = 0; i < PRIM_ARGS; i++)
        if (p->mem[i] != NULL)
            dnnl_memory_destroy(p->mem[i]);
    if (p->scratch != NULL)
        dnnl_memory_destroy(p->scratch);
    if (p->p != NULL)
        dnnl_primitive_destroy(p->p);
    if (p->pd != NULL)
        dnnl_primitive_desc_destroy(p->pd);
    free(p->weights);
    *p = (struct prim){ 0 };
}

int prim_run(struct prim *p, struct call *c, const void *src, const void *weights, const void *bias,
             void *dst)
{
    static const int arg[PRIM_ARGS] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
                                        DNNL_ARG_DST };
    const void *handle[PRIM_ARGS] = { src, weights, bias, dst };
    dnnl_exec_arg_t args[PRIM_ARGS + 1];
    int n = 0;

    for (int i = 0; i < PRIM_ARGS; i++)
        if (p->mem[i] != NULL && handle[i] != NULL) {
            dnnl_memory_set_data_handle(p->mem[i], (void *)handle[i]);
            args[n++] = (dnnl_exec_arg_t){ arg[i], p->mem[i] };
        }
    if (p->scratch != NULL) {
        dnnl_memory_set_data_handle(p->scratch, c->ops->scratch(c, p->scratchsize));
        args[n++] = (dnnl_exec_arg_t){ DNNL_ARG_SCRATCHPAD, p->scratch };
    }
    if (dnnl_primitive_execute(p->p, stream(), n, args) != dnnl_success ||
        dnnl_stream_wait(stream()) != dnnl_success)
        return call_fail(c, "oneDNN failed to run it");
    return 0;
}

struct reorder {
    struct call *c;
    int input;
    const dnnl_memory_desc_t *from, *to;
};

void prim_reorder(const dnnl_memory_desc_t *from_md, void *from_data,
                  const dnnl_memory_desc_t *to_md, void *to_data)
{
    dnnl_memory_t from, to;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;

    dnnl_memory_create(&from, from_md, prim_engine(), from_data);
    dnnl_memory_create(&to, to_md, prim_engine(), to_data);
    dnnl_reorder_primitive_desc_create(&pd, from_md, prim_engine(), to_md, prim_engine(), NULL);
    dnnl_primitive_create(&p, pd);
    dnnl_primitive_execute(p, stream(), 2,
                           (dnnl_exec_arg_t[]){ { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } });
    dnnl_stream_wait(stream());
    dnnl_primitive_destroy(p);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(from);
    dnnl_memory_destroy(to);
}

/* One reorder: the weight as float32 row-major, then into the primitive's order. */
static void *reorder_weights(void *ctx, size_t *size)
{
    struct reorder *r = ctx;
    const struct value *v = r->c->node->in[r->input];
    struct tensor t = constant_view(r->c->model, v);
    float *plain = NULL;
    void *packed;

    *size = dnnl_memory_desc_get_size(r->to);
    packed = mem_aligned(64, *size);
    if (v->constant->factor != NULL || t.dtype != DT_F32) {
        plain = mem_aligned(64, (size_t)shape_count(&v->shape) * sizeof *plain);
        constant_f32(r->c->model, v, plain);
        t.data = plain;
    }
    prim_reorder(r->from, t.data, r->to, packed);
    free(plain);
    return packed;
}

const void *prim_weights(struct prim *p, struct call *c, int i, const dnnl_memory_desc_t *user)
{
    const dnnl_memory_desc_t *want = prim_md(p, dnnl_query_weights_md);
    struct reorder r = { c, i, user, want };
    const struct tensor *w = c->in[i];
    const struct value *v = c->node->in[i];

    if (v->constant == NULL && dnnl_memory_desc_equal(user, want))
        return w->data;
    if (v->constant != NULL && v->constant->factor == NULL && v->constant->stored == DT_F32 &&
        dnnl_memory_desc_equal(user, want))
        return c->model->data[v->constant->datum].p;
    if (v->constant == NULL) {
        size_t size = dnnl_memory_desc_get_size(want);

        if (p->weights == NULL)
            p->weights = mem_aligned(64, size);
        prim_reorder(user, w->data, want, p->weights);
        return p->weights;
    }
    return packs_get(c->packs, c->node, i, want, sizeof *want, reorder_weights, &r);
}

static void *plain_weights(void *ctx, size_t *size)
{
    struct reorder *r = ctx;
    const struct value *v = r->c->node->in[r->input];
    float *plain;

    *size = (size_t)shape_count(&v->shape) * sizeof *plain;
    plain = mem_aligned(64, *size);
    constant_f32(r->c->model, v, plain);
    return plain;
}

const float *prim_f32(struct call *c, int i)
{
    const struct value *v;
    struct reorder r = { .c = c, .input = i };

    if (!call_has(c, i))
        return NULL;
    v = c->node->in[i];
    if (v->constant == NULL)
        return c->in[i]->data;
    if (v->constant->factor == NULL && v->constant->stored == DT_F32)
        return (const float *)(const void *)c->model->data[v->constant->datum].p;
    return packs_get(c->packs, c->node, i, "f32", 3, plain_weights, &r);
}

double prim_peak(void)
{
    enum { N = 512, TRIES = 12 };
    float *a = mem_aligned(64, 3 * sizeof *a * N * N);
    struct timespec begin, end;
    double best = 0;

    for (size_t i = 0; i < 3 * N * N; i++)
        a[i] = 1;
    omp_set_num_threads(1);
    for (int i = 0; i < TRIES; i++) {
        double seconds;

        clock_gettime(CLOCK_MONOTONIC, &begin);
        dnnl_sgemm('N', 'N', N, N, N, 1, a, N, a + N * N, N, 0, a + 2 * N * N, N);
        clock_gettime(CLOCK_MONOTONIC, &end);
        seconds =
            (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
        best = 2.0 * N * N * N / seconds > best ? 2.0 * N * N * N / seconds : best;
    }
    free(a);
    return best;
}
