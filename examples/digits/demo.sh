#!/bin/sh
# make demo: quantizes the digits network both ways, and judges it on the 1,000 test pictures.
#
#   demo.sh BIN      BIN: the folder of the tools; works in build/demo
# SPDX-License-Identifier: Apache-2.0
set -eu
bin=$1
cd "$(dirname "$0")"
digits=$PWD
work=../../build/demo
rm -rf "$work"
mkdir -p "$work/grid" "$work/qdq"
cd "$work"

size() {
    wc -c <"$1"
}

echo "digits: a network of 15,882 weights; 100 pictures to calibrate it, 1,000 to judge it"
"$bin/dopt-calpack" --mean 127.5 --std 127.5 -o test.bin "$digits/test.npz:image"
for as in grid qdq; do
    echo
    echo "dopt --as $as"
    "$bin/dopt" -m 0 --framework 5 --model "$digits/digits.onnx" --cal_conf "$digits/config.prototxt" \
        --input_shape image:1,1,28,28 --output $as/digits.onnx --compress_conf $as/param --as $as | sed 's/^/  /'
done

echo
echo "on the test pictures (dopt-run --compare)"
"$bin/dopt-run" --compare --labels "$digits/test.npz:label" -i image=test.bin \
    grid/digits.onnx.work/model.dopt grid/digits.onnx.work/plan.dopt | sed '/^agreement/d;s/^/  /'
echo
echo "bytes: digits.onnx $(size "$digits/digits.onnx"), grid $(size grid/digits.onnx), qdq $(size qdq/digits.onnx)," \
    "param $(size grid/param)"
echo "everything is in build/demo; try: dopt-show build/demo/grid/param"
