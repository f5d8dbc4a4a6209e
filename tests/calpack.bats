#!/usr/bin/env bats
# dopt-calpack: images and arrays into 510 and 610 bins, and back.
load lib

py() {
    "$PY" -c "import numpy as np, struct, os
$1"
}

cv() {
    "$PY" -c "import cv2, numpy as np, os, glob
$1"
}

# pictures: imgs/ with five small ones, of the formats that are read, each of another size.
pictures() {
    cv "
os.mkdir('imgs'); r = np.random.RandomState(7)
for i, n in enumerate(['a.jpg', 'b.png', 'c.bmp', 'd.ppm', 'e.pgm']):
    a = cv2.resize(r.randint(0, 256, (6, 8, 3), np.uint8), (40 + i, 30 + 2 * i), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite('imgs/' + n, a if n != 'e.pgm' else a[:, :, 0])"
}

@test "a 510 and a 610 bin are, byte for byte, what the manual's tables say" {
    printf 'P3 2 1 255  1 2 3  4 5 6\n' >p.ppm
    dopt-calpack -o a.bin p.ppm
    [ "$(xxd -p -c 100 a.bin)" = "$(printf '%s' fe010000 01000000 03000000 01000000 02000000 \
        00004040 0000c040 00000040 0000a040 0000803f 00008040)" ]
    dopt-calpack --format 610 --layout NHWC --image-format RGB -o b.bin p.ppm
    [ "$(xxd -p -c 100 b.bin)" = "$(printf '%s' 62020000 04000000 01000000 01000000 02000000 03000000 \
        0000803f 00000040 00004040 00008040 0000a040 0000c040)" ]
}

@test "images are decoded and resized bit for bit as OpenCV does" {
    pictures
    for size in 30x40 17x23 224x224 1x1 15x20; do
        dopt-calpack --size $size -o c.bin imgs
        dopt-calpack --size $size --gray -o g.bin imgs
        cv "
h, w = map(int, '$size'.split('x'))
for f, flag, c in ('c.bin', 1, 3), ('g.bin', 0, 1):
    b = open(f, 'rb').read(); assert np.frombuffer(b[:20], '<i4').tolist() == [510, 5, c, h, w]
    a = np.frombuffer(b[20:], '<f4').reshape(5, c, h, w)
    for i, n in enumerate(sorted(glob.glob('imgs/*'))):
        want = cv2.resize(cv2.imread(n, flag), (w, h)).reshape(h, w, c).transpose(2, 0, 1)
        assert (a[i] == want).all(), (n, flag)"
    done
}

@test "all pixel formats, depths and EXIF orientations are OpenCV's" {
    "$PY" - <<'END'
import os, random, subprocess
import cv2, numpy as np
from PIL import Image
os.mkdir('im'); r = np.random.RandomState(1)
base = cv2.resize(r.randint(0, 256, (9, 12, 3), np.uint8), (61, 37), interpolation=cv2.INTER_CUBIC)
pil = Image.fromarray(base)
for o in range(1, 9):
    e = Image.Exif(); e[0x112] = o
    pil.save('im/exif%d.jpg' % o, exif=e.tobytes()); pil.save('im/exif%d.png' % o, exif=e.tobytes())
for s in 0, 1, 2: pil.save('im/ss%d.jpg' % s, subsampling=s, progressive=s == 1)
pil.convert('L').save('im/gray.jpg'); pil.convert('CMYK').save('im/cmyk.jpg')
alpha = pil.convert('RGBA'); alpha.putalpha(Image.fromarray(r.randint(0, 256, (37, 61), np.uint8)))
for m, im in (('rgb', pil), ('l', pil.convert('L')), ('p', pil.convert('P')), ('1', pil.convert('1')), ('rgba', alpha)):
    im.save('im/%s.png' % m); im.save('im/%s.bmp' % m)
alpha.convert('LA').save('im/la.png'); pil.convert('P').save('im/ptrns.png', transparency=3)
pil.save('im/trns.png', transparency=(1, 2, 3))
deep = r.randint(0, 65536, (20, 21, 4)).astype(np.uint16)
for n in 1, 3, 4: cv2.imwrite('im/deep%d.png' % n, deep[:, :, :n])
for mx in 1, 7, 100, 255, 256, 1000, 65535:
    for k, (kind, shape) in enumerate((('pgm', (9, 11)), ('ppm', (9, 11, 3)))):
        a = r.randint(0, mx + 1, shape)
        open('im/t%d.%s' % (mx, kind), 'w').write('P%d # c\n11 9\n%d\n' % (2 + k, mx) + ' '.join(map(str, a.reshape(-1))) + '\n')
        open('im/b%d.%s' % (mx, kind), 'wb').write(b'P%d 11 9 %d\n' % (5 + k, mx) + a.astype('>u2' if mx > 255 else 'u1').tobytes())
pil.convert('1').save('im/raw.pbm'); open('im/text.pbm', 'w').write('P1\n4 2\n0 1 0 1 1 1 0 0\n'); open('im/tight.pbm', 'w').write('P1\n4 2\n01011100\n')
for f in sorted(os.listdir('im')):
    for flag in 0, 1:
        p = subprocess.run(['dopt-calpack', 'im/' + f] + ['--gray'] * (1 - flag), capture_output=True)
        assert p.returncode == 0, p.stderr
        want = cv2.imread('im/' + f, flag); want = want.reshape(want.shape[:2] + (-1,)).transpose(2, 0, 1)
        got = np.frombuffer(p.stdout[20:], '<f4').reshape(np.frombuffer(p.stdout[4:20], '<i4'))[0]
        assert got.shape == want.shape and (got == want).all(), (f, flag)
END
}

@test "photographs are OpenCV's, whole and resized" {
    need_shared images
    for size in 224x224 96x128; do
        dopt-calpack --size $size -o c.bin "$SHARED/data/images"
        cv "
h, w = map(int, '$size'.split('x')); a = np.fromfile('c.bin', '<f4', offset=20).reshape(-1, 3, h, w)
for i, n in enumerate(sorted(glob.glob('$SHARED/data/images/*'))): assert (a[i] == cv2.resize(cv2.imread(n), (w, h)).transpose(2, 0, 1)).all()"
    done
}

@test "crop takes the middle and letterbox pads with 114" {
    cv "cv2.imwrite('w.png', np.random.RandomState(1).randint(0, 256, (20, 51, 3), np.uint8))"
    dopt-calpack --size 16x16 --fit crop -o c.bin w.png
    dopt-calpack --size 16x16 --fit letterbox -o l.bin w.png
    cv "
a = cv2.imread('w.png')
c = np.fromfile('c.bin', '<f4', offset=20).reshape(3, 16, 16).transpose(1, 2, 0)
assert (c == cv2.resize(a[:, 15:35], (16, 16))).all()
l = np.fromfile('l.bin', '<f4', offset=20).reshape(3, 16, 16).transpose(1, 2, 0)
assert (l[5:11] == cv2.resize(a, (16, 6))).all() and (l[:5] == 114).all() and (l[11:] == 114).all()"
}

@test "mean and deviation are applied in float32, in the channel order of the format" {
    pictures
    dopt-calpack --size 10x12 --image-format RGB --mean 123.68,116.78,103.94 --std 58.395,57.12,57.375 -o a.bin imgs
    dopt-calpack --size 10x12 --mean 127.5 --std 127.5 --layout NHWC -o b.bin imgs
    cv "
a = np.fromfile('a.bin', '<f4', offset=20).reshape(5, 3, 10, 12)
assert np.fromfile('b.bin', '<i4', 6).tolist() == [610, 4, 5, 10, 12, 3]
b = np.fromfile('b.bin', '<f4', offset=24).reshape(5, 10, 12, 3)
for i, n in enumerate(sorted(glob.glob('imgs/*'))):
    x = cv2.resize(cv2.imread(n), (12, 10)).astype('f4')
    assert (a[i] == ((x[:, :, ::-1] - np.float32([123.68, 116.78, 103.94])) / np.float32([58.395, 57.12, 57.375])).transpose(2, 0, 1)).all()
    assert (b[i] == (x - np.float32(127.5)) / np.float32(127.5)).all()"
}

@test "the output does not depend on the threads, nor on file or pipe" {
    pictures
    for i in $(seq 100 180); do ln -s b.png imgs/$i.png; done
    for j in 1 2 3 16; do
        dopt-calpack -j $j --size 19x19 -o $j.bin imgs
    done
    dopt-calpack -j 3 --size 19x19 imgs | cat >pipe.bin
    cmp 1.bin 2.bin && cmp 1.bin 3.bin && cmp 1.bin 16.bin && cmp 1.bin pipe.bin
}

@test "the first broken image is named at any thread count, and nothing is written" {
    pictures
    for i in $(seq 100 140); do ln -s b.png imgs/$i.png; done
    head -c 300 imgs/a.jpg >imgs/120x.jpg
    head -c 30 imgs/b.png >imgs/130x.png
    for j in 1 4; do
        fails 1 "dopt-calpack: imgs/120x.jpg (sample 21): JPEG: truncated" dopt-calpack -j $j --size 9x9 -o out.bin imgs
    done
}

@test "arrays, bins and images are packed one after the other" {
    py "
np.save('a.npy', np.arange(24, dtype='u1').reshape(2, 3, 2, 2)); np.savez_compressed('b.npz', np.asfortranarray(np.arange(12.).reshape(1, 3, 2, 2)))
open('p.ppm', 'w').write('P3 2 2 255 ' + ' '.join(map(str, range(12))))"
    dopt-calpack -o c.bin a.npy b.npz
    dopt-calpack -o d.bin c.bin p.ppm c.bin
    py "
c = np.fromfile('c.bin', '<f4', offset=20).reshape(3, 3, 2, 2); d = np.fromfile('d.bin', '<f4', offset=20).reshape(7, 3, 2, 2)
assert (c == np.concatenate([np.load('a.npy'), np.load('b.npz')['arr_0']])).all()
assert (d[:3] == c).all() and (d[4:] == c).all() and (d[3] == np.arange(12).reshape(2, 2, 3).transpose(2, 0, 1)[::-1]).all()"
    py "np.save('r.npy', np.arange(10.).reshape(5, 2))"
    dopt-calpack <r.npy >r.bin
    [ "$(dopt-calpack --cat r.bin)" = "$(printf '0 1\n2 3\n4 5\n6 7\n8 9')" ]
    fails 1 "r.npy has samples of 2, but a.npy has 3x2x2" dopt-calpack -o out a.npy r.npy
    fails 1 "5x2 is not N x C x H x W, which --format 510 needs; use 610" dopt-calpack --format 510 -o out r.npy
}

@test "unsigned bytes of an array are pixels: mean and deviation apply to them, and to no other array" {
    py "
a = np.random.RandomState(1).randint(0, 256, (4, 3, 2, 5), 'u1')
np.savez('a.npz', image=a, label=np.arange(4), gray=a[:, :1]); np.save('t.npy', a.transpose(0, 2, 3, 1)); np.save('f.npy', a.astype('f4'))"
    dopt-calpack --mean 1,2,3 --std 4,5,6 -o a.bin a.npz:image
    dopt-calpack --mean 1,2,3 --std 4,5,6 --layout NHWC --format 610 -o t.bin t.npy
    dopt-calpack --mean 127.5 --std 127.5 -o g.bin a.npz:gray
    dopt-calpack --mean 127.5 --std 127.5 -o f.bin f.npy
    py "
a = np.load('f.npy'); want = (a - np.float32([[[1]], [[2]], [[3]]])) / np.float32([[[4]], [[5]], [[6]]])
assert (np.fromfile('a.bin', '<f4', offset=20).reshape(4, 3, 2, 5) == want).all()
assert (np.fromfile('t.bin', '<f4', offset=24).reshape(4, 2, 5, 3) == want.transpose(0, 2, 3, 1)).all()
assert (np.fromfile('g.bin', '<f4', offset=20).reshape(4, 1, 2, 5) == (a[:, :1] - np.float32(127.5)) / np.float32(127.5)).all()
assert (np.fromfile('f.bin', '<f4', offset=20).reshape(4, 3, 2, 5) == a).all()"
    fails 1 "a.npz:gray: 3 means or deviations for the 1 channels of its samples" dopt-calpack --mean 1,2,3 -o out a.npz:gray
    fails 1 "holds no array 'lable'; closest: 'label'" dopt-calpack -o out a.npz:lable
}

@test "a config's block is packed as the config says" {
    pictures
    printf 'preprocess_parameter { input_file_path: "imgs" image_format: RGB mean_value: [1, 2, 3] standard_deviation: 4 }
preprocess_parameter { input_type: BINARY input_file_path: "b.bin" }' >config.prototxt
    dopt-calpack --size 8x9 --image-format RGB --mean 1,2,3 --std 4 -o b.bin imgs
    dopt-calpack --config config.prototxt --input 1 --size 8x9 -o c.bin
    dopt-calpack --config config.prototxt --input 2 >d.bin
    cmp b.bin c.bin
    cmp b.bin d.bin
    fails 1 "config.prototxt: has 2 preprocess_parameter blocks, not 3" dopt-calpack -c config.prototxt --input 3 -o out
    fails 1 "config.prototxt:1: give the size of the images with --size HxW" dopt-calpack -c config.prototxt -o out
    fails 1 "config.prototxt:1: 3 mean_value for the 1 channels" dopt-calpack -c config.prototxt --gray --size 8x9 -o out
    fails 2 "--mean is the config's to say, in its block" dopt-calpack -c config.prototxt --mean 3 -o out
}

@test "a bin is shown, converted and verified" {
    py "
a = np.arange(24, dtype='<f4').reshape(2, 3, 2, 2); a[1, 2, 1, 1] = np.nan
open('a.bin', 'wb').write(struct.pack('<5i', 510, 2, 3, 2, 2) + a.tobytes())"
    run -0 --separate-stderr dopt-calpack --info a.bin
    [ "${lines[0]}" = "a.bin: 510 2x3x2x2" ]
    [ "${lines[1]}" = "	channel	min	max	mean	std	nan" ]
    [ "${lines[2]}" = "	0	0	15	7.5	6.10327781	0" ]
    [ "${lines[4]}" = "	2	8	22	14.4285714	5.77821383	1" ]
    dopt-calpack --to-npy -o a.npy a.bin
    dopt-calpack --to-npy <a.bin >b.npy
    cmp a.npy b.npy
    py "a = np.load('a.npy'); assert a.shape == (2, 3, 2, 2) and a.dtype == np.float32 and a[1, 0, 0, 0] == 12 and np.isnan(a[1, 2, 1, 1])"
    run -0 dopt-calpack --verify a.bin a.npy
    [ -z "$output" ]
    [ "$(dopt-calpack --cat a.bin | head -1)" = "0 1 2 3 4 5 6 7 8 9 10 11" ]
}

@test "a bin cut at any byte is refused, and so is one that is too long" {
    py "open('a.bin', 'wb').write(struct.pack('<4i', 610, 2, 1, 3) + bytes(12))
open('b.bin', 'wb').write(struct.pack('<5i', 510, 1, 1, 1, 2) + bytes(8))"
    for f in a b; do
        run -0 dopt-calpack --verify $f.bin
        size=$(stat -c %s $f.bin)
        for n in $(seq 0 $((size - 1))); do
            head -c "$n" $f.bin >cut.bin
            fails 1 "dopt-calpack: cut.bin: " dopt-calpack --verify cut.bin
        done
        { cat $f.bin; printf x; } >long.bin
        fails 1 "long.bin: its header says" dopt-calpack --verify long.bin
    done
    py "open('n.bin', 'wb').write(struct.pack('<5i', 510, -1, 3, 2, 2)); open('h.bin', 'wb').write(struct.pack('<5i', 510, 2**31-1, 2**31-1, 2**31-1, 2))
open('r.bin', 'wb').write(struct.pack('<2i', 610, 99))"
    fails 1 "n.bin: dim 1 of its header is -1" dopt-calpack --verify n.bin
    fails 1 "h.bin: its header says 2147483647x2147483647x2147483647x2" dopt-calpack --verify h.bin
    fails 1 "r.bin: rank 99; at most 8 dims can be used" dopt-calpack --verify r.bin
}

@test "an image or array cut at any byte is an error that names it" {
    "$PY" - <<'END'
import io, os, subprocess
import cv2, numpy as np
from PIL import Image
im = Image.fromarray(np.random.RandomState(3).randint(0, 256, (5, 6, 3), np.uint8))
im.save('a.jpg', quality=30); im.save('a.png'); im.save('a.bmp'); im.save('a.ppm'); im.convert('P').save('p.png'); im.convert('1').save('a.pbm')
open('t.pgm', 'w').write('P2 3 2 9 1 2 3 4 5 6'); np.save('a.npy', np.zeros((2, 3), 'f4')); np.savez_compressed('a.npz', np.zeros((2, 3), 'f4'))
for f in 'a.jpg', 'a.png', 'a.bmp', 'a.ppm', 'p.png', 'a.pbm', 't.pgm', 'a.npy', 'a.npz':
    data = open(f, 'rb').read(); ext = f.split('.')[1]
    # a zip is found by its end; a JPEG's quantization tables and such need not be walked byte by byte
    for n in range(0, len(data), 1 if len(data) < 400 else 3):
        open('cut.' + ext, 'wb').write(data[:n])
        p = subprocess.run(['dopt-calpack', '-o', 'out.bin', 'cut.' + ext], capture_output=True, text=True)
        assert p.returncode == 1 and p.stderr.startswith('dopt-calpack: cut.' + ext), (f, n, p)
        assert p.stderr.count('\n') == 1 and not os.path.exists('out.bin')
    p = subprocess.run(['dopt-calpack', '-o', 'ok.bin', f], capture_output=True, text=True)
    assert p.returncode == 0 and p.stderr == '', (f, p)
END
}

@test "damaged bytes in an image never crash" {
    "$PY" - <<'END'
import random, subprocess
import numpy as np
from PIL import Image
im = Image.fromarray(np.random.RandomState(3).randint(0, 256, (9, 10, 3), np.uint8))
im.save('a.jpg', quality=30); im.save('a.png'); im.save('a.bmp'); im.convert('P').save('p.bmp'); im.save('a.ppm')
r = random.Random(1)
for f in 'a.jpg', 'a.png', 'a.bmp', 'p.bmp', 'a.ppm':
    data = open(f, 'rb').read()
    for _ in range(40):
        d = bytearray(data)
        for _ in range(r.randint(1, 4)): d[r.randrange(2, min(len(d), 400))] = r.randrange(256)
        open('x.' + f[-3:], 'wb').write(d)
        p = subprocess.run(['dopt-calpack', '-o', 'o.bin', 'x.' + f[-3:]], capture_output=True)
        assert p.returncode in (0, 1), (f, p)
END
}

@test "a picture of too many pixels is refused before it is decoded" {
    py "
import zlib
def chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))
open('bomb.png', 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 60000, 60000, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(999))) + chunk(b'IEND', b''))"
    fails 1 "bomb.png (sample 0): PNG: 60000x60000 pixels are more than the limit of 268435456" dopt-calpack -o out bomb.png
}

@test "wrong calls are refused with one line and the documented status" {
    pictures
    mkdir empty deep deep/x
    fails 1 "none: No such file or directory" dopt-calpack -o out none
    fails 1 "empty: holds no image (0 other files)" dopt-calpack -o out empty
    fails 1 "deep/x: is a sub-folder" dopt-calpack -o out deep
    fails 1 "imgs/b.png (sample 1): 32x41 pixels (height x width), but 30x40 are needed" dopt-calpack -o out imgs
    fails 1 "but 8x8 are needed" dopt-calpack --no-resize --size 8x8 -o out imgs
    fails 1 "imgs: is a directory, name a file to write" dopt-calpack --size 8x8 -o imgs imgs
    fails 1 "nodir/out: cannot create: No such file or directory" dopt-calpack --size 8x8 -o nodir/out imgs
    fails 2 "--size: '8' is not HEIGHTxWIDTH" dopt-calpack --size 8 imgs
    fails 2 "--mean: '1,2,3,4'" dopt-calpack --mean 1,2,3,4 imgs
    fails 2 "--mean: 3 numbers for 1 channels" dopt-calpack --gray --mean 1,2,3 imgs
    fails 2 "--fit: 'cover' is neither" dopt-calpack --fit cover imgs
    fails 2 "--format: '511' is neither 510 nor 610" dopt-calpack --format 511 imgs
    fails 2 "--format 510 is NCHW by definition" dopt-calpack --format 510 --layout NHWC imgs
    fails 2 "-j: '0' is not a number of at least 1" dopt-calpack -j 0 imgs
    fails 2 "usage: dopt-calpack" dopt-calpack --nonsense
    printf 'GIF89a' >x.png
    fails 1 "x.png (sample 0): GIF images cannot be read yet; convert it to PNG" dopt-calpack -o out x.png
    printf 'hello' >x.png
    fails 1 "x.png (sample 0): is no image" dopt-calpack -o out x.png
}

@test "an output that cannot be written is an error" {
    pictures
    run -1 --separate-stderr dopt-calpack --size 90x90 -o /dev/full imgs
    [[ $stderr == *"/dev/full: cannot write: No space left on device" ]]
    run -1 --separate-stderr bash -c 'dopt-calpack --size 9x9 imgs >/dev/full'
    [[ $stderr == *"<stdout>: cannot write: No space left on device" ]]
    dopt-calpack --size 9x9 -o a.bin imgs
    run -1 --separate-stderr bash -c 'dopt-calpack --info a.bin >/dev/full'
}

@test "-h prints the manual's synopsis and -V the version" {
    run -0 dopt-calpack -h
    [[ $output == "usage: dopt-calpack "* ]]
    run -0 dopt-calpack -V
    [[ $output == "dopt-calpack "* ]]
    # every option of the usage is in the page, and the other way round
    diff <(grep -o -- '--[a-z-]*' <<<"$(dopt-calpack -h)" | sort -u) \
        <(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$ROOT/man/dopt-calpack.1" | grep -o -- 'Fl Fl [a-z-]*' | sed 's/Fl Fl /--/' | sort -u)
}

@test "the manual's examples run as they stand" {
    pictures
    mkdir photos && ln imgs/*.jpg imgs/*.png photos
    py "np.save('features.npy', np.zeros((4, 10)))"
    printf 'preprocess_parameter { input_file_path: "photos" }' >config.prototxt
    examples dopt-calpack.1 >ex.sh
    [ "$(grep -c dopt-calpack ex.sh)" -ge 5 ]
    sh -eu ex.sh
    printf 'preprocess_parameter {}' >config.prototxt
    examples dopt-config.5 >config.prototxt
    "$TESTS/conf" config.prototxt
}

@test "the manual's ten lines of numpy read a bin back" {
    py "np.save('x.npy', np.arange(24.).reshape(2, 3, 2, 2))"
    dopt-calpack -o cal.bin x.npy
    examples dopt-calset.5 >read.py
    [ -s read.py ]
    "$PY" read.py
    dopt-calpack --format 610 -o cal.bin x.npy
    "$PY" read.py
}
