#!/bin/sh
# Makes the fonts beside it from Noto Sans CJK (packages fonts-noto-cjk and
# python3-fonttools): the 3,755 most used Chinese characters, level 1 of GB 2312,
# those that the translation uses besides, full-width punctuation, and the space.
# All else comes from Fyne's own Noto Sans, whose line height and space they take,
# so that it is the same in every language.
set -e
cd "$(dirname "$0")"
from=${1:-/usr/share/fonts/opentype/noto}
python3 - > characters <<'END'
level1 = [bytes([a, b]) for a in range(0xB0, 0xD8) for b in range(0xA1, 0xFF)]
characters = [c.decode("gb2312", "ignore") for c in level1] + list(" ，。、；：？！（）《》「」￥％")
characters += [c for c in open("../translations/zh.json").read() if c >= "\u2e80"]
print("".join(sorted(set(characters))), end="")
END
for weight in Regular Bold; do
	python3 -m fontTools.subset "$from/NotoSansCJK-$weight.ttc" --font-number=2 --text-file=characters \
		--layout-features='' --no-hinting --desubroutinize --output-file="NotoSansSC-$weight.otf"
	python3 - "NotoSansSC-$weight.otf" <<'END'
import sys
from fontTools.ttLib import TTFont
font = TTFont(sys.argv[1])
up, down, space = 1069, -293, 260  # of Noto Sans, in thousandths of an em
font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = up, down, 0
os2 = font["OS/2"]
os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap, os2.usWinAscent, os2.usWinDescent = up, down, 0, up, -down
font["hmtx"][font.getBestCmap()[ord(" ")]] = (space, 0)
font.save(sys.argv[1])
END
done
rm characters
