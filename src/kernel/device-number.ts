/**
 * Splits a dev_t into its 12 bits of major and 20 bits of minor number, as the kernel packs them in 32 bits
 * (new_encode_dev of <linux/kdev_t.h>).
 */
export function deviceNumber(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
