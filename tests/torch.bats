#!/usr/bin/env bats
# PyTorch: weights, definitions, ONNX out. Debian's torch is the reference and no part of the product.
# SPDX-License-Identifier: Apache-2.0
load lib

TORCH=$ROOT/tests/pytorch.py

@test "weights of every kind that torch.save writes, values and all" {
    mkdir kinds
    "$PY" "$TORCH" variants kinds
    n=0
    for f in kinds/*.pth; do
        "$TESTS/pth" "$f" got.npz
        "$PY" "$TORCH" same "${f%.pth}.npz" got.npz || { echo "$f"; false; }
        dopt-show "$f" >shown
        [ "$f" = kinds/script.pth ] || grep -q '^tensor ' shown
        n=$((n + 1))
    done
    [ "$n" -ge 30 ]
    dopt-show kinds/checkpoint.pth >shown
    grep -qx 'weights state_dict: 10 tensors' shown
    grep -qx 'tensor conv.weight float32 4x3x3x3' shown
    ! grep -q exp_avg shown
}

@test "weights that are broken or malicious: one line, and nothing of them runs" {
    mkdir bad
    [ "$("$PY" "$TORCH" hostile bad)" -ge 40 ]
    for f in bad/*.pth; do
        status=0
        (ulimit -v 3000000 && timeout 20 dopt-show "$f") >out 2>err || status=$?
        echo "$f: $status $(cat err)"
        [ "$status" -eq 1 ] || [ "$status" -eq 3 ]
        [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ]
        grep -q "^dopt-show: $f: " err
        [ ! -e ran ]
    done
}
