# The layers of lib/: an include only points down, and lib/ neither prints nor exits.
# SPDX-License-Identifier: Apache-2.0
load lib.bash

# Each word may include itself and the ones before it.
order='base ir op run observe quant report image conf calset param onnx tf torch format'

@test "no include in lib/ points up" {
    cd "$ROOT/lib"
    local seen="" bad=""
    for layer in $order; do
        seen+=" $layer"
        while IFS=: read -r file inc; do
            inc=${inc#*\"} && inc=${inc%%/*}
            [[ " $seen " == *" $inc "* ]] || bad+="$file includes $inc"$'\n'
        done < <(grep -o '#include "[a-z0-9]*/' "$layer"/*.[ch])
    done
    echo "$bad"
    [ -z "$bad" ]
    # and every folder is in the order
    for d in */; do [[ " $order " == *" ${d%/} "* ]]; done
}

@test "the frameworks do not include one another" {
    cd "$ROOT/lib"
    run grep -n '#include "\(tf\|torch\)/' onnx/*.[ch]
    [ -z "$output" ]
    run grep -n '#include "\(onnx\|torch\)/\|#include "onnx.pb' tf/*.[ch]
    [ -z "$output" ]
    run grep -n '#include "\(onnx\|tf\)/\|#include "\(onnx\|tensorflow\).pb' torch/*.[ch]
    [ -z "$output" ]
}

@test "lib/ neither prints nor exits, except when memory is exhausted" {
    cd "$ROOT/lib"
    run grep -nE '\b(exit|_exit|abort|printf|puts|putchar|perror)\(' -r . --include='*.c'
    echo "$output"
    [ -z "$(grep -v '^\./base/mem\.c:' <<<"$output")" ]
}
