#!/bin/sh
# Puts what the tests need under one folder; says nothing where it is there already.
set -eu
folder=$1
mkdir -p "$folder"

# The versions that the tests are held against; raise them on purpose.
openai_python=$(sed -n 's/^openai==//p' tests/tools/requirements.txt)

need() { # need COMMAND PACKAGE...
  command -v "$1" >/dev/null 2>&1 && return 0
  shift
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "please install: $*" >&2
    exit 1
  fi
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing $*" >&2
  [ -n "${updated:-}" ] || { $sudo apt-get update -qq; updated=1; }
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$@" >/dev/null
}

need curl curl ca-certificates
need python3 python3 python3-venv
need node nodejs npm
need npm npm

if [ "$("$folder/venv/bin/python" -c 'import openai; print(openai.__version__)' 2>/dev/null)" != "$openai_python" ]; then
  echo "installing the OpenAI SDK for Python" >&2
  python3 -m venv "$folder/venv" 2>/dev/null || { need /no-venv python3-venv; python3 -m venv "$folder/venv"; }
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/tools/requirements.txt
fi

mkdir -p "$folder/node"
if ! cmp -s tests/tools/package.json "$folder/node/package.json" || [ ! -d "$folder/node/node_modules/openai" ]; then
  echo "installing the OpenAI SDK for Node" >&2
  cp tests/tools/package.json "$folder/node/package.json"
  (cd "$folder/node" && npm install --silent --no-audit --no-fund)
fi
