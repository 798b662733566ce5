#!/bin/sh
# Names the servers that the tests start for real; installs the missing ones when it may.
set -eu
packages="mosquitto mosquitto-clients influxdb victoria-metrics postgresql mbpoll socat chromium nodejs npm"
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
# A Node.js that did not come from Debian's packages serves as well.
command -v node >/dev/null 2>&1 && missing=$(printf '%s' "$missing" | sed 's/ nodejs//')
command -v npm >/dev/null 2>&1 && missing=$(printf '%s' "$missing" | sed 's/ npm//')
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    exit 0
fi
echo "The tests need these Debian packages; install them with:" >&2
echo "    sudo apt-get install$missing" >&2
exit 1
