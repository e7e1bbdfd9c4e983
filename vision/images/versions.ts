import { packageVersion } from '../../common/package-version.ts';

/** Versions that pixels depend on beside our own code: sharp's, which pins libvips and the codecs. */
export function decoderVersions(): { readonly sharp: string } {
  return { sharp: packageVersion('sharp') };
}
