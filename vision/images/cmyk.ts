/**
 * CMYK to RGB as Pillow's `convert('RGB')` computes it, without a colour profile: each channel is (255 - K) less
 * C · (255 - K) / 255, the product rounded by the shift-and-add form of division by 255.
 * `data` holds four bytes a pixel; returns three.
 */
export function cmykToRgb(data: Uint8Array): Uint8Array {
  const out = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const light = 255 - data[from + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      const product = data[from + channel]! * light + 128;
      out[to + channel] = light - ((product + (product >> 8)) >> 8);
    }
  }
  return out;
}
