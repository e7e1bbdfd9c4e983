import { packageVersion } from '../../common/package-version.ts';
import { type DeviceSetting, type Provider, resolveDevices } from './devices.ts';

/** What activations depend on beside the model, for the fingerprint: the runtime's version and the execution provider. */
export function runtimeEnvironment({ device }: { readonly device: DeviceSetting }): {
  readonly onnxruntime: string;
  readonly provider: Provider;
} {
  return { onnxruntime: packageVersion('onnxruntime-node'), provider: resolveDevices(device).provider };
}
