#!/usr/bin/env bats
# What `make demo` shows.
load lib

@test "the demo quantizes digits both ways within half a point of float, in no more than 20 lines" {
    run -0 sh "$ROOT/examples/digits/demo.sh" "$DOPT_BIN"
    [ "$(grep -c 'Quantize model success' <<<"$output")" -eq 2 ]
    [ "${#lines[@]}" -le 20 ]
    [[ $output =~ accuracy:\ float\ 98.20\ %,\ int8\ ([0-9.]*)\ % ]]
    awk -v a="${BASH_REMATCH[1]}" 'BEGIN { exit !(a >= 97.7) }'
    # float weights keep their size, int8 ones need a quarter
    local float grid qdq
    float=$(stat -c %s "$ROOT/examples/digits/digits.onnx")
    grid=$(stat -c %s "$ROOT/build/demo/grid/digits.onnx")
    qdq=$(stat -c %s "$ROOT/build/demo/qdq/digits.onnx")
    [ "$grid" -le "$float" ]
    [ "$qdq" -lt $((float * 6 / 10)) ]
}
