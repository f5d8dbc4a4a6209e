#!/usr/bin/env bats
# config.prototxt, --input_shape, --out_nodes.
load lib

conf() {
    "$TESTS/conf" "$@"
}

# wrong TEXT MESSAGE: the config is refused with exactly this line.
wrong() {
    printf '%b' "$1" >config.prototxt
    run conf config.prototxt
    [ "$status" -eq 1 ]
    if [ "$output" != "config.prototxt:$2" ]; then
        echo "wanted: config.prototxt:$2"
        echo "got:    $output"
        return 1
    fi
}

@test "every field is read, with comments, both quotes and both block styles" {
    mkdir imgs
    cat >config.prototxt <<'END'
# a comment
strategy: "Quant_INT8-8"   // another
device: USE_GPU
exclude_op: 'conv1' exclude_op: "a;b ; c；d"
preprocess_parameter: {
    input_type: IMAGE
    image_format: RGB
    mean_value: 104.5 mean_value: 117
    mean_value: 1.23e2
    standard_deviation: 58.8
    input_file_path: "im" 'gs'
}
preprocess_parameter:
{
    input_type: BINARY;
    input_file_path: '/abs/x.bin',
}
preprocess_parameter <
    mean_value: [1, 2.5f, 3] standard_deviation: 0
    input_file_path: "\x61\142\tc\\\"\u00e9"
>
END
    run conf config.prototxt
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "gpu 1" ]
    [ "${lines[1]}" = "input 0 line 5 IMAGE RGB 'imgs' 'imgs' mean 104.5 117 123 std 58.8" ]
    [ "${lines[2]}" = "input 1 line 13 BINARY BGR '/abs/x.bin' '/abs/x.bin' mean std" ]
    [ "${lines[3]}" = "input 2 line 18 IMAGE BGR 'ab	c\\\"é' 'ab	c\\\"é' mean 1 2.5 3 std 0" ]
    [ "${lines[4]}${lines[5]}${lines[6]}${lines[7]}${lines[8]}" = \
        "exclude [conv1]exclude [a]exclude [b]exclude [c]exclude [d]" ]
}

@test "an empty config and one with a byte-order mark and CRLF are taken" {
    : >config.prototxt
    run -0 conf config.prototxt
    [ "$output" = "gpu 0" ]
    printf '\xef\xbb\xbfdevice: USE_CPU\r\nexclude_op: "x"\r\n' >config.prototxt
    run -0 conf config.prototxt
    [ "${lines[1]}" = "exclude [x]" ]
}

@test "a path is looked for here first, then beside the config" {
    mkdir -p sub/imgs sub/both both
    printf 'preprocess_parameter { input_file_path: "imgs" }
        preprocess_parameter { input_file_path: "both" }
        preprocess_parameter { input_file_path: "none" }' >sub/c.prototxt
    run -0 conf sub/c.prototxt
    [[ ${lines[1]} == *"'imgs' 'sub/imgs'"* ]]
    [[ ${lines[2]} == *"'both' 'both'"* ]]
    [[ ${lines[3]} == *"'none' 'none'"* ]]
}

@test "every wrong value is an error with line and column that says what is allowed" {
    wrong 'strategy: "Quant_INT16"' '1:11: strategy takes "Quant_INT8-8", not "Quant_INT16"'
    wrong 'strategy: Quant' "1:11: strategy takes a string in quotes, not 'Quant'"
    wrong '\n  device: USE_TPU' "2:11: device takes USE_CPU or USE_GPU, not 'USE_TPU'"
    wrong 'device: "USE_CPU"' "1:9: device takes USE_CPU or USE_GPU without quotes, not '\"USE_CPU\"'"
    wrong 'device: USE_CPU device: USE_CPU' '1:17: device is given twice'
    wrong 'device USE_CPU' "1:8: ':' is expected after device, not 'USE_CPU'"
    wrong 'devise: USE_CPU' "1:1: unknown field 'devise'; closest: 'device'"
    wrong 'preprocess_parameter { mean: 1 }' "1:24: unknown field 'mean'; closest: 'mean_value'"
    wrong 'preprocess_parameter { mean_value: 256 }' "1:36: mean_value takes a number from 0 to 255, not '256'"
    wrong 'preprocess_parameter { mean_value: -1 }' "1:36: mean_value takes a number from 0 to 255, not '-1'"
    wrong 'preprocess_parameter { mean_value: nan }' "1:36: mean_value takes a number from 0 to 255, not 'nan'"
    wrong 'preprocess_parameter { mean_value: 1,2 }' "1:38: a field's name is expected, not '2'"
    wrong 'preprocess_parameter { mean_value: [1 2] }' "1:39: ',' or ']' is expected in the list of mean_value, not '2'"
    wrong 'preprocess_parameter { standard_deviation: -0.5 }' "1:44: standard_deviation takes a number of at least 0, not '-0.5'"
    wrong 'preprocess_parameter { standard_deviation: 1.2.3 }' "1:44: '1.2.3' is not a number"
    wrong 'preprocess_parameter { image_format: BRG }' "1:38: image_format takes BGR or RGB, not 'BRG'"
    wrong 'preprocess_parameter { input_type: [IMAGE] }' '1:36: input_type takes one value, not a list'
    wrong 'preprocess_parameter { input_file_path: "" }' '1:41: input_file_path is empty; name a folder or a file'
    wrong '\n\npreprocess_parameter {\n}' '4:1: the preprocess_parameter block of line 3 has no input_file_path'
    wrong 'preprocess_parameter { input_file_path: "x"\n' "2:1: the block that begins in line 1 is not closed: '}' is missing"
    wrong 'preprocess_parameter: "x"' "1:23: preprocess_parameter takes a block { … }, not '\"x\"'"
    wrong 'exclude_op: "x\n"' '1:13: the string is not closed by " on its line'
    wrong 'exclude_op: "\\q"' "1:14: '\\q' is not an escape; a backslash itself is '\\\\'"
    wrong 'exclude_op： "x"' "1:11: '：' has no meaning here; write it in half width"
    wrong '}' "1:1: a field's name is expected, not '}'"
    wrong 'é' "1:1: 'é' has no meaning here"
    wrong 'exclude_op: "é" é' "1:17: 'é' has no meaning here"
}

@test "no cut of a config crashes, and a cut block is an error" {
    printf 'strategy: "Quant_INT8-8" exclude_op: "a\\x41;b"
preprocess_parameter { input_file_path: "x" mean_value: [1, 2.5e1] } # end' >c
    run -0 "$TESTS/conf" -t c cut
    [ "$output" = "110 errors in 122" ]
}

@test "a missing config and a folder are named" {
    run -1 conf none.prototxt
    [ "$output" = "none.prototxt: cannot open: No such file or directory" ]
    mkdir d
    run -1 conf d
    [ "$output" = "d: is a directory, a file is needed here" ]
}

@test "the calibration text depends on what calibration sees and on nothing else" {
    printf 'preprocess_parameter { input_file_path: "x" mean_value: 1.50 image_format: BGR }' >a
    printf '# same\nexclude_op: "y" device: USE_GPU preprocess_parameter: <input_file_path: "x", mean_value: [15e-1]>' >b
    printf 'preprocess_parameter { input_file_path: "x" mean_value: 1.5 image_format: RGB }' >c
    [ "$(conf -c a)" = "$(conf -c b)" ]
    [ "$(conf -c a)" != "$(conf -c c)" ]
    [ "$(conf -c a)" = 'preprocess_parameter {
input_type: IMAGE
input_file_path: "x"
image_format: BGR
mean_value: 1.5
}' ]
}

@test "the quantization text has the strategy and the sorted exclude list" {
    printf 'exclude_op: "b;a" exclude_op: "b"' >a
    printf 'strategy: "Quant_INT8-8" exclude_op: "a" exclude_op: "b" preprocess_parameter { input_file_path: "x" }' >b
    [ "$(conf -q a)" = "$(conf -q b)" ]
    [ "$(conf -q a)" = 'strategy: "Quant_INT8-8"
exclude_op: "a"
exclude_op: "b"' ]
}

@test "means of a BINARY block are ignored with a warning" {
    printf '\npreprocess_parameter { input_type: BINARY input_file_path: "x" mean_value: 1 }' >a
    run -0 conf a
    [ "${lines[0]}" = "warning: a:2:64: mean_value and standard_deviation do not apply to BINARY input" ]
}

@test "input_shape and out_nodes are read in every spelling, and mistakes name their column" {
    run -0 "$TESTS/shapes"
    [[ $output != *"not ok"* ]]
}
