/* spectrum.c: ONNX DFT-20, STFT-17, HannWindow-17, HammingWindow-17, BlackmanWindow-17 and
 * MelWeightMatrix-17. Complex numbers are a last dim of two. Transforms run in double: halved while the
 * length is even, direct below.
 * SPDX-License-Identifier: Apache-2.0 */
#include <complex.h>
#include <math.h>
#include <string.h>

#include "op/strides.h"

/* out[k] = sum of in[j * step] w^(j k stride), w the n * stride-th root of unity; w[i] = its powers. */
static void transform(double complex *out, const double complex *in, int64_t n, int64_t step,
                      const double complex *w, int64_t stride, double complex *spare)
{
    int64_t half = n / 2;

    if (n == 1) {
        out[0] = in[0];
        return;
    }
    if (n % 2 != 0) {
        for (int64_t k = 0; k < n; k++) {
            double complex sum = 0;

            for (int64_t j = 0; j < n; j++)
                sum += in[j * step] * w[j * k % n * stride];
            out[k] = sum;
        }
        return;
    }
    transform(spare, in, half, 2 * step, w, 2 * stride, out);
    transform(spare + half, in + step, half, 2 * step, w, 2 * stride, out + half);
    for (int64_t k = 0; k < half; k++) {
        double complex odd = spare[half + k] * w[k * stride];

        out[k] = spare[k] + odd;
        out[k + half] = spare[k] - odd;
    }
}

/* Scratch of one transform length: input, output, spare, and the roots. */
struct fft {
    int64_t n;
    double complex *in, *out, *spare, *w;
};

static void fft_init(struct fft *f, struct call *c, int64_t n, bool inverse)
{
    f->n = n;
    f->in = c->ops->scratch(c, (size_t)n * 4 * sizeof *f->in + 1);
    f->out = f->in + n;
    f->spare = f->out + n;
    f->w = f->spare + n;
    for (int64_t k = 0; k < n; k++)
        f->w[k] = cexp((inverse ? 2 : -2) * I * M_PI * (double)k / (double)n);
}

static double complex read_number(const struct tensor *x, int64_t i, bool complex_valued)
{
    if (!complex_valued)
        return tensor_get(x, (size_t)i);
    return tensor_get(x, (size_t)(2 * i)) + I * tensor_get(x, (size_t)(2 * i + 1));
}

static void write_number(struct tensor *y, int64_t i, double complex v)
{
    tensor_put(y, (size_t)(2 * i), creal(v));
    tensor_put(y, (size_t)(2 * i + 1), cimag(v));
}

int op_dft(struct call *c)
{
    const struct tensor *x = c->in[0];
    bool inverse = attr_int(c->node, "inverse", 0) != 0,
         onesided = attr_int(c->node, "onesided", 0) != 0, pairs;
    int rank = x->shape.rank, count;
    int64_t axis = attr_int(c->node, "axis", 1), length, kept, n, outer, inner;
    struct shape s = x->shape;
    struct fft f;

    if (rank < 2 || s.dim[rank - 1] < 1 || s.dim[rank - 1] > 2 || !dtype_is_float(x->dtype))
        return call_fail(c, "the last dim must be 1 (real) or 2 (complex)");
    if (call_has(c, 2) && !call_ints(c, 2, &axis, 1, &count))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    axis = call_axis(c, axis, rank);
    if (axis < 0)
        return -1;
    if (axis == rank - 1)
        return call_fail(c, "the axis must not be the last dim");
    n = length = s.dim[axis];
    if (call_has(c, 1) && !call_ints(c, 1, &length, 1, &count))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (length < 1 || length > 1 << 28 || (onesided && inverse))
        return call_fail(c, "a transform of length %lld%s", (long long)length,
                         onesided ? ", inverse and one-sided" : "");
    pairs = s.dim[rank - 1] == 2;
    kept = onesided ? length / 2 + 1 : length;
    s.dim[axis] = kept;
    s.dim[rank - 1] = 2;
    if (call_out(c, 0, x->dtype, &s, false) == NULL)
        return call_end(c);
    outer = shape_outer(&s, (int)axis);
    inner = shape_inner(&s, (int)axis) / 2;
    fft_init(&f, c, length, inverse);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            for (int64_t k = 0; k < length; k++)
                f.in[k] = k < n ? read_number(x, (o * n + k) * inner + i, pairs) : 0;
            transform(f.out, f.in, length, 1, f.w, 1, f.spare);
            for (int64_t k = 0; k < kept; k++)
                write_number(c->out[0], (o * kept + k) * inner + i,
                             inverse ? f.out[k] / (double)length : f.out[k]);
        }
    return 0;
}

int op_stft(struct call *c)
{
    const struct tensor *x = c->in[0];
    int rank = x->shape.rank, count;
    bool onesided = attr_int(c->node, "onesided", 1) != 0,
         pairs = rank == 3 && x->shape.dim[2] == 2;
    int64_t step = 0, length, n, frames, bins;
    struct shape s;
    struct fft f;

    if (rank < 2 || rank > 3 || (rank == 3 && x->shape.dim[2] > 2) || !dtype_is_float(x->dtype))
        return call_fail(c, "the signal must be (batch, length) or (batch, length, 1 or 2)");
    if (!call_ints(c, 1, &step, 1, &count))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    n = x->shape.dim[1];
    length = call_has(c, 2) ? shape_count(&c->in[2]->shape) : n;
    if (call_has(c, 3) && !call_ints(c, 3, &length, 1, &count))
        return c->failed ? -1 : call_unknown(c, 0, x->dtype);
    if (count != 1 || step < 1 || length < 1 || length > n ||
        (call_has(c, 2) && shape_count(&c->in[2]->shape) != length))
        return call_fail(c, "frames of %lld every %lld of a signal of %lld do not fit",
                         (long long)length, (long long)step, (long long)n);
    frames = (n - length) / step + 1;
    bins = onesided ? length / 2 + 1 : length;
    s = shape_of(4, (int64_t[]){ x->shape.dim[0], frames, bins, 2 });
    if (call_out(c, 0, x->dtype, &s, false) == NULL)
        return call_end(c);
    fft_init(&f, c, length, false);
    for (int64_t b = 0; b < s.dim[0]; b++)
        for (int64_t t = 0; t < frames; t++) {
            for (int64_t k = 0; k < length; k++)
                f.in[k] = read_number(x, b * n + t * step + k, pairs) *
                          (call_has(c, 2) ? tensor_get(c->in[2], (size_t)k) : 1);
            transform(f.out, f.in, length, 1, f.w, 1, f.spare);
            for (int64_t k = 0; k < bins; k++)
                write_number(c->out[0], (b * frames + t) * bins + k, f.out[k]);
        }
    return 0;
}

/* a - b cos(2 pi i / n) + d cos(4 pi i / n); n is one less where the window is symmetric. */
int op_window(struct call *c)
{
    bool hann = node_is(c->node, OP_HANNWINDOW), hamming = node_is(c->node, OP_HAMMINGWINDOW);
    double a = hann      ? 0.5
               : hamming ? 25.0 / 46
                         : 0.42,
           b = hann || !hamming ? 0.5 : 21.0 / 46, d = hann || hamming ? 0 : 0.08;
    enum dtype t = (enum dtype)attr_int(c->node, "output_datatype", DT_F32);
    int64_t size = -1, n;
    struct shape s = { .rank = 1 };
    int count;

    if (t == DT_F16 || t == DT_BF16)
        t = DT_F32;
    if (!call_ints(c, 0, &size, 1, &count))
        return c->failed ? -1 : call_unknown(c, 0, t);
    s.dim[0] = size;
    if (size < 0 || call_out(c, 0, t, &s, false) == NULL)
        return size < 0 ? call_fail(c, "a window of %lld", (long long)size) : call_end(c);
    n = attr_int(c->node, "periodic", 1) ? size : size - 1;
    for (int64_t i = 0; i < size; i++) {
        double phase = n > 0 ? 2 * M_PI * (double)i / (double)n : 0;

        tensor_put(c->out[0], (size_t)i, a - b * cos(phase) + d * cos(2 * phase));
    }
    return 0;
}

static double mel(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

int op_melweightmatrix(struct call *c)
{
    enum dtype t = (enum dtype)attr_int(c->node, "output_datatype", DT_F32);
    int64_t bins = 0, length = 0, rate = 0, edge[3];
    double low, step;
    struct shape s = { .rank = 2 };
    struct tensor *y = c->out[0];
    int n;

    if (t == DT_F16 || t == DT_BF16)
        t = DT_F32;
    if (!call_ints(c, 0, &bins, 1, &n) || !call_ints(c, 1, &length, 1, &n) ||
        !call_ints(c, 2, &rate, 1, &n) || !call_has_data(c, 3) || !call_has_data(c, 4))
        return c->failed ? -1 : call_unknown(c, 0, t);
    if (bins < 1 || length < 1 || rate < 1 || length > 1 << 28 ||
        shape_count(&c->in[3]->shape) != 1 || shape_count(&c->in[4]->shape) != 1)
        return call_fail(c, "bins, length or sample rate below 1, or edges that are no numbers");
    s.dim[0] = length / 2 + 1;
    s.dim[1] = bins;
    if (call_out(c, 0, t, &s, false) == NULL)
        return call_end(c);
    memset(y->data, 0, tensor_size(y));
    low = mel(tensor_get(c->in[3], 0));
    step = (mel(tensor_get(c->in[4], 0)) - low) / (double)(bins + 2);
    for (int64_t i = 0; i < bins; i++) {
        for (int k = 0; k < 3; k++) {
            double hertz = 700 * (pow(10, ((double)(i + k) * step + low) / 2595) - 1);

            hertz = floor((double)(length + 1) * hertz / (double)rate);
            edge[k] = !(hertz > 0) ? 0 : hertz < (double)s.dim[0] ? (int64_t)hertz : s.dim[0] - 1;
        }
        if (edge[0] == edge[1])
            tensor_put(y, (size_t)(edge[1] * bins + i), 1);
        for (int64_t j = edge[0]; j <= edge[1] && edge[0] != edge[1]; j++)
            tensor_put(y, (size_t)(j * bins + i),
                       (double)(j - edge[0]) / (double)(edge[1] - edge[0]));
        for (int64_t j = edge[1]; j < edge[2]; j++)
            tensor_put(y, (size_t)(j * bins + i),
                       (double)(edge[2] - j) / (double)(edge[2] - edge[1]));
    }
    return 0;
}
