# lib.bash: what every test file loads. Tests start in an empty directory and find the tools in PATH.
# SPDX-License-Identifier: Apache-2.0
bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
SHARED=$ROOT/../shared
PY=/usr/bin/python3
DOPT_BIN=${DOPT_BIN:-$ROOT/build/bin}
TESTS=$DOPT_BIN/../test # built from tests/unit
PATH=$DOPT_BIN:$PATH
export LC_ALL=C

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Skips the test where the models and pictures that are not in the repository are absent.
need_shared() {
    [ -e "$SHARED/data/$1" ] || skip "needs shared/data/$1"
}

# fails STATUS TEXT COMMAND...: the command ends with the status, one line on stderr that contains
# TEXT (after any warnings), nothing on stdout, and leaves no file "out*" behind.
fails() {
    local want=$1 text=$2
    shift 2
    run -"$want" --separate-stderr "$@"
    [ -z "$output" ]
    if [[ $stderr != *"$text"* ]]; then
        echo "wanted: $text"
        echo "got:    $stderr"
        return 1
    fi
    [ "$want" -eq 2 ] || [ "$(grep -vc ': warning: ' <<<"$stderr")" -eq 1 ]
    ! compgen -G 'out*' >/dev/null
}

# The examples of a manual page, as its EXAMPLES section has them, ready for sh.
examples() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/p' "$ROOT/man/$1" |
        sed -n '/^\.Bd/,/^\.Ed/{/^\.Bd/d;/^\.Ed/d;s/\\e/\\/g;p;}'
}
