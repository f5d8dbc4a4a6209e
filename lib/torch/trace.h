/* trace.h: runs the tracer: a Request out, a Trace back (proto/trace.proto), in a process of its own.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_TRACE_H
#define TORCH_TRACE_H

#include "base/mem.h"
#include "torch/import.h"
#include "torch/weights.h"

/* The Trace's bytes, unchecked. */
int trace_run(struct buf *out, const char *path, const struct torch_options *o,
              const struct weights *w, struct err *e);

#endif
