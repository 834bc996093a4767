#!/bin/sh
# Creates $VENV and installs the locked dependencies with uv; called by the Makefile.
# With CPU set, torch and torchvision come from PyTorch's CPU builds (some 4 GB smaller) when those can be reached: these
# two by https and version alone, for their files are others than those whose hashes are locked. All else is by hash.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}" "${CPU:=}"

"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
    echo "sharploss needs Python 3.11, 3.12 or 3.13, and '$PYTHON' is $("$PYTHON" -V 2>&1): name another, as in 'make PYTHON=python3.12 repro'." >&2
    exit 1
}
# A linked environment may be another clone's, which would then import this clone's package.
[ ! -L "${VENV%/}" ] || "$PYTHON" -c 'if 1:
    import glob, json, os, sys, urllib.parse
    venv = sys.argv[1]
    for path in glob.glob(glob.escape(venv) + "/lib/python*/site-packages/sharploss-*.dist-info/direct_url.json"):
        about = json.load(open(path, encoding="utf-8"))
        folder = urllib.parse.unquote(urllib.parse.urlsplit(about["url"]).path)
        if about.get("dir_info", {}).get("editable") and os.path.isdir(folder) and not os.path.samefile(folder, "."):
            sys.exit(f"{venv} is a link to the environment of {folder}, which would then use this folder as its "
                     "sharploss: remove the link, or name another environment, as in \"make VENV=.venv-own setup\".")
' "$VENV"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# lock PATTERN: the entries of requirements.lock whose names match, hashes included.
lock() { awk -v want="$1" '/^[a-zA-Z0-9]/ { on = ($0 ~ want) } on' requirements.lock; }

if [ ! -x "$VENV/bin/uv" ]; then
    lock '^uv==' > "$tmp/uv"
    "$VENV/bin/python" -m pip install --quiet --require-hashes -r "$tmp/uv"
fi
# same NAME==VERSION...: every package is installed in that version, of whatever build ("2.1.0+cpu" is 2.1.0).
same() {
    "$VENV/bin/python" -c 'if 1:
        import importlib.metadata, sys
        wanted = [pair.split("==") for pair in sys.argv[1:]]
        found = {name: importlib.metadata.version(name) for name, _ in wanted}
        wrong = [f"{name} is {found[name]}, not {version}" for name, version in wanted if found[name].split("+")[0] != version]
        sys.exit("; ".join(wrong) or 0)' "$@"
}
install() { "$VENV/bin/uv" pip install --python "$VENV/bin/python" --compile-bytecode "$@"; }

# Compiled bytecode halves the start-up of every training process.
cuda='^(nvidia-|cuda-|triton==|torch==|torchvision==)'
if [ -n "$CPU" ]; then
    awk -v drop="$cuda" '/^[a-zA-Z0-9]/ { on = ($0 !~ drop) } on' requirements.lock > "$tmp/rest"
    pair=$(lock '^(torch|torchvision)==' | sed -n 's/^\(torch[a-z]*==[0-9.]*\).*/\1/p')
    # shellcheck disable=SC2086
    if install --no-deps --torch-backend cpu $pair; then
        install --no-deps --require-hashes -r "$tmp/rest"
        same $pair
    else
        echo "PyTorch's CPU builds cannot be reached: installing the standard ones, which work without a GPU too." >&2
        install --require-hashes -r requirements.lock
    fi
else
    install --require-hashes -r requirements.lock
fi
install --no-deps --editable .
