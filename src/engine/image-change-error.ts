/** What is wrong with an instruction of --change. */
import { TsrunError } from "../errors.ts";

/** The instructions of a Dockerfile that change nothing but an image's configuration. */
export const CHANGE_NAMES = [
  ...["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL"],
  ...["ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"],
];

export function invalid(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_CHANGE_INVALID", message, {
    hint: `write one instruction of a Dockerfile, of ${CHANGE_NAMES.join(", ")}: --change 'CMD ["sh"]'`,
  });
}
