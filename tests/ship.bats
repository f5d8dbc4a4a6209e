#!/usr/bin/env bats
# What is shipped: make install and uninstall, the completions, the Debian package.
load lib

staged() {
    make -s -C "$ROOT" install DESTDIR="$PWD/stage" PREFIX=/usr >/dev/null
}

@test "make uninstall removes what make install put there" {
    staged
    [ -x stage/usr/bin/dopt ]
    make -s -C "$ROOT" uninstall DESTDIR="$PWD/stage" PREFIX=/usr
    find stage -type f >left
    [ ! -s left ]
}

# offered TOOL WORD...: what bash offers in place of the last word.
offered() {
    bash -c '
        source "stage/usr/share/bash-completion/completions/$1"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _dopt "$1"
        echo "${COMPREPLY[*]}"' bash "$@"
}

@test "bash offers every option that a tool's usage names, and their values" {
    staged
    for tool in stage/usr/bin/*; do
        name=${tool##*/}
        "$tool" -h | grep -o -- '--[a-z][a-z_-]*' | sort -u >options
        while read -r o; do
            [[ " $(offered "$name" "$o") " == *" $o "* ]]
            grep -q -- "-c $name -l ${o#--}\( \|$\)" "stage/usr/share/fish/vendor_completions.d/$name.fish"
            grep -q -- "'\*$o[:']" stage/usr/share/zsh/site-functions/_dopt
        done <options
        [ -s options ] || [ "$name" = dopt-merge ]
    done
    [ "$(offered dopt-quant --activations u)" = uint8 ]
    [ "$(offered dopt --fit l)" = letterbox ] # as dopt-observe spells it out
    [ "$(offered dopt-show --names x)" = "" ]
}

@test "the Debian package holds what works, and names what it needs" {
    command -v dpkg-deb >/dev/null && command -v fakeroot >/dev/null && command -v dpkg-shlibdeps >/dev/null || skip "needs dpkg-dev and fakeroot"
    make -s -C "$ROOT" deb >/dev/null
    deb=$(ls "$ROOT"/build/dopt_*.deb)
    dpkg-deb -f "$deb" Depends >depends
    for p in libdnnl2 libprotobuf-c1 libarchive13 zlib1g make; do grep -qw "$p" depends; done
    dpkg-deb -x "$deb" root
    cp -r "$ROOT/examples/digits" digits && cd digits
    env -i PATH="$PWD/../root/usr/bin:/usr/bin:/bin" dopt -m 0 --framework 5 --model digits.onnx --cal_conf config.prototxt \
        --output out.onnx --compress_conf param >log
    grep -q 'Quantize model success' log
    cmp <(env -i PATH=/usr/bin:/bin ../root/usr/bin/dopt-show param) <(dopt-show param)
}
