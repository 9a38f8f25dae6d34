#!/bin/sh
# Takes the pictures of the README.
#
#   screenshots.sh BINARY FOLDER
#
# Runs the demo by itself with DEMO_PAGES set, for which it writes what the channel shows at each stage as a page of
# HTML, NAME.html, and renders each to FOLDER/NAME.png with headless Chromium.
set -eu

binary=$1 folder=$2
chromium='' pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then chromium=$name && break; fi
done

DEMO_AUTO=1 DEMO_PAGES=$pages "$binary" demo
mkdir -p "$folder"
for page in "$pages"/*.html; do
	[ -e "$page" ] || { echo "screenshots: the demo wrote no pages to DEMO_PAGES" >&2 && exit 1; }
	picture=$folder/$(basename "$page" .html).png
	# The sandbox needs rights that a container does not give; the pages are our own. Chromium's own errands on the
	# network are switched off.
	"${chromium:?install Chromium}" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=2 \
		--window-size="${SIZE:-820,1180}" --user-data-dir="$pages/profile" --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--screenshot="$picture" "file://$page" >"$pages/log" 2>&1 || { cat "$pages/log" >&2 && exit 1; }
	echo "$picture"
done
