#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Campaigns with as many kills as wanted: 300 and more take about fifteen minutes.
# Usage: tests/campaign/full.sh [BUILD_FOLDER] [KILLS] [SEED] [RIGHTS]
set -eu
campaign="${1:-build/release}/bin/netmsg_campaign"
kills="${2:-300}"
"$campaign" --kills "$kills" --phases "$((kills / 60 + 1))" --seed "${3:-$(date +%s)}" --rights "${4:-own}"
