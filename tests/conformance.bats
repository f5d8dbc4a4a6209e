#!/usr/bin/env bats
# The ONNX backend tests of Debian's libonnx-testdata, value for value: conformance.py. What cannot pass is
# in conformance.txt, by name and with its reason.
# SPDX-License-Identifier: Apache-2.0
load lib

conforms() {
    [ -d /usr/share/libonnx-testdata/data ] || skip "needs Debian's libonnx-testdata"
    "$PY" "$BATS_TEST_DIRNAME/conformance.py" "$@"
}

@test "conformance: every test of every folder gives the suite's outputs, but those that are listed" {
    run -0 conforms
    grep -qx 'node: [0-9]* of 932' <<<"$output"
}
