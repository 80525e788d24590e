import type { NetworksApi } from "../api.ts";
import type { EngineContext } from "../context.ts";

/** The verbs of networks. */
export const networksOf = (context: EngineContext): NetworksApi => ({
  async create(request) {
    const { createNetwork } = await import("../networks.ts");
    return createNetwork(context, request);
  },

  async list() {
    const { listNetworks } = await import("../networks.ts");
    return listNetworks(context);
  },

  async inspect(network) {
    const { inspectNetwork } = await import("../networks.ts");
    return inspectNetwork(context, network);
  },

  async graph(network) {
    const { networkGraph } = await import("../network-graph.ts");
    return networkGraph(context, network);
  },

  async remove(network) {
    const { removeNetwork } = await import("../networks.ts");
    return removeNetwork(context, network);
  },

  async prune(options = {}) {
    const { pruneNetworks } = await import("../networks.ts");
    return pruneNetworks(context, options);
  },

  async connect(container, options) {
    const { connectContainer } = await import("../network-connect.ts");
    return connectContainer(context, container, options);
  },

  async disconnect(container, options) {
    const { disconnectContainer } = await import("../network-connect.ts");
    return disconnectContainer(context, container, options);
  },

  async serveNames(listenerFd) {
    const { serveNames } = await import("../resolver.ts");
    return serveNames(context, listenerFd);
  },
});
