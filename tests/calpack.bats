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

@test "every file of the corpus is read as OpenCV reads it, in color and gray, or refused by both" {
    "$PY" "$ROOT/tests/corpus.py" im >/dev/null 2>&1
    OPENCV_LOG_LEVEL=SILENT "$PY" - <<'END' 2>/dev/null >log || { cat log && return 1; }
import os, subprocess
import cv2, numpy as np
read = refused = 0
for f in sorted(os.listdir('im')):
    for flag in 0, 1:
        p = subprocess.run(['dopt-calpack', 'im/' + f] + ['--gray'] * (1 - flag), capture_output=True)
        want = cv2.imread('im/' + f, flag)
        if want is None:
            refused += 1
            assert p.returncode == 1 and p.stderr.count(b'\n') == 1, (f, p.stderr)
            continue
        read += 1
        assert p.returncode == 0, (f, p.stderr)
        want = want.reshape(want.shape[:2] + (-1,)).transpose(2, 0, 1)
        got = np.frombuffer(p.stdout[20:], '<f4').reshape(np.frombuffer(p.stdout[4:20], '<i4'))[0]
        assert got.shape == want.shape and (got == want).all(), (f, flag)
print(read, refused)
assert read >= 500 and refused >= 10, (read, refused)
END
}

@test "every kernel resizes the corpus and the photographs as OpenCV does, to any size" {
    "$PY" "$ROOT/tests/corpus.py" im >/dev/null 2>&1
    [ ! -d "$SHARED/data/images" ] || cp "$SHARED"/data/images/* im
    OPENCV_LOG_LEVEL=SILENT "$PY" - <<'END' 2>/dev/null >log || { cat log && return 1; }
import os, subprocess
import cv2, numpy as np
ims = {'im/' + f: [cv2.imread('im/' + f, 0), cv2.imread('im/' + f, 1)] for f in sorted(os.listdir('im'))}
ims = {f: v for f, v in ims.items() if v[1] is not None}
names = '\0'.join(ims).encode()
kinds = {'linear': cv2.INTER_LINEAR, 'area': cv2.INTER_AREA, 'nearest': cv2.INTER_NEAREST, 'cubic': cv2.INTER_CUBIC}
for h, w in (17, 23), (224, 224), (1, 1), (37, 122), (96, 13), (18, 30):
    for kind, k in kinds.items():
        for flag in 0, 1:
            p = subprocess.run(['dopt-calpack', '-0', '--size', f'{h}x{w}', '--resize', kind] + ['--gray'] * (1 - flag), input=names, capture_output=True)
            assert p.returncode == 0, p.stderr
            a = np.frombuffer(p.stdout, '<f4', offset=20).reshape(len(ims), -1, h, w)
            for got, (f, v) in zip(a, ims.items()):
                assert (got == cv2.resize(v[flag], (w, h), interpolation=k).reshape(h, w, -1).transpose(2, 0, 1)).all(), (f, h, w, kind, flag)
END
}

@test "crop takes the middle and letterbox pads with 114" {
    cv "cv2.imwrite('w.png', np.random.RandomState(1).randint(0, 256, (20, 51, 3), np.uint8))"
    dopt-calpack --size 16x16 --fit crop -o c.bin w.png
    dopt-calpack --size 16x16 --fit letterbox -o l.bin w.png
    dopt-calpack --size 16x16 --fit crop --resize area -o a.bin w.png
    cv "
b = np.fromfile('a.bin', '<f4', offset=20).reshape(3, 16, 16).transpose(1, 2, 0)
assert (b == cv2.resize(cv2.imread('w.png')[:, 15:35], (16, 16), interpolation=cv2.INTER_AREA)).all()
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
open('p.ppm', 'w').write('P3 2 2 255 ' + ' '.join(map(str, range(12))) + '\n')"
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
    fails 1 "config.prototxt:2:69: 2 preprocess_parameter blocks, not 3" dopt-calpack -c config.prototxt --input 3 -o out
    fails 1 "config.prototxt:1:1: give the size of the images with --size HxW" dopt-calpack -c config.prototxt -o out
    fails 1 "config.prototxt:1:66: 3 mean_value for the 1 channel of" dopt-calpack -c config.prototxt --gray --size 8x9 -o out
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
import io, os, struct, subprocess
import cv2, numpy as np
from PIL import Image
im = Image.fromarray(np.random.RandomState(3).randint(0, 256, (5, 6, 3), np.uint8))
im.save('a.jpg', quality=30); im.save('a.png'); im.save('a.bmp'); im.save('a.ppm'); im.convert('P').save('p.png'); im.convert('1').save('a.pbm')
im.save('a.webp', quality=5); im.convert('RGBA').save('l.webp', lossless=True); im.save('a.tif'); im.save('z.tif', compression='tiff_lzw')
px = bytes([3, 1, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 2, 1, 4, 4, 0, 0, 0, 1])
open('r.bmp', 'wb').write(b'BM' + bytes(8) + struct.pack('<IIiiHHIIiiII', 54 + 32, 40, 6, 4, 1, 8, 1, len(px), 0, 0, 8, 0) + bytes(range(32)) + px)
open('t.pgm', 'w').write('P2 3 2 9 1 2 3 4 5 6 '); np.save('a.npy', np.zeros((2, 3), 'f4')); np.savez_compressed('a.npz', np.zeros((2, 3), 'f4'))
for f in 'a.jpg', 'a.png', 'a.bmp', 'a.ppm', 'p.png', 'a.pbm', 't.pgm', 'a.npy', 'a.npz', 'a.webp', 'l.webp', 'a.tif', 'z.tif', 'r.bmp':
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
im.save('a.webp'); im.save('a.tif', compression='tiff_lzw'); im.save('b.tif', compression='jpeg')
r = random.Random(1)
for f in 'a.jpg', 'a.png', 'a.bmp', 'p.bmp', 'a.ppm', 'a.webp', 'a.tif', 'b.tif':
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
    pictures
    fails 1 "imgs/c.bmp (sample 2): BMP: 42x34 pixels are more than the limit of 1400" dopt-calpack --max-pixels 1400 --size 9x9 -o out imgs
    dopt-calpack --max-pixels 1500 --size 9x9 -o ok.bin imgs/c.bmp
    fails 2 "--max-pixels: '0' is not a number of at least 1" dopt-calpack --max-pixels 0 imgs
}

@test "an archive is its images in its order, from a file or a pipe, packed or not" {
    pictures
    echo text >imgs/notes.txt
    (cd imgs && tar -cf ../a.tar c.bmp notes.txt a.jpg d.ppm e.pgm b.png)
    gzip -k a.tar && xz -k a.tar
    "$PY" -c "
import zipfile
z = zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED)
for n in ('c.bmp', 'notes.txt', 'a.jpg', 'd.ppm', 'e.pgm', 'b.png'): z.write('imgs/' + n, n)"
    dopt-calpack --size 19x17 -o want.bin imgs/{c.bmp,a.jpg,d.ppm,e.pgm,b.png}
    for f in a.tar a.tar.gz a.tar.xz a.zip; do
        for j in 1 2 3 16; do
            run -0 --separate-stderr dopt-calpack -j $j --size 19x17 -o got.bin $f
            [ "$stderr" = "dopt-calpack: warning: $f: 1 file ignored: not named like an image" ]
            cmp want.bin got.bin
            cat $f | dopt-calpack -j $j --size 19x17 - >got.bin
            cmp want.bin got.bin
        done
        cat $f | dopt-calpack --size 19x17 | cat >got.bin # neither size nor count is known before the end
        cmp want.bin got.bin
    done
    cat imgs/a.jpg | dopt-calpack >one.bin
    dopt-calpack -o two.bin imgs/a.jpg
    cmp one.bin two.bin
    dopt-calpack --size 19x17 -o got.bin a.zip imgs/a.jpg a.tar
    py "a = np.fromfile('want.bin', '<f4', offset=20).reshape(5, -1); b = np.fromfile('got.bin', '<f4', offset=20).reshape(11, -1)
assert (b == np.concatenate([a, a[1:2], a])).all()"
    dopt-calpack --size 19x17 --from 3 --count 4 -o part.bin a.zip imgs/a.jpg a.tar
    py "b = np.fromfile('got.bin', '<f4', offset=20).reshape(11, -1); assert (np.fromfile('part.bin', '<f4', offset=20).reshape(4, -1) == b[3:7]).all()"
    run -1 --separate-stderr dopt-calpack -o out a.tar
    [[ $stderr == *"a.tar:a.jpg (sample 1): 30x40 pixels (height x width), but 34x42 are needed" ]]
    head -c 9000 a.tar >cut.tar
    fails 1 "cut.tar" dopt-calpack --size 9x9 -o out cut.tar
    head -c 3000 a.tar.gz >cut.tar.gz
    fails 1 "cut.tar.gz" dopt-calpack --size 9x9 -o out cut.tar.gz
    # a zip written into a pipe, and a name that the C locale cannot spell
    "$PY" -c "
import sys, zipfile
class Pipe:
    write = sys.stdout.buffer.write
    flush = sys.stdout.buffer.flush
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as z:
    z.write('imgs/c.bmp', 'bilder/\u00fc.bmp'); z.write('imgs/b.png', 'b.png')" >s.zip
    [ "$(cat s.zip | dopt-calpack --list -)" = "$(printf '0\t<stdin>:bilder/\xc3\xbc.bmp\n1\t<stdin>:b.png')" ]
    [ "$(dopt-calpack --list s.zip)" = "$(printf '0\ts.zip:bilder/\xc3\xbc.bmp\n1\ts.zip:b.png')" ]
    (cd imgs && tar -cf ../none.tar notes.txt)
    fails 1 "there are no samples from 5 on, counted from 0" dopt-calpack --size 9x9 --from 5 -o out a.tar
    run -1 --separate-stderr bash -c 'echo imgs/a.jpg | dopt-calpack -o out'
    [[ $stderr == "dopt-calpack: <stdin>: is neither an image, an archive, a .npy, .npz, 510 nor 610 file; a list of names needs --files-from, numbers without a header --dims" ]]
    fails 1 "none.tar: holds no image (1 other files)" dopt-calpack --size 9x9 -o out none.tar
    fails 1 "a.tar: an archive is read in its order; pack it, then shuffle the bin" dopt-calpack --size 9x9 --shuffle 1 -o out a.tar
}

@test "a member of an archive that is too large is refused before it is read" {
    "$PY" - "$DOPT_BIN" <<'END'
import resource, subprocess, sys, tarfile, zipfile
class Zeros:
    def __init__(self, n): self.left = n
    def read(self, n):
        n = min(n, self.left); self.left -= n
        return bytes(n)
t = tarfile.TarInfo('a.pgm'); t.size = 2**28 + 1
with tarfile.open('a.tar.gz', 'w:gz', compresslevel=1) as f: f.addfile(t, Zeros(t.size))
with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z, z.open('a.pgm', 'w') as f:
    for _ in range(2**8 + 1): f.write(bytes(2**20))
for name in 'a.tar.gz', 'a.zip':
    for stdin in None, open(name, 'rb'):
        p = subprocess.run(['dopt-calpack', '--max-pixels', '99', '--size', '9x9', '-o', 'out', '-' if stdin else name], stdin=stdin, capture_output=True, text=True)
        assert p.returncode == 1 and p.stderr == f'dopt-calpack: {"<stdin>" if stdin else name}:a.pgm: is larger than 268435456 bytes; unpack the archive\n', p
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert peak < 60 * 1024 or not sys.argv[1].endswith('/build/bin'), peak # sanitizers have memory of their own
END
}

@test "names come as a list, ended by lines or NULs" {
    pictures
    cp imgs/a.jpg "imgs/with
newline.jpg"
    dopt-calpack --size 9x9 -o want.bin imgs/b.png imgs/a.jpg
    printf 'imgs/b.png\nimgs/a.jpg' >list
    dopt-calpack --size 9x9 --files-from list -o got.bin
    cmp want.bin got.bin
    printf 'imgs/a.jpg\n' | dopt-calpack --size 9x9 --files-from - -o got.bin imgs/b.png
    cmp want.bin got.bin
    find imgs -name '*.jpg' -print0 | sort -z | dopt-calpack -0 --size 9x9 -o got.bin
    dopt-calpack --size 9x9 -o want.bin imgs/a.jpg imgs/with*
    cmp want.bin got.bin
    run -1 --separate-stderr dopt-calpack -0 -o out </dev/null
    [ "$stderr" = "dopt-calpack: <stdin>: holds no name" ]
    run -1 --separate-stderr dopt-calpack --files-from - -o out <<<"imgs/none.jpg"
    [ "$stderr" = "dopt-calpack: imgs/none.jpg: No such file or directory" ]
}

@test "arrays are sliced, shuffled by a seed, reshaped, and change their format" {
    py "a = np.random.RandomState(1).rand(40, 3, 2, 5).astype('f4'); np.save('a.npy', a); a.tofile('a.raw')"
    dopt-calpack -o a.bin a.npy
    dopt-calpack --dims 3,2,5 -o raw.bin a.raw
    cmp a.bin raw.bin
    dopt-calpack --dims 3x2x5 <a.raw >raw.bin
    cmp a.bin raw.bin
    dopt-calpack --format 610 -o six.bin a.bin
    dopt-calpack --format 510 -o five.bin six.bin
    cmp a.bin five.bin
    dopt-calpack --from 7 --count 20 -o part.bin a.bin
    dopt-calpack --shuffle 42 -o mixed.bin a.bin
    dopt-calpack -j 1 --shuffle 42 --from 5 --count 10 -o some.bin a.bin
    dopt-calpack --dims 6,5 -o flat.bin a.bin
    dopt-calpack --dims 60 --format 610 -o wide.bin a.bin
    dopt-calpack -o back.npy six.bin
    py "
def shuffled(n, seed): # splitmix64, Fisher-Yates from the end
    m, order = 2**64 - 1, list(range(n))
    for i in range(n - 1, 0, -1):
        seed = (seed + 0x9e3779b97f4a7c15) & m
        z = ((seed ^ seed >> 30) * 0xbf58476d1ce4e5b9) & m
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) & m
        k = (z ^ z >> 31) % (i + 1)
        order[i], order[k] = order[k], order[i]
    return order
a, order = np.load('a.npy'), shuffled(40, 42)
data = lambda f, shape: np.fromfile(f, '<f4', offset=20).reshape(shape)
assert np.fromfile('six.bin', '<i4', 6).tolist() == [610, 4, 40, 3, 2, 5] and (np.fromfile('six.bin', '<f4', offset=24) == a.reshape(-1)).all()
assert np.fromfile('part.bin', '<i4', 2).tolist() == [510, 20] and (data('part.bin', (20, 3, 2, 5)) == a[7:27]).all()
assert sorted(order) == list(range(40)) and (data('mixed.bin', a.shape) == a[order]).all()
assert (data('some.bin', (10, 3, 2, 5)) == a[order[5:15]]).all()
assert np.fromfile('flat.bin', '<i4', 5).tolist() == [610, 3, 40, 6, 5] and (data('flat.bin', -1) == a.reshape(-1)).all()
assert np.fromfile('wide.bin', '<i4', 4).tolist() == [610, 2, 20, 60]
b = np.load('back.npy'); assert b.dtype == np.float32 and b.shape == a.shape and (b == a).all()"
    fails 1 "a.raw: its 4800 bytes are no whole number of float32 samples of 7" dopt-calpack --dims 7 -o out a.raw
    fails 1 "a.bin: its 40x3x2x5 elements do not divide into samples of 7" dopt-calpack --dims 7 -o out a.bin
    fails 1 "--from 40: there are only 40 samples, counted from 0" dopt-calpack --from 40 -o out a.bin
    fails 2 "--dims: '3,x' is not the dims of a sample" dopt-calpack --dims 3,x a.raw
    cp a.raw cut.jpg
    fails 1 "cut.jpg (sample 0): is no image" dopt-calpack -o out cut.jpg
}

@test "every numeric dtype of NumPy, either order, comes to float32" {
    py "
r = np.random.RandomState(1)
for t in 'f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1'.split():
    a = (r.rand(3, 4, 5) * (2 if t == 'b1' else 100)).astype(t)
    np.save('c_%s.npy' % t, a); np.save('f_%s.npy' % t, np.asfortranarray(a)); np.savez('z_%s.npz' % t, a)"
    for f in c_* f_* z_*; do
        dopt-calpack --format npy -o out.npy $f
        py "a = np.load('$f'); a = a['arr_0'] if '$f'[0] == 'z' else a; b = np.load('out.npy'); assert b.dtype == np.float32 and (b == a.astype('f4')).all() and b.shape == a.shape"
    done
}

@test "the header comes first, whatever the output is, also where the count shows at the end" {
    pictures
    tar -cf a.tar --sort=name imgs
    for format in 510 610 npy; do
        dopt-calpack --size 9x9 --format $format -o want imgs
        dopt-calpack --size 9x9 --format $format -o got a.tar
        cmp want got
        dopt-calpack --size 9x9 --format $format a.tar >got
        cmp want got
        dopt-calpack --size 9x9 --format $format a.tar | cat >got
        cmp want got
        { printf head && dopt-calpack --size 9x9 --format $format a.tar; } >got
        cmp <(printf head && cat want) got
        rm got && printf head >>got && dopt-calpack --size 9x9 --format $format a.tar >>got
        cmp <(printf head && cat want) got
        mkfifo pipe && cat pipe >got &
        while [ ! -p pipe ]; do :; done
        dopt-calpack --size 9x9 --format $format -o pipe a.tar
        wait && rm pipe
        cmp want got
    done
    TMPDIR=/nonexistent run -1 --separate-stderr bash -c 'dopt-calpack --size 9x9 a.tar | cat; exit ${PIPESTATUS[0]}'
    [[ $stderr == *"/nonexistent/dopt-calpack."*": samples that go into a pipe uncounted wait there, but it cannot be created; name a file with -o, or another folder with TMPDIR: No such file or directory" ]]
    # as on a full disk: no file may grow
    run -1 --separate-stderr bash -c 'mkdir tmp; trap "" XFSZ; ulimit -f 1; TMPDIR=tmp dopt-calpack --size 9x9 a.tar | cat; exit ${PIPESTATUS[0]}'
    [ "$stderr" = "dopt-calpack: tmp: samples that go into a pipe uncounted wait there, but they cannot be kept; name a file with -o, or a folder with more room with TMPDIR: File too large" ]
    [ -z "$output$(ls tmp)" ]
}

@test "broken images are left out where that is asked for, each named, and counted" {
    pictures
    head -c 300 imgs/a.jpg >imgs/aa.jpg
    printf x >imgs/0.png
    tar -cf a.tar --sort=name imgs
    run -0 --separate-stderr dopt-calpack --skip-broken --size 9x9 -o a.bin imgs
    [ "${stderr_lines[0]}" = "dopt-calpack: warning: imgs/0.png (sample 0): is no image: neither JPEG, PNG, BMP, PNM, WebP nor TIFF: left out" ]
    [ "${stderr_lines[1]}" = "dopt-calpack: warning: imgs/aa.jpg (sample 2): JPEG: truncated: left out" ]
    [ "${stderr_lines[2]}" = "dopt-calpack: warning: 2 broken images left out, 5 samples packed" ]
    [ ${#stderr_lines[@]} -eq 3 ]
    rm imgs/0.png imgs/aa.jpg
    dopt-calpack --size 9x9 -o want.bin imgs
    cmp want.bin a.bin
    run -0 dopt-calpack --skip-broken --size 9x9 -o b.bin a.tar
    cmp want.bin b.bin
    # the header comes first in a pipe too, and says how many there are
    cp imgs/a.jpg bad.jpg && truncate -s 300 bad.jpg
    for format in 510 610 npy; do
        dopt-calpack --size 9x9 --format $format -o want imgs
        { dopt-calpack --size 9x9 --format $format --skip-broken bad.jpg imgs 2>log && wc -l <log >&2; } 2>warnings | cat >got
        [ "$(cat warnings)" -eq 2 ]
        cmp want got
        mkdir some && cp imgs/* bad.jpg some
        dopt-calpack --size 9x9 --format $format --skip-broken some 2>log | cat >got
        cmp want got
        rm -r some
        dopt-calpack --size 9x9 --format $format --skip-broken imgs | cat >got
        cmp want got
    done
    dopt-calpack --size 9x9 --skip-broken imgs bad.jpg 2>log | dopt-calpack --info >got
    [ "$(head -1 got)" = "<stdin>: 510 5x3x9x9" ]
    dopt-calpack -v --size 9x9 -o c.bin imgs 2>log
    [ "$(cat log)" = "dopt-calpack: c.bin: 5 samples of 3x9x9, 5 resized" ]
    mkdir bad && printf x >bad/a.png
    run -1 --separate-stderr dopt-calpack --skip-broken --size 9x9 -o out bad
    [ "${stderr_lines[1]}" = "dopt-calpack: no sample is left: 1 broken" ]
    # the size comes from the first that can be read
    cp imgs/b.png bad/b.png
    run -0 dopt-calpack --skip-broken -o d.bin bad
    dopt-calpack -o e.bin imgs/b.png
    cmp d.bin e.bin
}

@test "--list says which sample each file becomes" {
    pictures
    tar -cf a.tar --sort=name imgs
    py "np.save('x.npy', np.zeros((2, 3))); np.save('n.npy', np.arange(9.).reshape(9, 1))"
    [ "$(dopt-calpack --list imgs/b.png imgs x.npy | tr '\t\n' ' ;')" = "0 imgs/b.png;1 imgs/a.jpg;2 imgs/b.png;3 imgs/c.bmp;4 imgs/d.ppm;5 imgs/e.pgm;6 x.npy[0];7 x.npy[1];" ]
    [ "$(dopt-calpack --list --from 1 --count 2 imgs | tr '\t\n' ' ;')" = "0 imgs/b.png;1 imgs/c.bmp;" ]
    [ "$(dopt-calpack --list a.tar | tail -1)" = "4	a.tar:imgs/e.pgm" ]
    printf x >imgs/c.bmp
    [ "$(dopt-calpack --list --skip-broken imgs 2>/dev/null | tr '\t\n' ' ;')" = "0 imgs/a.jpg;1 imgs/b.png;2 imgs/d.ppm;3 imgs/e.pgm;" ]
    # one line whatever the name
    mkdir odd && cp imgs/a.jpg $'odd/a\nb\x7f.jpg' && cp imgs/b.png $'odd/c\t.png' && cp n.npy $'odd\n.npy'
    [ "$(dopt-calpack --list odd)" = $'0\todd/a\\x0ab\\x7f.jpg\n1\todd/c\\x09.png' ]
    [ "$(dopt-calpack --info $'odd\n.npy' | head -1)" = 'odd\x0a.npy: float64 9x1' ]
    # the order of a shuffled bin
    dopt-calpack --shuffle 3 n.npy | dopt-calpack --cat | sed 's/.*/n.npy[&]/' >want
    dopt-calpack --shuffle 3 --list n.npy | cut -f 2 | cmp - want
}

@test "--sheet draws the samples as they are fed: channel 0 red, one range for all" {
    py "
a = np.zeros((3, 3, 8, 8), 'f4'); a[0, 0] = 255; a[1, 1] = 128; a[2, 2] = 64
np.save('a.npy', a)
b = np.zeros((2, 3, 8, 8), 'f4') - 1; b[0, 0] = 3; b[1, 2] = 1; b[1, 1, 0, 0] = np.nan
np.save('b.npy', b)"
    dopt-calpack --sheet a.png a.npy
    dopt-calpack --sheet b.png b.npy
    cv "
a, b = cv2.imread('a.png')[:, :, ::-1], cv2.imread('b.png')[:, :, ::-1]
assert a[4, 4].tolist() == [255, 0, 0] and a[11, 11].tolist() == [255, 0, 0] # a tile is 8 wide, 4 from the edge
cell = 8 + 4
assert a[4, 4 + cell].tolist() == [0, 128, 0] and a[4 + 8 + 14 + 4, 4].tolist() == [0, 0, 64]
assert b[5, 5].tolist() == [255, 0, 0] and b[5, 5 + cell].tolist() == [0, 0, 128] and b[4, 4 + cell].tolist() == [255, 0, 255]"
    py "np.save('c.npy', np.arange(50, dtype='f4').reshape(50, 1, 1, 1)); np.save('d.npy', np.arange(50.))"
    dopt-calpack --sheet c.png c.npy
    dopt-calpack --sheet d.png d.npy
    cmp c.png d.png
    cv "
s = cv2.imread('c.png')[:, :, 0]; w, h = 16 + 4, 8 + 14 + 4 # two digits of 8 wide; a sample of 8x8, the line of its index
assert s.shape[1] == 8 * w + 4
text = lambda i: s[4 + i // 8 * h + 8 + 2:, 4 + i % 8 * w:][:12, :16] == 255
digit = [text(i)[:, :8] for i in range(10)]
assert len({d.tobytes() for d in digit}) == 10 and all(d.any() for d in digit)
for i in range(50):
    y, x = 4 + i // 8 * h, 4 + i % 8 * w
    assert (s[y:y + 8, x:x + 8] == i).all() and (s[y:y + 8, x + 8:x + w] == 48).all(), i
    assert i < 10 or (text(i) == np.hstack([digit[i // 10], digit[i % 10]])).all(), i"
    pictures
    dopt-calpack --sheet s.png --size 200x300 --image-format RGB imgs
    cv "
s = cv2.imread('s.png'); want = cv2.resize(cv2.imread('imgs/a.jpg'), (300, 200))
assert s.shape[1] == 3 * 164 + 4 and (s[4:4 + 106, 4:164] == want[np.arange(106) * 200 // 106][:, np.arange(160) * 300 // 160]).all()"
    [ "$(head -c 8 s.png | xxd -p)" = 89504e470d0a1a0a ]
    fails 1 "nodir/out.png: cannot create" dopt-calpack --sheet nodir/out.png a.npy
}

@test "memory does not grow with the number of images, and a stream's neither" {
    [[ $DOPT_BIN == */build/bin ]] || skip "sanitizers have memory of their own"
    cv "
a = cv2.resize(np.random.RandomState(7).randint(0, 256, (30, 40, 3), np.uint8), (640, 480))
os.mkdir('imgs'); cv2.imwrite('imgs/000.jpg', a)
for i in range(1, 400): os.link('imgs/000.jpg', 'imgs/%03d.jpg' % i)"
    tar -c --hard-dereference -f a.tar imgs
    "$PY" - <<'END'
import resource, subprocess
for source in 'imgs', 'a.tar':
    subprocess.run(['dopt-calpack', '-j', '2', '--size', '224x224', '-o', '/dev/null', source], check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert peak < 60 * 1024, peak
END
}

@test "pipes: a tar on stdin, a list from find, a bin into dopt-run, and a rule of make" {
    cp -r "$ROOT"/examples/digits/{digits.onnx,config.prototxt,calib} .
    dopt-import --input_shape image:1,1,28,28 -o m.dopt digits.onnx
    flags="--gray --mean 127.5 --std 127.5 --size 28x28"
    dopt-calpack $flags -o want.bin calib
    tar -c --sort=name calib | dopt-calpack $flags | dopt-run -i image=- -o tar.npz m.dopt
    find calib -name '*.png' -print0 | sort -z | dopt-calpack $flags -0 | dopt-run -i image=- -o find.npz m.dopt
    dopt-run -i image=want.bin -o want.npz m.dopt
    cmp want.npz tar.npz
    cmp want.npz find.npz
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "cal.bin" }' >bin.prototxt
    cat >Makefile <<END
MODEL = digits.onnx
CAL_CONF = bin.prototxt
OUTPUT = net.onnx
PARAM = param
INPUT_SHAPE = image:1,1,28,28
BIN = $DOPT_BIN/
include $ROOT/pipeline.mk
\$(WORK)/calibration.stamp: cal.bin
cal.bin: calib
	dopt-calpack $flags -o \$@ \$<
END
    run -0 make
    cmp cal.bin want.bin
    [ -s net.onnx ]
    touch -d yesterday calib cal.bin digits.onnx
    run -0 make
    [[ $output != *"dopt-calpack"* ]]
}

@test "dopt-run takes the kernel, the fit and the limit of pixels, and reads images with the same code" {
    cp "$ROOT"/examples/digits/digits.onnx .
    pictures
    dopt-import --input_shape image:1,1,28,28 -o m.dopt digits.onnx
    printf 'preprocess_parameter { input_file_path: "imgs" mean_value: 127.5 standard_deviation: 127.5 }' >config.prototxt
    for kernel in area cubic nearest; do
        how="--resize $kernel --fit letterbox"
        dopt-calpack --gray --mean 127.5 --std 127.5 --size 28x28 $how -o a.bin imgs
        dopt-run -i image=a.bin -o want.npz m.dopt
        run -0 dopt-run -c config.prototxt $how -o got.npz m.dopt
        cmp want.npz got.npz
        run -0 dopt-observe -c config.prototxt $how -o o.dopt m.dopt
        dopt-show o.dopt | grep -q "^history dopt-observe .* --fit=letterbox --resize=$kernel\$"
    done
    run -1 dopt-run -c config.prototxt --max-pixels 99 -o out m.dopt
    [[ $output == *"imgs/a.jpg (sample 0): JPEG: 40x30 pixels are more than the limit of 99"* ]]
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
    fails 2 "--format: '511' is neither 510, 610 nor npy" dopt-calpack --format 511 imgs
    fails 2 "--format 510 is NCHW by definition" dopt-calpack --format 510 --layout NHWC imgs
    fails 2 "-j: '0' is not a number of at least 1" dopt-calpack -j 0 imgs
    fails 2 "usage: dopt-calpack" dopt-calpack --nonsense
    printf 'GIF89a' >x.png
    fails 1 "x.png (sample 0): GIF images are not read; convert it to PNG" dopt-calpack -o out x.png
    printf 'hello' >x.png
    fails 1 "x.png (sample 0): is no image" dopt-calpack -o out x.png
}

@test "options that contradict each other or would do nothing are refused" {
    pictures
    py "np.save('u.npy', np.zeros((2, 3, 4, 4), 'u1'))"
    dopt-calpack -o u.bin u.npy
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "u.bin" }' >config.prototxt
    run -2 dopt-calpack --size 9x9 -o out u.npy
    [ "$output" = "dopt-calpack: --size: is for images, but there are only arrays, which are packed as they are" ]
    [ ! -e out ]
    fails 2 "--gray: is for images" dopt-calpack --gray -o out u.npy u.bin
    fails 2 "--image-format: is for images" dopt-calpack --image-format RGB -o out u.npy
    fails 2 "--size: is for images" dopt-calpack --size 4x4 -c config.prototxt -o out
    dopt-calpack --size 4x4 -o both.bin u.npy imgs # the size is the images'
    cmp <(dopt-calpack --cat both.bin | head -2) <(dopt-calpack --cat u.bin)
    fails 2 "--info and --verify exclude each other" dopt-calpack --info --verify u.npy
    fails 2 "--list and --sheet exclude each other" dopt-calpack --list --sheet out.png imgs
    fails 2 "--count: --info takes a file as it is" dopt-calpack --count 1 --info u.npy
    fails 2 "--config: --cat takes a file as it is" dopt-calpack --cat -c config.prototxt
    fails 2 "--fit: --to-npy takes a file as it is" dopt-calpack --fit crop --to-npy -o out u.bin
    dopt-calpack -j 1 --info --layout NHWC u.npy >log
    fails 2 "--format: only what is packed has one" dopt-calpack --format 610 --list imgs
    fails 2 "--image-format: with --gray there is one channel" dopt-calpack --gray --size 9x9 --image-format RGB -o out imgs
    for how in "--fit crop" "--resize area"; do
        fails 2 "--no-resize: where nothing is resized" dopt-calpack --size 9x9 $how --no-resize -o out imgs
        fails 2 "--no-resize: where nothing is resized" dopt-run --no-resize $how -c config.prototxt -o out m.dopt
        fails 2 "--fit and --resize: nothing is resized without --size" dopt-calpack $how -o out imgs/a.jpg
    done
    fails 2 "--input: numbers the blocks of a --config" dopt-calpack --input 2 -o out u.npy
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
