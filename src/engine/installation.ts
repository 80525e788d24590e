/** Where this tsrun is. */
import { dirname, join } from "node:path";
import { nativePath } from "../kernel/native.ts";

/** The absolute path of bin/tsrun of this very installation; native/build stands beside bin/. */
export function installedCommand(): string {
  return join(dirname(dirname(dirname(nativePath("libtsrun.so")))), "bin", "tsrun");
}
