import { packageVersion } from '../../common/package-version.ts';

/** What activations depend on beside the model, for the fingerprint: the runtime's version and the execution provider. */
export function runtimeEnvironment(): { readonly onnxruntime: string; readonly provider: string } {
  return { onnxruntime: packageVersion('onnxruntime-node'), provider: 'cpu' };
}
