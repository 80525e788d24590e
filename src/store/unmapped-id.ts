/** Ids that an ordinary user's containers do not have. */
import { TsrunError } from "../errors.ts";
import { lastId } from "../kernel/rootless.ts";

/** Throws ERR_TSRUN_ID_UNMAPPED at the first that this process's user namespace lacks. */
export function requireMappedIds(...ids: readonly number[]): void {
  const missing = ids.find((id) => id > lastId());
  if (missing !== undefined) throw unmappedId(missing);
}

function unmappedId(id: number): TsrunError {
  const message = `your containers have no user or group ${id}: the last one is ${lastId()}`;
  return new TsrunError("ERR_TSRUN_ID_UNMAPPED", message, {
    hint: "add a longer range to /etc/subuid and /etc/subgid: sudo usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER; it is used when your namespaces are made anew, after the process tsrun-holder has ended",
  });
}
