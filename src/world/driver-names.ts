/** What `--driver` may say. `auto`: virtual machines where KVM boots them, else the sandbox. */
export const driverNames = ['auto', 'vm', 'sandbox'] as const;
export type DriverName = (typeof driverNames)[number];

/** What was asked for: an option, where it says more than `auto`, else `LAYER_DRIVER`. A name that is none counts as none. */
export function driverNamed(option: DriverName, variable: string | undefined): DriverName {
  if (option !== 'auto') return option;
  return driverNames.find((one) => one === variable) ?? 'auto';
}
