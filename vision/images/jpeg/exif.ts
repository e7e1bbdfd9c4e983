/**
 * The orientation that an Exif segment gives an image (1 to 8; 1, upright, where it gives none): tag 0x0112 of its first
 * directory, one number of 16 bits (Exif 2.32, §4.6). Undefined when the segment is damaged or isn't clear.
 */
export function exifOrientation(body: Buffer): number | undefined {
  const order = body.toString('latin1', 6, 10);
  const isLittle = order === 'II*\0';
  if (body.length < 14 || (!isLittle && order !== 'MM\0*')) return;
  const short = (at: number) => (isLittle ? body.readUInt16LE(at) : body.readUInt16BE(at));
  const long = (at: number) => (isLittle ? body.readUInt32LE(at) : body.readUInt32BE(at));
  const directory = 6 + long(10);
  if (directory + 2 > body.length) return;
  const end = directory + 2 + 12 * short(directory);
  if (end > body.length) return;
  let found: number | undefined;
  for (let entry = directory + 2; entry < end; entry += 12) {
    if (short(entry) !== 0x0112) continue;
    const [type, count, value] = [short(entry + 2), long(entry + 4), short(entry + 8)];
    if (found !== undefined || type !== 3 || count !== 1 || value < 1 || value > 8) return;
    found = value;
  }
  return found ?? 1;
}
