/**
 * What takes its time and needs to know little of a container, and so is begun as soon as a start owns it: its monitor
 * boots, and the kernel makes its network namespace.
 */
import { type BegunNetworkNamespace, beginNetworkNamespace } from "../kernel/netns.ts";
import { type Summoned, type Summons, summonMonitor } from "../runtime/launch.ts";

export interface BegunStart extends Disposable {
  monitor: Summoned;
  /** undefined where it is another's, or has to be its user namespace's. */
  network: BegunNetworkNamespace | undefined;
}

/** Disposing of it takes back what was not used. */
export function beginStart(summons: Summons, { ownNetwork }: { ownNetwork: boolean }): BegunStart {
  const monitor = summonMonitor(summons);
  let network: BegunNetworkNamespace | undefined;
  try {
    if (ownNetwork) network = beginNetworkNamespace();
  } catch (error) {
    monitor[Symbol.dispose]();
    throw error;
  }
  return {
    monitor,
    network,
    [Symbol.dispose]() {
      network?.[Symbol.dispose]();
      monitor[Symbol.dispose]();
    },
  };
}
