#!/usr/bin/env bash
# Fetches the ClickHouse engine library once and puts it where gapwise looks:
#   VERSION/libchdb.so below $GAPWISE_ENGINE_DIR, or else below gapwise/engine in the user's cache folder.
# npm checks the package against the checksum in package-lock.json. The library appears by one rename, so whatever is
# there is whole. Running this again does nothing.
set -euo pipefail
cd "$(dirname "$0")"

fail() { printf 'engine: %s\n' "$@" >&2; exit 1; }
outside='or set clickhouse.addr (GAPWISE_CLICKHOUSE_ADDR) to a ClickHouse server that runs elsewhere'

package=@chdb/lib-linux-x64-gnu
version=$(sed -n 's|.*"'$package'": "\(.*\)".*|\1|p' package.json)
cache=${GAPWISE_ENGINE_DIR:-${XDG_CACHE_HOME:-${HOME:?set HOME or GAPWISE_ENGINE_DIR}/.cache}/gapwise/engine}
library=$cache/$version/libchdb.so

[[ -s $library ]] && exit 0

[[ $(uname -sm) == 'Linux x86_64' ]] ||
  fail "the pinned engine is built for Linux x86_64, this is $(uname -sm)" "use such a machine, $outside"
command -v npm >/dev/null ||
  fail 'npm is needed to fetch the engine and is not installed' "install Node.js with npm, $outside"
mkdir -p "$cache" || fail "cannot write $cache" 'set GAPWISE_ENGINE_DIR to a folder that you may write'

# In the cache folder itself: the last step must be a rename within one file system. Unpacked it takes 570 MB.
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"

echo "engine: fetching $package $version (178 MB, once) into $cache"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error ||
  fail "npm could not fetch $package $version (its message is above)" \
    'check the network, the npm registry setting and the free space (900 MB), then run: make engine'

mkdir -p "$cache/$version"
mv -f "$work/node_modules/$package/libchdb.so" "$library"
echo "engine: $library"
