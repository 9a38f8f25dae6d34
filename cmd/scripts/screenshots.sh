#!/bin/sh
# Takes the pictures of the README.
#
#   screenshots.sh BINARY FOLDER
#
# Runs the demo by itself with DEMO_PAGES set, for which it writes what the channel shows at each stage as a page of
# HTML, NAME.html, and renders each to FOLDER/NAME.png with headless Chromium, as high as the page is. WIDTH and SCALE
# say how wide, in CSS pixels, and how fine.
set -eu

binary=$1 folder=$2 width=${WIDTH:-760}
chromium='' pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then chromium=$name && break; fi
done

# browser HEIGHT FLAG...: Chromium with a window of that height. The sandbox needs rights that a container does not
# give; the pages are our own. Chromium's own errands on the network are switched off.
browser() {
	height=$1
	shift
	"${chromium:?install Chromium}" --headless --no-sandbox --disable-gpu --hide-scrollbars \
		--window-size="$width,$height" --user-data-dir="$pages/profile" --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync "$@" 2>"$pages/log" ||
		{ cat "$pages/log" >&2 && exit 1; }
}

DEMO_AUTO=1 DEMO_PAGES=$pages "$binary" demo
mkdir -p "$folder"
for page in "$pages"/*.html; do
	[ -e "$page" ] || { echo "screenshots: the demo wrote no pages to DEMO_PAGES" >&2 && exit 1; }
	picture=$folder/$(basename "$page" .html).png
	# The first pass asks the page how high it is, the second one takes the picture.
	measured=$pages/measured.htm
	{ cat "$page" && echo '<script>document.title = "height:" + document.documentElement.getBoundingClientRect().height</script>'; } >"$measured"
	height=$(browser 100 --dump-dom "file://$measured" | sed -n 's/.*<title>height:\([0-9]*\).*/\1/p')
	browser "$((${height:?"$page has no height"} + 1))" --force-device-scale-factor="${SCALE:-1.2}" --screenshot="$picture" "file://$page"
	echo "$picture"
done
