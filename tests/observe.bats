#!/usr/bin/env bats
# dopt-observe and dopt-merge: what the statistics are. That no split changes them: pipeline.bats.
load lib

@test "sums, extrema and histograms equal plain loops, bit for bit" {
    run -0 "$TESTS/scan"
    [[ $output != *"not ok"* ]]
}

# Two calibration sets of the same size and shape: a.npy and b.npy, another value in the last sample.
two_sets() {
    "$PY" -c "
import numpy as np
a = np.random.RandomState(1).rand(9, 1, 28, 28).astype('<f4'); np.save('a.npy', a)
a[8, 0, 0, 0] += 1; np.save('b.npy', a)"
    dopt-import --input_shape image:1,1,28,28 -o m.dopt "$ROOT/examples/digits/digits.onnx"
}

@test "shards of two calibration sets are not merged, nor is one resumed with the other" {
    two_sets
    dopt-observe -i a.npy --shard 1/2 -d -o a1.dopt m.dopt
    dopt-observe -i a.npy --shard 2/2 -d -o a2.dopt m.dopt
    dopt-observe -i b.npy --shard 2/2 -d -o b2.dopt m.dopt
    dopt-merge -o a.dopt a1.dopt a2.dopt
    fails 1 "b2.dopt: of another calibration set than the ones before" dopt-merge -o out.dopt a1.dopt b2.dopt
    mkdir r
    cp a1.dopt r/x.dopt.part
    fails 1 "r/x.dopt.part: of another calibration set: remove it to start anew" \
        dopt-observe --resume -i b.npy -d -o r/x.dopt m.dopt
    dopt-observe --resume -i a.npy -d -o r/x.dopt m.dopt
    cmp r/x.dopt a.dopt
}
