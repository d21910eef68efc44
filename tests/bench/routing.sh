#!/bin/sh
# What routing costs: the judge plays its public traces against `atelier simulate --protocol` and says
# how far the bill is above the least that is possible with foresight (bench-results/routing.json).
# The traces are no part of this repository: without them beside it there is nothing to measure.
#
#   tests/bench/routing.sh [FOLDER]    default: ../shared/routing
set -eu
cd "$(dirname "$0")/../.."

folder=${1:-../shared/routing}
if ! [ -f "$folder/judge.py" ]; then
  echo "no judge in $folder: routing is not measured" >&2
  exit 0
fi
cargo build --release --quiet --package gateway --bin atelier
mkdir -p bench-results
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
for trace in "$folder"/traces/*.jsonl.gz; do
  python3 "$folder/judge.py" "$trace" -- target/release/atelier simulate --protocol \
    >"$reports/$(basename "$trace" .jsonl.gz).json"
done
python3 - "$reports" bench-results/routing.json <<'END'
import glob, json, sys

reports = [json.load(open(path)) for path in sorted(glob.glob(sys.argv[1] + "/*.json"))]
total, bound = (sum(report[name] for report in reports) for name in ("total", "bound"))
for report in reports:
    print(f"{report['trace']}: {report['ratio']:.4f} times the bound, {report['violations']}")
print(f"in sum: {total / bound:.4f} times the bound")
with open(sys.argv[2], "w") as file:
    json.dump({"in_sum": round(total / bound, 4), "traces": reports}, file, indent=1)
END
