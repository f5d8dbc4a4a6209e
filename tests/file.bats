#!/usr/bin/env bats
# The dopt file, and ONNX models taken apart and put together again.
load lib

file() {
    "$TESTS/file" "$@"
}

import() {
    "$PY" "$ROOT/tests/models.py" "$1"
    dopt-import -o "$1.dopt" "$1.onnx"
}

# patch FILE OFFSET BYTE: in place.
patch() {
    printf "\\x$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# offset FILE TAG: where a section's header begins.
offset() {
    LC_ALL=C grep -obUa "$2" "$1" | head -1 | cut -d: -f1
}

@test "sections are aligned, and carry the checksum that zlib computes" {
    import conv_bn
    "$PY" - <<'END'
import struct, zlib
b = open('conv_bn.dopt', 'rb').read()
assert b[:16] == b'\x89dopt\r\n\x1a' + struct.pack('<II', 1, 0)
at, tags = 48, []
while True:
    tag, size = b[at:at + 8], struct.unpack('<Q', b[at + 8:at + 16])[0]
    end = at + 16 + size
    assert struct.unpack('<I', b[end:end + 4])[0] == zlib.crc32(b[at:end])
    tags.append(tag.rstrip(b'\0').decode())
    if tags[-1] == 'END':
        break
    at = end + 4 + (48 - end - 4) % 64
assert end + 4 == len(b)
assert tags == ['MODEL', 'SOURCE', 'DATA', 'HISTORY', 'END'], tags
END
}

@test "a file cut off at any byte is incomplete" {
    import tiny
    size=$(stat -c %s tiny.dopt)
    for n in $(seq 1 $((size - 1))); do
        head -c "$n" tiny.dopt >cut.dopt
        status=0
        dopt-show cut.dopt >got 2>err || status=$?
        if [ "$status" -ne 1 ] || [ -s got ] || [ "$(cat err)" != "dopt-show: cut.dopt: incomplete: the stage that wrote it failed" ]; then
            echo "cut at $n of $size: status $status, $(cat err)"
            return 1
        fi
    done
    fails 1 'is an empty file' dopt-show - </dev/null
}

@test "a damaged section is named" {
    import conv_bn
    for tag in MODEL SOURCE DATA HISTORY; do
        cp conv_bn.dopt bad.dopt
        patch bad.dopt $(($(offset bad.dopt $tag) + 20)) ff
        fails 1 "bad.dopt: section $tag: damaged (wrong checksum)" dopt-show bad.dopt
    done
    cp conv_bn.dopt bad.dopt
    printf x >>bad.dopt
    fails 1 'bad.dopt: 1 bytes behind the end mark' dopt-show bad.dopt
    cp conv_bn.dopt bad.dopt
    patch bad.dopt 8 02
    fails 1 'bad.dopt: version 2 is newer than this dopt, which knows 1' dopt-show bad.dopt
}

@test "files are united; what differs names both; unknown sections are copied through" {
    import tiny
    import conv_bn
    file detached HISTORY history.dopt tiny.dopt
    file add ZEBRA zebra.dopt tiny.dopt
    dopt-show zebra.dopt | grep -qxF 'section ZEBRA 5 bytes'
    file copy copy.dopt tiny.dopt tiny.dopt history.dopt
    cmp copy.dopt tiny.dopt
    file copy copy.dopt tiny.dopt zebra.dopt
    cmp copy.dopt zebra.dopt
    file copy copy.dopt - <zebra.dopt
    cmp copy.dopt zebra.dopt
    file copy - zebra.dopt | cmp - zebra.dopt
    run -1 file copy out.dopt tiny.dopt conv_bn.dopt
    [ "$output" = 'conv_bn.dopt: its MODEL differs from the one in tiny.dopt' ]
    [ ! -e out.dopt ]
}

@test "a stage that reads the model writes it back byte for byte" {
    for m in tiny conv_bn branches halves constants shared_weight softmax11; do
        import $m
        file model copy.dopt $m.dopt
        cmp copy.dopt $m.dopt
        file model - - <$m.dopt | cmp - $m.dopt
    done
}

@test "a linked file follows its model, and notices when that changes" {
    mkdir -p a/b c
    "$PY" "$ROOT/tests/models.py" external
    mv external.onnx a/
    dopt-import --link -o a/b/m.dopt a/external.onnx
    [ "$(stat -c %s a/b/m.dopt)" -lt 1500 ]
    dopt-run -i external.in.npz -o got.npz a/b/m.dopt
    "$PY" "$ROOT/tests/models.py" --close external.want.npz got.npz
    # elsewhere: the link is rewritten; moved together: it still fits
    file model c/m.dopt a/b/m.dopt
    dopt-run -i external.in.npz -o got.npz c/m.dopt
    mv a z && mv c z/
    dopt-run -i external.in.npz -o got.npz z/b/m.dopt
    fails 1 'its data (imported with --link): z/c/../a/external.onnx: cannot open' dopt-show z/c/m.dopt
    # through a pipe it holds its data itself
    file model - z/b/m.dopt >m.dopt
    touch z/external.onnx
    fails 1 'z/b/../external.onnx has changed since it was imported with --link: run dopt-import again' dopt-show z/b/m.dopt
    rm -r z
    dopt-run -i external.in.npz -o got.npz m.dopt
    "$PY" "$ROOT/tests/models.py" --close external.want.npz got.npz
}

@test "an ONNX file without its weights is small, and with them it is the same model" {
    for m in external halves names branches typed; do
        "$PY" "$ROOT/tests/models.py" $m
        file fill 0 back.onnx $m.onnx
        "$PY" "$ROOT/tests/models.py" --same $m.onnx back.onnx
    done
    file fill 0 back.onnx external.onnx >got
    grep -q ' 1 data$' got
    [ "$(cut -d' ' -f1 got)" -lt 300 ]
}

@test "a model that is too large for one protobuf gets a data file" {
    "$PY" "$ROOT/tests/models.py" external
    file fill 9000 back.onnx external.onnx
    [ "$(stat -c %s back.onnx)" -lt 400 ]
    [ "$(stat -c %s back.onnx.data)" -eq 23040 ]
    "$PY" "$ROOT/tests/models.py" --same external.onnx back.onnx
    dopt-import -o a.dopt external.onnx
    dopt-import -o b.dopt back.onnx
    dopt-run -i external.in.npz -o got.npz b.dopt
    "$PY" "$ROOT/tests/models.py" --close external.want.npz got.npz
    run -1 file fill 9000 - external.onnx
    [[ $output == *'name the output with -o'* ]] || true
}
