/* source.h: the Trace (proto/trace.proto) that is a PyTorch model's SOURCE, not trusted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_SOURCE_H
#define TORCH_SOURCE_H

#include "base/err.h"
#include "base/mem.h"
#include "ir/tensor.h"
#include "trace.pb-c.h"

typedef Dopt__Trace__Trace Trace;
typedef Dopt__Trace__Call Call;
typedef Dopt__Trace__Arg Arg;
typedef Dopt__Trace__Value TraceValue;

enum value_kind { VALUE_RESULT, VALUE_INPUT, VALUE_STATE, VALUE_LITERAL };
enum arg_kind { ARG_NONE, ARG_VALUE, ARG_INTEGER, ARG_NUMBER, ARG_BOOL, ARG_STRING, ARG_LIST };

/* Are all of its indices and sizes what they should be? `ntensors`: how many the weights' file has. */
int source_check(const Trace *t, uint32_t ntensors, struct err *e);
/* By value: where the model's data have a weight; the weights come first there, each once, in the
 * trace's order. -1 for other values. *n: how many there are. */
int *source_data(const Trace *t, struct arena *a, int *n);
/* The type of those bytes: the file's where it can be widened on the fly, else the definition's. */
enum dtype source_stored(const TraceValue *v);
struct shape source_shape(const TraceValue *v);

#endif
