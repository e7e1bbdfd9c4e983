import { packageVersion } from '../../common/package-version.ts';
import { drawingVersions } from '../../figures/versions.ts';

/** Versions that the bytes of figures and pictures depend on. */
export function reportVersions(): Record<string, string> {
  return { sharp: packageVersion('sharp'), ...drawingVersions() };
}
