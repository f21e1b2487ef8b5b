#!/bin/sh
# Makes the fonts beside it from Noto Sans CJK (packages fonts-noto-cjk and
# python3-fonttools): the 3,755 most used Chinese characters, level 1 of GB 2312,
# and full-width punctuation. All else comes from Fyne's own fonts.
set -e
cd "$(dirname "$0")"
from=${1:-/usr/share/fonts/opentype/noto}
python3 - > characters <<'END'
level1 = [bytes([a, b]) for a in range(0xB0, 0xD8) for b in range(0xA1, 0xFF)]
characters = [c.decode("gb2312", "ignore") for c in level1] + list("，。、；：？！（）《》「」￥％")
print("".join(sorted(set(characters))), end="")
END
for weight in Regular Bold; do
	python3 -m fontTools.subset "$from/NotoSansCJK-$weight.ttc" --font-number=2 --text-file=characters \
		--layout-features='' --no-hinting --desubroutinize --output-file="NotoSansSC-$weight.otf"
done
rm characters
