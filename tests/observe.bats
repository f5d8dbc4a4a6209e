#!/usr/bin/env bats
# dopt-observe and dopt-merge: what the statistics are. That no split changes them: pipeline.bats.
load lib

@test "sums, extrema and histograms equal plain loops, bit for bit" {
    run -0 "$TESTS/scan"
    [[ $output != *"not ok"* ]]
}
