"""Damages the given images in many ways; prints what Pillow makes of each: the SHA-256 of its pixels, or null.

Reads {"folder", "files", "each"}; prints [{"file", "pixels"}] of the files that it wrote into the folder.
"""
import hashlib
import json
import random
import sys
import warnings

from PIL import Image

warnings.simplefilter("ignore")
asked = json.load(sys.stdin)
random.seed(5)
found = []
for file in asked["files"]:
    whole = open(f"{asked['folder']}/{file}", "rb").read()
    for number in range(asked["each"]):
        damaged = bytearray(whole)
        if number % 4 == 0:
            # Pillow reads a PNG without its last chunk; we call that cut short. 16 bytes avoid the difference.
            del damaged[random.randrange(max(1, len(damaged) - 16)) :]
        else:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        name = f"damaged-{number}-{file}"
        open(f"{asked['folder']}/{name}", "wb").write(damaged)
        try:
            pixels = hashlib.sha256(Image.open(f"{asked['folder']}/{name}").convert("RGB").tobytes()).hexdigest()
        except Exception:
            pixels = None
        found.append({"file": name, "pixels": pixels})
json.dump(found, sys.stdout)
