/** Descriptors that the caller hands to the container: --preserve-fds. */
import { fstatSync } from "node:fs";
import { invalidRequest } from "./errors.ts";

const FIRST = 3;

/** Throws where one of the descriptors is not open. */
export function checkPreserved(count: number): void {
  for (let index = 0; index < count; index++) {
    try {
      fstatSync(FIRST + index);
    } catch (error) {
      throw invalidRequest(
        `unable to stat preserved-fd ${index} (of ${count}): no such file or directory`,
        error,
      );
    }
  }
}
