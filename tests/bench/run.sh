#!/bin/sh
# The whole, measured: what a request through the gateway costs beside an nginx proxy, how fast the
# gateway starts and how much memory it takes (bench-results/proxy.{md,json}); what an answer from the cache
# costs, beside nginx serving the same bytes from a file (bench-results/hits.{md,json}); and what it costs to keep
# 2,000 generations open at a vendor that takes a minute for each (bench-results/queue.{md,json}).
#
#   tests/bench/run.sh          figures (some minutes; leave the machine alone meanwhile)
#   tests/bench/run.sh quick    a tenth of the work, to see that it runs
#   tests/bench/run.sh queue    only the last (about 5 minutes); or proxy, or hits; goes with quick
#   tests/bench/run.sh proxy "only=process 1.5 MB"   one size of answers beside nginx, or "only=full" for three
set -eu
cd "$(dirname "$0")/../.."

if ! nginx=$(PATH="$PATH:/usr/sbin" command -v nginx); then
  command -v apt-get >/dev/null || { echo "please install: nginx" >&2; exit 1; }
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing nginx" >&2
  $sudo apt-get update -qq
  # Only the program is wanted, not a running service.
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends nginx-light >/dev/null
  nginx=$(PATH="$PATH:/usr/sbin" command -v nginx)
fi

cargo build --release --quiet --package gateway --package tests --bin atelier --bin load
exec target/release/load target/release/atelier "$nginx" bench-results "$@"
