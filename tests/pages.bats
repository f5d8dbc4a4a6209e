#!/usr/bin/env bats
# The manual pages and what every tool shares: -h, -V, /dev/full.
load lib

tools() {
    local f
    for f in "$ROOT"/cmd/dopt*.c; do
        f=${f##*/}
        echo "${f%.c}"
    done
}

# One line of words, no blanks around '|'.
squeeze() {
    tr -s ' \n' ' ' | sed 's/ *| */|/g; s/^ //; s/ $//'
}

# The folder that the examples run in: what examples/digits has, its network also as net.onnx, and
# pipeline.mk.
digits() {
    cp -r "$ROOT"/examples/digits/{digits.onnx,digits.pb,digits.py,digits.pth,config.prototxt,calib,test.npz} "$ROOT/pipeline.mk" .
    ln digits.onnx net.onnx
    export BIN=$DOPT_BIN/
}

# The model with everything in it.
all_dopt() {
    digits
    dopt-import --input_shape image:1,1,28,28 digits.onnx | dopt-observe -c config.prototxt | dopt-quant -o all.dopt
}

@test "every page is clean for mandoc -T lint" {
    local page
    for page in "$ROOT"/man/*; do
        run -0 mandoc -T lint -W warning "$page"
        [ -z "$output" ]
    done
}

@test "every tool has a page, and every page is linked from the pipeline's or the driver's" {
    local tool page
    for tool in $(tools); do
        [ -f "$ROOT/man/$tool.1" ] || { echo "no page: $tool" && return 1; }
    done
    for page in "$ROOT"/man/*; do
        page=${page##*/}
        [ "$page" = dopt-pipeline.7 ] || grep -q "Xr ${page%.*} ${page##*.}" "$ROOT"/man/dopt-pipeline.7 "$ROOT"/man/dopt.1 \
            "$ROOT"/man/dopt-calpack.1 || { echo "not linked: $page" && return 1; }
    done
}

@test "every cross reference leads to a page" {
    local page section
    while read -r page section; do
        [ -f "$ROOT/man/$page.$section" ] || { echo "no page: $page($section)" && return 1; }
    done < <(sed -n 's/^\.\(It \)\?Xr \(dopt[a-z-]*\) \([157]\).*/\2 \3/p' "$ROOT"/man/* | sort -u)
}

@test "-h prints the SYNOPSIS of the page" {
    local tool
    for tool in $(tools); do
        run -0 --separate-stderr "$tool" -h
        [ -z "$stderr" ]
        squeeze <<<"${output#usage: }" >usage
        mandoc -T ascii -O width=200 "$ROOT/man/$tool.1" | sed 's/.\x08//g' |
            sed -n '/^SYNOPSIS/,/^DESCRIPTION/{//!p;}' | squeeze >synopsis
        diff usage synopsis || { echo "$tool" && return 1; }
    done
}

@test "-V prints name and version, and a wrong option exits 2 with the usage" {
    local tool
    for tool in $(tools); do
        run -0 --separate-stderr "$tool" -V
        [[ $output =~ ^$tool\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
        run -2 --separate-stderr "$tool" --no-such-option
        [ -z "$output" ]
        [[ $stderr == *"usage: $tool "* ]]
    done
}

@test "the EXAMPLES of every page run as they stand" {
    local page
    for page in "$ROOT"/man/*; do
        page=${page##*/}
        case $page in
        dopt-calpack.1 | dopt-calset.5 | dopt-config.5) continue ;; # calpack.bats and conf.bats have them
        esac
        grep -q '^\.Sh EXAMPLES' "$ROOT/man/$page" || continue
        mkdir "$page" && cd "$page"
        digits
        examples "$page" >ex.sh
        [ -s ex.sh ] || { echo "$page: no example found" && return 1; }
        if ! bash -euo pipefail ex.sh >log 2>&1; then
            echo "$page:" && cat ex.sh log
            return 1
        fi
        cd ..
    done
}

@test "output that cannot be written is an error: /dev/full" {
    all_dopt
    local call
    while read -r call; do
        run -1 bash -c "$call >/dev/full"
        [[ $output == *"No space left on device"* ]] || { echo "$call: $output" && return 1; }
    done <<'END'
dopt -h
dopt-calpack -h
dopt-calpack calib
dopt-import digits.onnx
dopt-observe -c config.prototxt all.dopt
dopt-merge all.dopt
dopt-quant all.dopt
dopt-emit all.dopt
dopt-emit --as qdq all.dopt
dopt-emit --float all.dopt
dopt-run -c config.prototxt all.dopt
dopt-run -c config.prototxt --compare all.dopt
dopt-report -c config.prototxt all.dopt
dopt-show all.dopt
dopt-show --names all.dopt
dopt-show --part calibration config.prototxt
END
    fails 1 "No space left on device" dopt-emit --param /dev/full -o out.onnx all.dopt
    fails 1 "No space left on device" dopt-emit --record /dev/full -o out.onnx all.dopt
}

@test "README's tour prints what README says, numbers aside" {
    digits
    run -0 "$ROOT/tests/tour" --check
    [ -z "$output" ]
}
