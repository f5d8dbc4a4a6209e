/* guess.c: see guess.h. Protobuf has no magic: the numbers of the top-level fields tell ModelProto
 * (graph = 7), GraphDef (node = 1 with a name first), SavedModel (meta_graphs = 2) and param
 * (strategy = 2) apart.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cursor.h"
#include "format/dopt.h"
#include "format/guess.h"

static bool starts(const uint8_t *p, size_t size, const char *magic, size_t n)
{
    return size >= n && memcmp(p, magic, n) == 0;
}

static bool contains(const uint8_t *p, size_t size, const char *s)
{
    return memmem(p, size, s, strlen(s)) != NULL;
}

/* A message whose first field is a string of ordinary characters, as a NodeDef begins. */
static bool begins_with_name(struct cursor c)
{
    struct field f;

    if (!cursor_field(&c, &f) || f.number != 1 || f.wire != 2 || cursor_left(&f.bytes) == 0)
        return false;
    for (const uint8_t *p = f.bytes.p; p < f.bytes.end; p++)
        if (*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

/* MetaGraphDef: field 2 is a GraphDef, whose field 1 is a NodeDef. */
static bool holds_graph(struct cursor c)
{
    struct field f;

    return cursor_field(&c, &f) && f.number == 1 && f.wire == 2 && begins_with_name(f.bytes);
}

static enum format guess_protobuf(const uint8_t *p, size_t size)
{
    struct cursor c = cursor_of(p, size);
    bool seen[32] = { false }, named = false, version = false, meta = false;
    struct field f;
    int n = 0;

    for (; cursor_field(&c, &f); n++) {
        if (f.number >= 32)
            return FORMAT_UNKNOWN;
        if (n == 0) {
            version = f.number == 1 && f.wire == 0 && f.value < 1000;
            named = f.number == 1 && f.wire == 2 && begins_with_name(f.bytes);
        }
        if (n == 1 && version && f.number == 2 && f.wire == 2 &&
            starts(f.bytes.p, cursor_left(&f.bytes), "Quant_", 6))
            return FORMAT_PARAM;
        meta |= n == 1 && f.number == 2 && f.wire == 2 && holds_graph(f.bytes);
        seen[f.number] |= f.wire == 2;
    }
    if (n == 0)
        return FORMAT_UNKNOWN;
    if (meta && !version)
        return FORMAT_METAGRAPH;
    if (c.bad) /* cut off: what its beginning looked like */
        return named && !seen[7] ? FORMAT_GRAPHDEF : version ? FORMAT_ONNX : FORMAT_UNKNOWN;
    if (seen[7] && !named)
        return FORMAT_ONNX;
    if (named)
        return FORMAT_GRAPHDEF;
    if (version && seen[2] && !seen[8])
        return FORMAT_SAVEDMODEL;
    return version ? FORMAT_ONNX : FORMAT_UNKNOWN;
}

static enum format guess_zip(const uint8_t *p, size_t size)
{
    size_t end = size < 1 << 16 ? 0 : size - (1 << 16); /* the directory is at the end */
    const uint8_t *tail = p + end;
    size_t ntail = size - end;

    if (contains(tail, ntail, "/code/") || contains(tail, ntail, "/constants.pkl"))
        return FORMAT_TORCHSCRIPT;
    if (contains(tail, ntail, "data.pkl"))
        return FORMAT_PTH;
    return contains(tail, ntail, ".npy") ? FORMAT_NPZ : FORMAT_ZIP;
}

/* torch.save of before 1.6: a pickle of a number first; protocol 4 puts it into a frame. */
static bool is_legacy_pth(const uint8_t *p, size_t size)
{
    static const char number[] = "\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

    return size > 32 && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5 && contains(p, 32, number);
}

static enum format guess_text(const uint8_t *p, size_t size)
{
    size_t n = size < 4096 ? size : 4096;

    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 && p[i] != '\n' && p[i] != '\t' && p[i] != '\r' && p[i] != '\f')
            return FORMAT_UNKNOWN;
    if (contains(p, n, "node {") || contains(p, n, "node{"))
        return FORMAT_GRAPHDEF_TEXT;
    if (contains(p, n, "import torch") || contains(p, n, "from torch"))
        return FORMAT_PYTHON;
    return FORMAT_TEXT;
}

enum format format_guess(const void *bytes, size_t size)
{
    static const struct {
        enum format format;
        size_t n;
        const char *magic;
    } magics[] = {
        { FORMAT_NPY, 6, "\x93NUMPY" },
        { FORMAT_HDF5, 8, "\x89HDF\r\n\x1a\n" },
        { FORMAT_BIN510, 4, "\xfe\x01\0\0" },
        { FORMAT_BIN610, 4, "\x62\x02\0\0" },
    };
    const uint8_t *p = bytes;
    enum format f;

    if (size == 0)
        return FORMAT_EMPTY;
    if (dopt_is(p, size))
        return FORMAT_DOPT;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (starts(p, size, magics[i].magic, magics[i].n))
            return magics[i].format;
    if (size >= 48 && memcmp(p + size - 8, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8) == 0)
        return FORMAT_CHECKPOINT; /* a table's last bytes */
    if (size >= 8 && memcmp(p + 4, "TFL3", 4) == 0)
        return FORMAT_TFLITE;
    if (is_legacy_pth(p, size))
        return FORMAT_PTH;
    if (starts(p, size, "PK\3\4", 4))
        return guess_zip(p, size);
    f = guess_text(p, size);
    return f != FORMAT_UNKNOWN ? f : guess_protobuf(p, size);
}

const char *format_name(enum format f)
{
    static const char *const name[FORMAT_COUNT] = {
        [FORMAT_UNKNOWN] = "of no format that dopt knows",
        [FORMAT_EMPTY] = "an empty file",
        [FORMAT_DOPT] = "a dopt file",
        [FORMAT_ONNX] = "an ONNX model",
        [FORMAT_GRAPHDEF] = "a TensorFlow GraphDef",
        [FORMAT_GRAPHDEF_TEXT] = "a TensorFlow GraphDef in text form",
        [FORMAT_SAVEDMODEL] = "a TensorFlow SavedModel",
        [FORMAT_METAGRAPH] = "a TensorFlow checkpoint's graph (.meta)",
        [FORMAT_CHECKPOINT] = "a TensorFlow checkpoint",
        [FORMAT_TFLITE] = "a TensorFlow Lite model",
        [FORMAT_HDF5] = "an HDF5 file (Keras weights?)",
        [FORMAT_PTH] = "PyTorch weights",
        [FORMAT_TORCHSCRIPT] = "a TorchScript archive",
        [FORMAT_PYTHON] = "a PyTorch definition",
        [FORMAT_NPY] = "a NumPy array",
        [FORMAT_NPZ] = "a NumPy archive",
        [FORMAT_ZIP] = "a zip archive",
        [FORMAT_BIN510] = "a calibration set (510)",
        [FORMAT_BIN610] = "a calibration set (610)",
        [FORMAT_PARAM] = "a param file",
        [FORMAT_TEXT] = "a text file",
    };

    return name[f];
}

int format_unfrozen(const char *path, enum format f, struct err *e)
{
    return err_unsupported(e,
                           "%s: is %s: freeze it into a GraphDef (.pb) first (TensorFlow: "
                           "convert_variables_to_constants_v2), or convert it with tf2onnx",
                           path, format_name(f));
}

int format_folder(const char *path, struct err *e)
{
    DIR *d = path == NULL ? NULL : opendir(path);
    enum format f = FORMAT_UNKNOWN;

    for (struct dirent *n; d != NULL && (n = readdir(d)) != NULL;) {
        const char *dot = strrchr(n->d_name, '.');

        if (strcmp(n->d_name, "saved_model.pb") == 0 || strcmp(n->d_name, "saved_model.pbtxt") == 0)
            f = FORMAT_SAVEDMODEL;
        else if (f == FORMAT_UNKNOWN && (strcmp(n->d_name, "checkpoint") == 0 ||
                                         (dot != NULL && strcmp(dot, ".index") == 0)))
            f = FORMAT_CHECKPOINT;
    }
    if (d != NULL)
        closedir(d);
    return f == FORMAT_UNKNOWN ? 0 : format_unfrozen(path, f, e);
}
