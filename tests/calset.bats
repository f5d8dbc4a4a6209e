#!/usr/bin/env bats
# Calibration sets as dopt-observe and dopt-run walk them, through tests/unit/walk.
load lib

walk() {
    "$TESTS/walk" "$@"
}

py() {
    "$PY" -c "import numpy as np, struct
$1"
}

@test "a set of the input's rank is walked along axis 0 in steps of its first dim" {
    py "np.save('x.npy', np.arange(24, dtype='f4').reshape(6, 2, 2))"
    run -0 --separate-stderr walk -i x@float32@2,2,2 o.npz x=x.npy
    [ "$output" = "6 samples, 3 steps of 2, last x.npy[5]" ]
    [ -z "$stderr" ]
    py "x = np.load('x.npy'); z = np.load('o.npz')
assert sorted(z) == ['0.x', '1.x', '2.x']
for i in range(3): assert (z['%d.x' % i] == x[2*i:2*i+2]).all() and z['%d.x' % i].dtype == np.float32"
    run -0 walk -i x@float32@?,2,? o.npz x.npy
    [ "$output" = "6 samples, 6 steps of 1, last x.npy[5]" ]
}

@test "a set of one rank more holds one whole input per entry" {
    py "np.savez('z', x=np.arange(12, dtype='f4').reshape(3, 1, 4), h=np.arange(24, dtype='f4').reshape(3, 2, 1, 4), sr=np.array([8, 16, 24]))"
    run -0 walk -i x@float32@1,4 -i h@float32@2,1,4 -i sr@int64@ o.npz z.npz
    [ "$output" = "3 samples, 3 steps of 1, last z.npz:x[2]" ]
    py "a = np.load('z.npz'); z = np.load('o.npz')
for i in range(3):
    assert (z['%d.x' % i] == a['x'][i]).all() and z['%d.x' % i].shape == (1, 4)
    assert (z['%d.h' % i] == a['h'][i]).all() and z['%d.h' % i].shape == (2, 1, 4)
    assert z['%d.sr' % i] == a['sr'][i] and z['%d.sr' % i].shape == ()"
}

@test "a remainder is left out with a count, or is a smaller last step" {
    py "np.save('x.npy', np.arange(14, dtype='f4').reshape(7, 2))"
    run -0 --separate-stderr walk -i x@float32@3,2 o.npz x.npy
    [ "$output" = "6 samples, 2 steps of 3, last x.npy[5]" ]
    [ "$stderr" = "walk: warning: input 'x': the last 1 of 7 samples left out: they do not fill a step of 3" ]
    run -0 --separate-stderr walk -r -i x@float32@3,2 o.npz x.npy
    [ "$output" = "7 samples, 3 steps of 3, last x.npy[6]" ]
    [ -z "$stderr" ]
    py "z = np.load('o.npz'); assert z['2.x'].tolist() == [[12, 13]]"
    fails 1 "walk: x.npy: 7 samples are too few for input 'x', which takes 8 at once" \
        walk -i x@float32@8,2 out x.npy
    run -0 walk -r -i x@float32@8,2 o.npz x.npy
    [ "$output" = "7 samples, 1 steps of 8, last x.npy[6]" ]
}

@test "unequal step counts are an error that names both" {
    py "np.save('a.npy', np.zeros((4, 2), 'f4')); np.save('b.npy', np.zeros((5, 2), 'f4'))"
    fails 1 "input 'a' has 4 steps and input 'b' has 5; they must be equal" \
        walk -i a@float32@1,2 -i b@float32@1,2 out a=a.npy b=b.npy
}

@test "dims that differ from the model's are an error that says both shapes" {
    py "np.save('a.npy', np.zeros((4, 2, 3), 'f4'))"
    fails 1 "a.npy holds 4x2x3, which does not fit input 'a' of 1x3x2" walk -i a@float32@1,3,2 out a.npy
    fails 1 "a.npy holds 4x2x3, which does not fit input 'a' of scalar" walk -i a@float32@ out a.npy
}

@test "every NumPy dtype and order reads as numpy reads it" {
    py "
r = np.random.RandomState(1)
for i, t in enumerate('f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1'.split()):
    a = (r.rand(3, 4, 5) * 2 if t == 'b1' else r.rand(3, 4, 5) * 100).astype(t)
    np.save('c_%s.npy' % t, a); np.save('f_%s.npy' % t, np.asfortranarray(a)); np.save('b_%s.npy' % t, a.astype('>' + t))
for v in 1, 2, 3:
    np.lib.format.write_array(open('c_v%d.npy' % v, 'wb'), np.zeros((2, 3), 'f4'), version=(v, 0))
"
    for f in [cfb]_*.npy; do
        type=$(py "print(np.load('$f').dtype.newbyteorder('=').name)")
        run -0 walk -i "x@$type@any" o.npz "$f"
        py "a = np.load('$f'); z = np.load('o.npz')
for i in range(len(a)): assert (z['%d.x' % i] == a[i:i+1]).all() and z['%d.x' % i].dtype == a.dtype.newbyteorder('=')"
    done
}

@test "casts are exact or an error that names the value" {
    py "
np.save('i.npy', np.array([[1, 255]])); np.save('big.npy', np.array([[1, 256]])); np.save('h.npy', np.array([[0, 0.5]], 'f4'))
np.save('u.npy', np.array([[2**63, 1]], 'u8')); np.save('n.npy', np.array([[-1]])); np.save('p.npy', np.array([[2**24 + 1]]))
np.save('d.npy', np.array([[0.1, -3e-9]])); np.save('e.npy', np.array([[1e5]])); np.save('c.npy', np.zeros((1, 2), 'c8'))"
    for t in uint8 int32 int64 float32 float64 float16 uint64; do
        run -0 walk -i x@$t@1,2 o.npz i.npy
        py "z = np.load('o.npz')['0.x']; assert z.dtype == '$t' and z.tolist() == [[1, 255]]"
    done
    fails 1 "input 'x': big.npy[0]: the int64 value 256 cannot be represented in uint8" walk -i x@uint8@1,2 out big.npy
    fails 1 "input 'x': h.npy[0]: the float32 value 0.5 cannot be represented in int64" walk -i x@int64@1,2 out h.npy
    fails 1 "the uint64 value 9.2233720368547758e+18 cannot be represented in int64" walk -i x@int64@1,2 out u.npy
    fails 1 "the int64 value -1 cannot be represented in uint64" walk -i x@uint64@1,1 out n.npy
    fails 1 "the int64 value 16777217 cannot be represented in float32" walk -i x@float32@1,1 out p.npy
    fails 1 "the float64 value 100000 cannot be represented in float16" walk -i x@float16@1,1 out e.npy
    fails 1 "complex64 values cannot be given to float32" walk -i x@float32@1,2 out c.npy
    run -0 walk -i x@float32@1,2 o.npz d.npy
    py "assert (np.load('o.npz')['0.x'] == np.load('d.npy').astype('f4')).all()"
    run -0 walk -i x@float16@1,2 o.npz d.npy
    py "assert (np.load('o.npz')['0.x'] == np.load('d.npy').astype('f2')).all()"
}

@test "a .npz is read stored and deflated, by input names, and a written one is the same every time" {
    py "a = np.arange(6, dtype='f4').reshape(3, 2)
np.savez('s.npz', **{'a/b:0': a, 'y': a + 10}); np.savez_compressed('d.npz', **{'a/b:0': a, 'y': a + 10}); np.savez('one.npz', a)"
    for f in s d; do
        run -0 walk -i y@float32@1,2 -i a/b:0@float32@1,2 $f.out.npz $f.npz
    done
    cmp s.out.npz d.out.npz
    TZ=Asia/Tokyo run -0 walk -i y@float32@1,2 -i a/b:0@float32@1,2 t.npz s.npz
    cmp s.out.npz t.npz
    py "z = np.load('s.out.npz'); assert z['2.y'].tolist() == [[14, 15]] and z['2.a/b:0'].tolist() == [[4, 5]]"
    "$PY" -m zipfile -t s.out.npz
    run -0 walk -i x@float32@1,2 o.npz one.npz
    fails 1 "s.npz: holds no array 'x'" walk -i x@float32@1,2 out s.npz
    fails 1 "s.npz: holds no array 'a/b:1'; closest: 'a/b:0'" walk -i a/b:1@float32@1,2 out s.npz
}

@test "510 bins are permuted to NHWC where asked for, 610 bins never" {
    py "a = np.arange(2*3*4*5, dtype='<f4').reshape(2, 3, 4, 5)
open('5.bin', 'wb').write(struct.pack('<5i', 510, 2, 3, 4, 5) + a.tobytes())
open('6.bin', 'wb').write(struct.pack('<6i', 610, 4, 2, 3, 4, 5) + a.tobytes())
open('1.bin', 'wb').write(struct.pack('<3i', 610, 1, 7) + np.arange(7, dtype='<f4').tobytes())"
    run -0 walk -i x@float32@1,3,4,5 o.npz 5.bin
    run -0 walk -n -i x@float32@1,4,5,3 n.npz x=5.bin
    run -0 walk -n -i x@float32@1,3,4,5 6.npz 6.bin
    run -0 walk -i x@float32@ 1.npz 1.bin
    [ "$output" = "7 samples, 7 steps of 1, last 1.bin[6]" ]
    py "a = np.arange(120).reshape(2, 3, 4, 5)
o, n, s = np.load('o.npz'), np.load('n.npz'), np.load('6.npz')
for i in range(2): assert (o['%d.x' % i] == a[i:i+1]).all() and (s['%d.x' % i] == a[i:i+1]).all() and (n['%d.x' % i] == a[i:i+1].transpose(0, 2, 3, 1)).all()"
    fails 1 "5.bin holds 2x4x5x3, which does not fit input 'x' of 1x3x4x5 (permuted to NHWC)" \
        walk -n -i x@float32@1,3,4,5 out 5.bin
}

@test "a folder of images is fed as OpenCV reads it, less the mean, over the deviation" {
    "$PY" -c "
import cv2, numpy as np, os
os.mkdir('imgs'); r = np.random.RandomState(2)
for i, n in enumerate(['b.png', 'B.PNG', 'a.bmp', '10.jpg', '9.jpg']): cv2.imwrite('imgs/' + n, r.randint(0, 256, (20 + i, 30, 3), np.uint8))
open('imgs/notes.txt', 'w'); open('imgs/.DS_Store', 'w')"
    for order in BGR RGB; do
        printf 'preprocess_parameter { input_file_path: "imgs" image_format: %s
            mean_value: [103.94, 116.78, 123.68] standard_deviation: [57.1, 58, 0] }' $order >c
        run -0 --separate-stderr walk -c c -i x@float32@2,3,16,24 o.npz
        [ "$output" = "4 samples, 2 steps of 2, last imgs/a.bmp" ]
        [ "${stderr_lines[0]}" = "walk: warning: imgs: 2 files ignored: not named like an image" ]
        [[ ${stderr_lines[1]} == *"the last 1 of 5 samples left out"* ]]
        [ "${stderr_lines[2]}" = "walk: warning: input 'x': 4 of 5 images resized to 16x24 (height x width), from imgs/10.jpg on" ]
        run -0 walk -n -r -c c -i x@float32@?,16,24,3 n.npz
        "$PY" -c "
import cv2, numpy as np
o, n = np.load('o.npz'), np.load('n.npz')
for i, f in enumerate(sorted(['b.png', 'B.PNG', 'a.bmp', '10.jpg', '9.jpg'])):
    a = cv2.resize(cv2.imread('imgs/' + f), (24, 16)).astype(np.float32)
    if '$order' == 'RGB': a = a[:, :, ::-1]
    a = (a - np.float32([103.94, 116.78, 123.68])) / np.float32([57.1, 58, 1])
    assert (n['%d.x' % i][0] == a).all(), f
    if i < 4: assert (o['%d.x' % (i // 2)][i % 2] == a.transpose(2, 0, 1)).all(), f"
    done
}

@test "one channel gets gray pixels, and integer inputs get integers" {
    "$PY" -c "
import cv2, numpy as np, os
os.mkdir('imgs'); cv2.imwrite('imgs/a.png', np.random.RandomState(2).randint(0, 256, (8, 9, 3), np.uint8))"
    printf 'preprocess_parameter { input_file_path: "imgs" }' >c
    run -0 walk -c c -i x@uint8@1,1,8,9 o.npz
    "$PY" -c "
import cv2, numpy as np
assert (np.load('o.npz')['0.x'][0, 0] == cv2.imread('imgs/a.png', 0)).all()"
    printf 'preprocess_parameter { input_file_path: "imgs" standard_deviation: 127.5 mean_value: 127.5 }' >c
    run -0 walk -c c -i x@float16@1,1,8,9 o.npz
    "$PY" -c "
import cv2, numpy as np
assert (np.load('o.npz')['0.x'][0, 0] == ((cv2.imread('imgs/a.png', 0).astype('f4') - np.float32(127.5)) / np.float32(127.5)).astype('f2')).all()"
    fails 1 "imgs/a.png: the float32 value" walk -c c -i x@uint8@1,1,8,9 out
}

@test "wrong sets are refused with the field's line and column and the remedy" {
    "$PY" -c "
import cv2, numpy as np, os
for d in 'imgs', 'empty', 'deep', 'deep/down', 'broken': os.mkdir(d)
cv2.imwrite('imgs/a.png', np.zeros((8, 9, 3), np.uint8)); cv2.imwrite('x.png', np.zeros((8, 9, 3), np.uint8))
cv2.imwrite('broken/a.jpg', np.random.randint(0, 256, (40, 40, 3), np.uint8)); b = open('broken/a.jpg', 'rb').read()
open('broken/b.jpg', 'wb').write(b[:len(b) // 2]); open('empty/a.txt', 'w'); open('zero.bin', 'w')"
    refused() { # BLOCK INPUT MESSAGE
        printf '\npreprocess_parameter {\n  %s }' "$1" >config.prototxt
        fails 1 "walk: $3" walk -c config.prototxt -i "$2" out
    }
    x=x@float32@1,3,8,8
    c='config.prototxt:3:3:'
    refused 'input_file_path: "nope"' $x "$c nope: no such file or folder, neither here nor beside the config"
    refused 'input_file_path: "empty"' $x "$c empty: holds no image (1 other files)"
    refused 'input_file_path: "deep"' $x "$c deep/down: is a sub-folder; a folder of images may hold only files"
    refused 'input_file_path: "x.png"' $x "$c x.png: is a file; IMAGE needs a folder"
    refused 'input_file_path: "imgs" mean_value: 1' $x "config.prototxt:3:27: 1 mean_value for the 3 channels of input 'x' of 1x3x8x8: give 3 or none"
    refused 'input_file_path: "imgs" standard_deviation: [1, 2]' $x "config.prototxt:3:27: 2 standard_deviation for the 3 channels of input 'x' of 1x3x8x8: give 1 or 3"
    refused 'standard_deviation: 1 input_file_path: "imgs" standard_deviation: 2' x@float32@1,1,8,8 "$c 2 standard_deviation for the 1 channel of input 'x' of 1x1x8x8: give 1"
    [ "${stderr: -6}" = "give 1" ]
    refused 'input_file_path: "imgs"' x@float32@1,3,8 "config.prototxt:2:1: input 'x' of 1x3x8 cannot be fed images: it needs 4 dims"
    refused 'input_file_path: "imgs"' x@float32@1,8,8,3 "config.prototxt:2:1: input 'x' of 1x8x8x3 (NCHW) cannot be fed images: 1 or 3 channels"
    refused 'input_file_path: "imgs"' x@float32@1,3,?,? "config.prototxt:2:1: input 'x' of 1x3x?x?: give its height and width with --input_shape"
    refused 'input_file_path: "broken"' x@float32@1,3,40,40 "input 'x': broken/b.jpg (sample 1): JPEG: truncated"
    refused 'input_type: BINARY input_file_path: "imgs"' $x "config.prototxt:3:22: imgs: is a folder; BINARY needs one 510 or 610 file"
    refused 'input_type: BINARY input_file_path: "x.png"' $x "config.prototxt:3:22: x.png: is a PNG image; a .npy, .npz, 510 or 610 file is needed here"
    refused 'input_type: BINARY input_file_path: "zero.bin"' $x "config.prototxt:3:22: zero.bin: is empty; a .npy"
    refused 'input_file_path: "imgs" input_type: IMAGE' x@float32@1,3,8 "config.prototxt:3:27: input 'x' of 1x3x8 cannot be fed images"
    printf 'preprocess_parameter: [{ input_file_path: "imgs" },\n { input_file_path: "imgs" mean_value: 1 }]' >config.prototxt
    fails 1 "config.prototxt:1:1: 2 preprocess_parameter blocks for 1 model input;" walk -c config.prototxt -i $x out
    fails 1 "config.prototxt:2:28: 1 mean_value for the 3 channels" walk -c config.prototxt -i $x -i y@float32@1,3,8,8 out
    fails 1 "config.prototxt:2:44: 2 preprocess_parameter blocks for 3 model inputs;" walk -c config.prototxt -i $x -i $x -i $x out
    "$PY" -c "
import struct
for n in 1, 2: open('%d.bin' % n, 'wb').write(struct.pack('<3i', 610, 2, n) + struct.pack('<i', 1) + bytes(4 * n))"
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "1.bin" }\npreprocess_parameter { input_type: BINARY\ninput_file_path: "2.bin" }' >config.prototxt
    fails 1 "config.prototxt:3:1: input 'x' has 1 steps and input 'y' has 2; they must be equal" walk -c config.prototxt -i x@float32@1,1 -i y@float32@1,1 out
    printf 'preprocess_parameter { input_file_path: "imgs" }\npreprocess_parameter { input_file_path: "imgs" }' >config.prototxt
    fails 1 "config.prototxt:2:1: 2 preprocess_parameter blocks for 1 model input; one per input is needed, in order" \
        walk -c config.prototxt -i $x out
    printf 'preprocess_parameter { input_file_path: "imgs" }' >config.prototxt
    fails 1 "imgs/a.png (sample 0): 8x9 pixels (height x width), but 8x8 are needed" walk -s -c config.prototxt -i $x out
}

@test "wrong NAME=FILE arguments are refused" {
    py "np.save('a.npy', np.zeros((1, 2), 'f4')); np.save('b=c.npy', np.zeros((1, 2), 'f4'))"
    in="-i data@float32@1,2"
    two="$in -i mask@float32@1,2"
    fails 2 "date=a.npy: the model has no input 'date'; closest: 'data'" walk $in out date=a.npy
    fails 1 "data=a.npy: input 'data' is given twice" walk $two out data=a.npy data=a.npy
    fails 1 "input 'mask' is given nothing: add mask=FILE" walk $two out data=a.npy
    fails 1 "a.npy: one array for the 2 inputs of the model" walk $two out a.npy
    fails 1 "a.npy: with several files say which input each is for: NAME=FILE" walk $two out a.npy a.npy
    fails 1 "none.npy: cannot open: No such file or directory" walk $in out data=none.npy
    run -0 walk $in o.npz b=c.npy
}

@test "hostile .npy headers are errors" {
    hostile() { # HEADER MESSAGE
        "$PY" -c "
import struct, sys
h = sys.argv[1].encode()
open('h.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(h)) + h + bytes(24))" "$1"
        fails 1 "h.npy: $2" walk -i x@float32@any out h.npy
    }
    hostile "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }" "24 bytes of data, but its header says 2x4 float32"
    hostile "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }" "damaged header: a wrong dim in its shape"
    hostile "{'descr': '<f4', 'fortran_order': False, 'shape': (281474976710656, 281474976710656), }" "24 bytes of data"
    hostile "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }" "damaged header: a wrong dim in its shape"
    hostile "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6), }" "more than 8 dims"
    hostile "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }" "elements of type '|O' cannot be used"
    hostile "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }" "an array of records cannot be used"
    hostile "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (6,), }" "damaged header: fortran_order is neither True nor False"
    hostile "{'descr': '<f4', 'shape': (6,), }" "damaged header: descr, fortran_order or shape is missing"
    hostile "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}" "damaged header: key 'descr'"
    hostile "" "damaged header: no dictionary"
    hostile "{'descr': '<f4" "an array of records"
}
