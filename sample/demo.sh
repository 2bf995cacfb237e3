#!/bin/sh
# The main job on the sample and its report, by the command that operators use. A fresh warehouse each time; the instant of
# receipt is given, so that the run is the same one wherever it is made.
set -eu
cd "$(dirname "$0")/.."
rm -rf demo
vgi --warehouse demo/vgi.duckdb run sample/landing --received-at 2024-01-08T09:00:00Z \
    --period 2023-12 --tariffs sample/tariffs --out demo/exports
vgi --warehouse demo/vgi.duckdb report --out demo/report.html
