#!/usr/bin/env bats
# Operators beyond the ONNX suite: newer opsets, types, attributes, ONNX Runtime's own domain. operators.py
# makes the models; ONNX Runtime says what comes out.
# SPDX-License-Identifier: Apache-2.0
load lib

# as_ort FAMILY [TOLERANCE]: every output within 2e-5 of its largest magnitude; integers equal.
as_ort() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    "$PY" "$ROOT/tests/operators.py" "$1"
    "$ROOT/tests/ort/ort-run.js" -o want.npz "$1.onnx" "$1.npz"
    dopt-import -o m.dopt "$1.onnx"
    dopt-run -i "$1.npz" -o got.npz m.dopt
    "$PY" "$ROOT/tests/inputs.py" --close want.npz got.npz "${2:-2e-5}"
}

@test "bitwise operators, of every integer type" {
    as_ort bits
}

@test "operators of double" {
    as_ort doubles
}

@test "products, sums, extrema and pools of integers" {
    as_ort integers
}

@test "GridSample in every mode, AffineGrid" {
    as_ort sampling
}

@test "Resize in every mode" {
    as_ort resizing
}

@test "RNN, GRU, LSTM: directions, activations, peepholes, states, lengths" {
    as_ort recurrent
}

@test "reading and writing by index, with reductions" {
    as_ort scattering
}

@test "Einsum" {
    as_ort einsum
}

@test "normalizations, activations and pools of newer opsets" {
    as_ort functions
}

@test "RoiAlign, MaxRoiPool, NonMaxSuppression" {
    as_ort detecting
}

@test "DFT, STFT, windows, MelWeightMatrix" {
    as_ort spectra
}

@test "fused operators of com.microsoft" {
    as_ort microsoft
}

@test "QLinear, integer and quantizing operators" {
    as_ort quantized
}

@test "scales of blocks" {
    as_ort blocks
}
