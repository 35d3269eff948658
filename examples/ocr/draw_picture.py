#!/usr/bin/env python3
"""Draws the picture that the demo reads, and writes the words on it beside it. The same bytes every time.

  draw_picture.py PICTURE.png WORDS.txt
"""
import sys

from PIL import Image, ImageDraw, ImageFont

FONTS = "/usr/share/fonts/truetype/dejavu/"
SIZE = (960, 640)


def font(name, size):
    # The basic layout engine gives the same glyph positions whatever other libraries are installed.
    return ImageFont.truetype(FONTS + name + ".ttf", size, layout_engine=ImageFont.Layout.BASIC)


def turned(picture, place, text, face, colour, degrees):
    """Text at an angle, drawn on its own layer and laid over the picture."""
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).text(place, text, font=face, fill=colour)
    picture.alpha_composite(layer.rotate(degrees, resample=Image.Resampling.BICUBIC, center=place))


def main(path, words):
    picture = Image.new("RGBA", SIZE, (250, 248, 242, 255))
    draw = ImageDraw.Draw(picture)
    for y in range(SIZE[1]):  # a faint slope of light, as on paper
        draw.line([(0, y), (SIZE[0], y)], fill=(250 - y // 32, 248 - y // 32, 242 - y // 24, 255))

    lines = []

    def write(place, text, face, size, colour):
        draw.text(place, text, font=font(face, size), fill=colour)
        lines.append(text)

    write((48, 32), "Temper reads text", "DejaVuSans-Bold", 56, (24, 32, 56))
    write((52, 118), "An inference optimizer and runtime", "DejaVuSerif", 34, (60, 60, 60))
    draw.rounded_rectangle((48, 186, 470, 262), 14, fill=(196, 60, 44))
    write((72, 202), "OPEN SOURCE", "DejaVuSans-Bold", 40, (255, 255, 255))
    draw.rectangle((510, 186, 900, 262), outline=(30, 110, 70), width=4)
    write((534, 206), "Apache License 2.0", "DejaVuSansMono", 32, (30, 110, 70))
    write((52, 300), "ONNX in, tuned plan out", "DejaVuSans", 30, (20, 60, 150))
    write((560, 300), "since 2026: 3.14159", "DejaVuSansMono-Bold", 30, (120, 40, 130))
    draw.rectangle((0, 366, SIZE[0], 440), fill=(34, 40, 52))
    write((52, 384), "temper trtexec model.onnx", "DejaVuSansMono", 30, (140, 230, 150))
    turned(picture, (60, 520), "slightly turned to the left", font("DejaVuSans", 32), (90, 60, 20), 6)
    lines.append("slightly turned to the left")
    turned(picture, (560, 486), "and to the right", font("DejaVuSerif-Bold", 30), (150, 30, 60), -5)
    lines.append("and to the right")
    write((52, 586), "small print needs sharp eyes, 0123456789", "DejaVuSans", 18, (70, 70, 70))

    picture.convert("RGB").save(path, optimize=False)
    with open(words, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
