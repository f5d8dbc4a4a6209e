#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# ort-optimize.py LIBRARY LEVEL MODEL.onnx OUT.onnx
# Writes the graph that ONNX Runtime makes of a model before running it, by
# the C API: onnxruntime-node 1.15 has no option for it. Called by ort-run.js.
# The numbers are the positions in struct OrtApi (onnxruntime_c_api.h), which
# only ever grows at its end.
import sys
from ctypes import (CDLL, CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_uint32,
                    c_void_p, cast)

library, level, model, out = sys.argv[1:]
base = CDLL(library).OrtGetApiBase
base.restype = POINTER(c_void_p)
api = cast(CFUNCTYPE(c_void_p, c_uint32)(base()[0])(15), POINTER(c_void_p))


def call(index, *args):
    status = CFUNCTYPE(c_void_p, *[t for t, _ in args])(api[index])(*[v for _, v in args])
    if status:
        why = CFUNCTYPE(c_char_p, c_void_p)(api[2])(status)     # GetErrorMessage
        sys.exit("ort-optimize.py: " + why.decode())


env, settings, session = c_void_p(), c_void_p(), c_void_p()
call(3, (c_int, 3), (c_char_p, b"dopt"), (c_void_p, byref(env)))    # CreateEnv
call(10, (c_void_p, byref(settings)))                   # CreateSessionOptions
call(11, (c_void_p, settings), (c_char_p, out.encode()))    # SetOptimizedModelFilePath
call(23, (c_void_p, settings), (c_int, int(level)))     # SetSessionGraphOptimizationLevel
call(7, (c_void_p, env), (c_char_p, model.encode()), (c_void_p, settings),
     (c_void_p, byref(session)))                        # CreateSession
